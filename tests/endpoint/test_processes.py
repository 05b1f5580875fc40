"""The endpoint as a process: how it starts, what it says and writes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.children import MISTAKE, reserved_port

KEY = "0123456789abcdef" * 2
SECRET_PROMPT = "the password of my bank is swordfish"


def _start(command: list[str], **more: str) -> subprocess.Popen:
    environment = {**os.environ, "COOKBOOK_LOCAL_KEYS": KEY, **more}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)


def _child(**more: str) -> subprocess.Popen:
    return _start([sys.executable, "-m", "mistral_on_azure.endpoint.server_process"], **more)


def _secure(url: str) -> Path:
    """Ask an endpoint for https; the folder of its certificates."""
    return Path(http.request("POST", f"{url}/local/session", KEY, {}).json()["authorities"]).parent


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_certificates_go_with_the_process(how):
    process = _child()
    folder = _secure(process.stdout.readline().strip())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (trusted,) = folder.iterdir()
    assert stat.S_IMODE(trusted.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in trusted.read_bytes()
    process.send_signal(how)
    assert process.wait(60) == 0
    assert not folder.exists()


def test_a_killed_endpoint_leaves_nothing():
    with tempfile.TemporaryDirectory() as short:  # pytest's own folders are too long for the endpoint to use
        killed = _child(TMPDIR=short)
        folder = _secure(killed.stdout.readline().strip())
        assert [*Path(short).iterdir()] == [folder]
        killed.kill()
        killed.wait()
        _until(lambda: not [*Path(short).iterdir()])


def test_the_child_ends_when_its_parent_is_killed():
    program = (
        "import sys, time; from mistral_on_azure.azure import http;"
        "from mistral_on_azure.endpoint.starting import start;"
        f"running = start(['{KEY}']);"
        f"secure = http.request('POST', running.url + '/local/session', '{KEY}', {{}}).json();"
        "print(running.process.pid, secure['authorities'], flush=True); time.sleep(60)"
    )
    parent = _start([sys.executable, "-c", program])
    child, trusted = parent.stdout.readline().split()
    assert Path(trusted).exists()
    parent.kill()
    parent.wait()
    _until(lambda: not _runs(int(child)))
    _until(lambda: not Path(trusted).parent.exists())


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc").exists():
            return False
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        return True
    return state != "Z"


def _until(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_system_with_little_room_for_open_files():
    import socket

    command = f"ulimit -S -n 100 && exec {sys.executable} -m mistral_on_azure.endpoint.server_process"
    process = _start(["sh", "-c", command])
    port = int(process.stdout.readline().strip().rpartition(":")[2])
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(256)]
    assert http.request("GET", f"http://127.0.0.1:{port}/info", KEY).status == 200
    for each in held:
        each.close()
    process.stdin.close()
    assert process.wait(60) == 0


def test_nothing_of_a_key_or_a_prompt_is_logged():
    process = _child()
    url = process.stdout.readline().strip()
    wanted = {"messages": [{"role": "user", "content": SECRET_PROMPT}]}
    assert http.request("POST", f"{url}/chat/completions", KEY, wanted).status == 200
    assert http.request("POST", f"{url}/chat/completions", KEY, {**wanted, "temperature": SECRET_PROMPT}).status == 422
    assert http.request("POST", f"{url}/chat/completions", "wrong-key", wanted).status == 401
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("", "")


def test_no_credential_and_no_prompt_in_a_repr():
    from mistral_on_azure.endpoint.local.sessions import Sessions
    from mistral_on_azure.endpoint.models.engine import RealModel
    from mistral_on_azure.endpoint.starting import LocalEndpoint
    from mistral_on_azure.endpoint.transport.exchange import Request
    from mistral_on_azure.upkeep.faults.calls import Call

    request = Request("POST", "/info", headers={"authorization": f"Bearer {KEY}"}, body=SECRET_PROMPT.encode())
    holders = [LocalEndpoint("", [KEY], None), RealModel("", KEY, "tiny"), Call("", KEY), Sessions([KEY]), request]
    holders.append(http.Streamed(200, {}, "/info", request.headers, SECRET_PROMPT, None, KEY))
    assert not [each for each in map(repr, holders) if KEY in each or SECRET_PROMPT in each]


def test_an_error_of_our_own_is_logged_without_what_was_asked(caplog):
    from mistral_on_azure.endpoint.application import Application
    from mistral_on_azure.endpoint.local.sessions import Sessions
    from mistral_on_azure.endpoint.transport.exchange import Request

    class Broken(dict):
        def get(self, *_):
            raise KeyError(SECRET_PROMPT)

    answer = Application(Sessions([KEY])).answer(Request("GET", "/info", headers=Broken()))
    assert answer.status == 500
    assert SECRET_PROMPT.encode() not in answer.body
    assert "KeyError at " in caplog.text
    assert SECRET_PROMPT not in caplog.text


def test_serve_takes_what_it_is_told():
    process = _child(COOKBOOK_LOCAL_OPTIONS='{"requests_per_minute": 7, "tokens_per_minute": 99, "token_lifetime": 30}')
    url = process.stdout.readline().strip()
    wanted = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    headers = http.request("POST", f"{url}/chat/completions", KEY, wanted).headers
    process.terminate()
    process.communicate(timeout=60)
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-limit-tokens"]) == ("7", "99")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"port": -1}, "cannot be used"),
        ({"deployment": "gpt-4"}, "There is no deployment 'gpt-4'"),
        ({"timing": "fast"}, "A timing is 'off', 'imitate'"),
        ({"timing": "first-token=-1"}, "first_token is a number of seconds from 0 to 600"),
        ({"requests_per_minute": 0}, "at least 1"),
        ({"without_models": True}, "--without-models is for --kind foundry, not for serverless: leave it out."),
        ({"kind": "managed", "retired": 404}, "--retired is for --kind serverless or foundry, not for managed"),
        ({"kind": "foundry", "concurrent": 2}, "--concurrent is for --kind managed, not for foundry"),
        ({"host": "203.0.113.1"}, "The address 203.0.113.1 cannot be used"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(options, said):
    process = _child(COOKBOOK_LOCAL_OPTIONS=json.dumps(options))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.count("\n"), err) == (1, 1, "")
    assert out.startswith(MISTAKE) and said in out


def test_a_reserved_port_goes_to_nobody_but_the_server_it_is_for():
    port = reserved_port()
    others = []
    try:
        for _ in range(300):
            others.append(socket.socket())
            others[-1].bind(("127.0.0.1", 0))
        assert port not in {other.getsockname()[1] for other in others}
        with socket.socket() as stranger, pytest.raises(OSError):
            stranger.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
            assert server.accept()[1][0] == "127.0.0.1"
    finally:
        for other in others:
            other.close()


@pytest.mark.all
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what a process holds is read from Linux's /proc")
def test_nothing_is_left_of_a_load():
    """How long others wait meanwhile is measured by hand, on a quiet machine: see `load`."""
    command = [sys.executable, str(Path(__file__).with_name("load.py")), "15"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    assert "left over: nothing" in said, said
    assert "UNEXPECTED" not in said
