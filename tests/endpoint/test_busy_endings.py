"""A process whose event loop is busy and never comes back ends all the same, within seconds."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from raw import KEY, chat

from mistral_on_azure.endpoint.server import BUSY

PROGRAM = f"""
import re, time
from mistral_on_azure.endpoint.server_process import until_parent_ends
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.server import Server, run

class Busy:
    name = info = None

    def answer(self, asked, quota, spend, own):
        print("busy", flush=True)
        {{}}

run(until_parent_ends(Server(Application(Sessions([{KEY!r}]), model=Busy()))))
"""
LOOP, PATTERN, SLEEP = "while True: pass", "re.match('(a|aa)+$', 'a' * 80 + 'b')", "time.sleep(600)"


@contextlib.contextmanager
def busy(work: str) -> Iterator[tuple[subprocess.Popen, socket.socket]]:
    """A process whose model is at work, and the client that waits for its answer."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", PROGRAM.format(work)], stdin=pipe, stdout=pipe, text=True)
    try:
        port = int(process.stdout.readline().strip().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(chat())
            assert process.stdout.readline() == "busy\n"
            yield process, peer
    finally:
        process.kill()
        process.wait()


def end(process: subprocess.Popen, how: signal.Signals | None) -> None:
    """By a signal, or because its parent has ended, which is the end of its standard input."""
    process.stdin.close() if how is None else process.send_signal(how)


@pytest.mark.parametrize(
    ("work", "how"),
    [(LOOP, signal.SIGTERM), (LOOP, signal.SIGINT), (LOOP, None), (PATTERN, signal.SIGTERM), (SLEEP, None)],
    ids=["loop-SIGTERM", "loop-SIGINT", "loop-orphan", "pattern-SIGTERM", "sleep-orphan"],
)
@pytest.mark.timeout(60)
def test_a_busy_process_ends(work, how):
    with busy(work) as (process, _):
        began = time.monotonic()
        end(process, how)
        assert process.wait(30) == 1
        assert time.monotonic() - began >= BUSY - 0.1  # it was given the time to come back


@pytest.mark.parametrize("how", [signal.SIGTERM, None], ids=["SIGTERM", "orphan"])
@pytest.mark.timeout(60)
def test_a_process_does_not_wait_for_its_background(how):
    """Python itself would wait for the thread, for ever."""
    work = "from mistral_on_azure.endpoint.bounds import in_background; return in_background(time.sleep, 600)"
    with busy(work) as (process, _):
        end(process, how)
        assert process.wait(30) == 1


def test_work_that_comes_back_in_time_ends_in_order():
    with busy("time.sleep(0.3); raise SystemError") as (process, peer):
        end(process, signal.SIGTERM)
        assert peer.recv(1000).startswith(b"HTTP/1.1 500")
        peer.close()
        assert process.wait(30) == 0
