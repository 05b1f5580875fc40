"""The local endpoint's life: it starts by itself, serves a whole run, and ends with its parent."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from asking import LARGE

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, MODEL
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError

COOKBOOK = Path(sys.executable).with_name("cookbook")


def gone(url: str, within: float = 5.0) -> bool:
    host, port = re.search(r"//([^:]+):(\d+)", url).groups()
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_it_answers_and_stops():
    with start() as endpoint:
        assert endpoint.url.startswith("http://127.0.0.1:") and len(endpoint.keys[0]) == 32
        assert http.request("GET", f"{endpoint.url}/info", endpoint.keys[0]).status == 200
    assert gone(endpoint.url) and endpoint.process.returncode == 0


def test_files_of_the_current_folder_are_no_modules_of_the_endpoint(tmp_path, monkeypatch):
    for name in ("attr", "jsonschema", "json", "uvloop"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('This is somebody else's file.')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    body = {"model": LARGE, "messages": [{"role": "user", "content": "find it"}], "tools": [tool]}
    with start() as endpoint:
        found = http.request("POST", f"{endpoint.url}/v1/chat/completions", endpoint.keys[0], body)
        assert found.status == 200


def test_two_at_once():
    with start() as one, start() as other:
        assert one.url != other.url
        assert http.request("GET", f"{one.url}/info", other.keys[0]).status == 401


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent_however_that_ends(how):
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from mistral_on_azure.endpoint.starting import start; import time; "
            "print(start().url, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    url = parent.stdout.readline().strip()
    assert not gone(url, within=0.1)
    parent.send_signal(how)
    parent.wait(10)
    assert gone(url)


def test_the_key_is_in_no_process_argument():
    with start() as endpoint:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        assert endpoint.keys[0] not in listed


def test_a_taken_port_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([COOKBOOK, "serve", "--port", str(port)], capture_output=True, text=True, timeout=30)
        with pytest.raises(CookbookError):
            start(port=port)
    assert done.returncode == 1 and f"Port {port} cannot be used" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def served(until: str, *options: str, **environment: str) -> tuple[subprocess.Popen, list[str]]:
    """`cookbook serve`, and what it printed until a line began like this."""
    without = {name: value for name, value in os.environ.items() if name != CREDENTIAL}
    command = [COOKBOOK, "serve", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**without, **environment})
    lines = []
    while not lines or not lines[-1].startswith(until):
        lines.append(process.stdout.readline())
        assert lines[-1], f"it ended without a line that begins with {until}"
    return process, lines


@pytest.mark.parametrize("given", ["k" * 32, "", None])
def test_serving_in_the_foreground(given):
    process, lines = served("Ready", **({} if given is None else {CREDENTIAL: given}))
    values = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    assert (CREDENTIAL in values) == (not given)
    key = given or values[CREDENTIAL]
    assert http.request("GET", f"{values[ENDPOINT]}/info", key).status == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


@pytest.mark.parametrize("client", ["openai-sdk", "azure-sdk"])
def test_a_foundry_resource_prints_what_a_copied_program_needs(client, tmp_path):
    """The lines are pasted into a shell; the model's name goes into the program."""
    process, lines = served(f"export {MODEL}=", "--kind", "foundry")
    key, plain, ready, words, *exports = (line.rstrip("\n") for line in lines)
    assert re.fullmatch(rf"{ENDPOINT}=http://127\.0\.0\.1:\d+", plain) and ready.startswith("Ready")
    assert all(line.startswith("export ") for line in exports)
    settings = dict(line.removeprefix("export ").split("=", 1) for line in (key, *exports))
    assert settings[MODEL] in words
    program = copied_for(client, settings[MODEL])
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **settings}, capture_output=True, text=True, timeout=60
    )
    process.send_signal(signal.SIGINT)
    assert (done.returncode, done.stderr) == (0, "") and f"Model: {settings[MODEL]}" in done.stdout
    assert process.wait(10) == 0


def copied_for(client: str, model: str) -> str:
    """A copied program, with another model's name in it."""
    copied = subprocess.run(
        [COOKBOOK, "snippet", "complete", client], capture_output=True, text=True, check=True
    ).stdout
    program = re.sub(r'^model = ".*?"', f'model = "{model}"', copied, count=1, flags=re.MULTILINE)
    assert program != copied
    return program


def test_an_unknown_default_deployment_is_said():
    done = subprocess.run([COOKBOOK, "serve", "--deployment", "x"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "Choose one of" in done.stderr
