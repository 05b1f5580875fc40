"""A process whose event loop is busy and never comes back ends all the same, within seconds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from raw import KEY, chat

from mistral_on_azure.endpoint.ending import BUSY

PROGRAM = f"""
import re, time
from mistral_on_azure.endpoint.__main__ import until_parent_ends
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


@pytest.mark.parametrize(
    ("work", "how"),
    [(LOOP, signal.SIGTERM), (LOOP, signal.SIGINT), (LOOP, None), (PATTERN, signal.SIGTERM), (SLEEP, None)],
    ids=["loop-SIGTERM", "loop-SIGINT", "loop-orphan", "pattern-SIGTERM", "sleep-orphan"],
)
@pytest.mark.timeout(60)
def test_a_busy_process_ends(work, how):
    """By a signal, or because its parent has ended, which is the end of its standard input."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", PROGRAM.format(work)], stdin=pipe, stdout=pipe, text=True)
    try:
        port = int(process.stdout.readline().strip().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(chat())
            assert process.stdout.readline() == "busy\n"
            began = time.monotonic()
            if how is None:
                process.stdin.close()
            else:
                process.send_signal(how)
            assert process.wait(30) == 1
            assert time.monotonic() - began >= BUSY - 0.1  # it was given the time to come back
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("how", [signal.SIGTERM, None], ids=["SIGTERM", "orphan"])
@pytest.mark.timeout(60)
def test_a_process_does_not_wait_for_its_background(how):
    """Python itself would wait for the thread, for ever."""
    pipe, work = subprocess.PIPE, "from mistral_on_azure.endpoint.bounds import in_background"
    program = PROGRAM.format(f"{work}; return in_background(time.sleep, 600)")
    process = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True)
    try:
        port = int(process.stdout.readline().strip().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(chat())
            assert process.stdout.readline() == "busy\n"
        process.stdin.close() if how is None else process.send_signal(how)
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()


def test_work_that_comes_back_in_time_ends_in_order():
    pipe = subprocess.PIPE
    program = PROGRAM.format("time.sleep(0.3); raise SystemError")
    process = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    port = int(process.stdout.readline().strip().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(chat())
        assert process.stdout.readline() == "busy\n"
        os.kill(process.pid, signal.SIGTERM)
        assert peer.recv(1000).startswith(b"HTTP/1.1 500")
    assert process.wait(30) == 0
