"""`cookbook doctor`, as its users run it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time

from click.testing import CliRunner

from commanding import COOKBOOK
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.cli import main
from servers import talking


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(COOKBOOK), "doctor", "--timeout", "60", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_without_an_endpoint_the_local_one_is_examined():
    done = doctor()
    assert done.returncode == 0 and not done.stderr, done
    assert done.stdout.startswith(f"Examining the local endpoint, because {ENDPOINT} is not set.")
    assert "Nothing fails." in done.stdout


def test_json(local):
    done = doctor("--json", "--deployment", "mistralai-Mistral-7B-Instruct-v02")
    document = json.loads(done.stdout)
    assert done.returncode == 0 and document["passed"] and document["examined"] == f"{ENDPOINT} with {CREDENTIAL}"
    answered = next(check["found"] for check in document["checks"] if check["check"] == "deployment")
    assert answered == "mistralai-Mistral-7B-Instruct-v02 answers"


def test_the_exit_status(local):
    failed = doctor("--endpoint", f"{local.url}/score")
    assert failed.returncode == 1 and "One thing fails: address." in failed.stdout and local.key not in failed.stdout
    for mistake in (["--timeout", "soon"], ["--timeout", "0"], ["--key", "x"], ["more"]):
        wrong = CliRunner().invoke(main, ["doctor", *mistake])
        assert wrong.exit_code == 2 and wrong.output.count("\n") == 1 and "doctor --help" in wrong.output


def test_a_key_without_an_endpoint():
    done = doctor(**{CREDENTIAL: "some-key-or-other"})
    assert done.returncode == 1 and f"{ENDPOINT} is empty" in done.stdout and "some-key" not in done.stdout


def test_the_example_on_the_page(local, root):
    section = (
        (root / "helpers/mistral_on_azure/running/README.md")
        .read_text(encoding="utf-8")
        .partition("## Find out what is wrong")[2]
    )
    example = section.partition("```text\n")[2].partition("```")[0].replace("http://127.0.0.1:8000", local.url)
    shown = doctor(**{ENDPOINT: f"{local.url}/score"}).stdout
    assert example.split() and " ".join(example.split()) in " ".join(shown.split())


def test_ctrl_c():
    """On a terminal, while a server keeps the doctor waiting."""
    with talking(lambda peer: peer.recv(1) and time.sleep(90)) as port:
        control, terminal = pty.openpty()
        command = [str(COOKBOOK), "doctor", "--endpoint", f"http://127.0.0.1:{port}"]
        process = subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, CREDENTIAL: "k" * 32}
        )
        os.close(terminal)
        seen = b""
        while b"looking at: HTTP" not in seen:
            seen += os.read(control, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        while True:
            try:
                seen += os.read(control, 4096)
            except OSError:
                break
        os.close(control)
    assert b"Interrupted." in seen and b"Traceback" not in seen
