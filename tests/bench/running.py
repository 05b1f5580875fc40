"""A contender's process: started on a core of its own, asked for its first answer, weighed and ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contenders import Contender
from generator import LoadError
from request_bodies import PATH, body

from mistral_on_azure.azure.children import reserved_port

_START_TIMEOUT, _POLL = 30.0, 0.002  # seconds
# The server has the first core, the load generator the last; on one core they share it, and the report says so.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(core: int) -> None:
    """Keep this process, and those it starts from now on, on one core."""
    if CORES:
        os.sched_setaffinity(0, {CORES[core]})


class Running:
    """A running contender.

    Attributes:
        first: seconds from the start of the process to its first 200.
    """

    def __init__(self, contender: Contender) -> None:
        self.contender, self.port = contender, reserved_port()
        pin(0)
        started = time.perf_counter()
        self.process = subprocess.Popen(
            contender.command(self.port),
            env=contender.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        pin(-1)
        try:
            self._wait(started + _START_TIMEOUT)
        except BaseException:
            self.stop()
            raise
        self.first = time.perf_counter() - started

    def _wait(self, deadline: float) -> None:
        while time.perf_counter() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask(body())[0] == 200:
                    return
            time.sleep(_POLL)
        raise LoadError(f"{self.contender.name} did not start")

    def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Send one chat completion; returns status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"authorization": f"Bearer {self.contender.key}", "content-type": "application/json"}
        try:
            connection.request("POST", PATH, sent, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def memory(self) -> float | None:
        """Resident memory in MiB, child processes included; None where the system does not tell."""
        pages = sum(_resident(pid) for pid in _family(self.process.pid))
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 or None

    def processor_time(self) -> float:
        """Seconds of processor time, child processes included; 0 where the system does not tell."""
        ticks = sum(_ticks(pid) for pid in _family(self.process.pid))
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process; safe to call twice."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def verify(running: Running) -> int:
    """Hold a server to real answers before it is timed; returns how many events its stream has, `[DONE]` left out.

    Raises:
        LoadError: for an answer without its text or its usage, or a stream whose pieces are not the text.
    """
    name = running.contender.name
    status, whole = running.ask(body())
    answer: dict[str, Any] = json.loads(whole)
    text, usage = answer["choices"][0]["message"]["content"], answer["usage"]
    if status != 200 or not text or usage["total_tokens"] != usage["prompt_tokens"] + usage["completion_tokens"]:
        raise LoadError(f"{name} does not answer as it should")
    status, streamed = running.ask(body(stream=True))
    events = [line[6:] for line in streamed.splitlines() if line.startswith(b"data: ")]
    if status != 200 or events.pop() != b"[DONE]":
        raise LoadError(f"{name} does not stream as it should")
    pieces = [choice["delta"].get("content") for event in events for choice in json.loads(event)["choices"]]
    if "".join(piece or "" for piece in pieces) != text:
        raise LoadError(f"{name} streams something else than it answers")
    return len(events)


def _family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])  # in user mode and in the kernel


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
