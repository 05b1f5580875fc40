"""The servers that are measured: how each is started, told what to say, asked, weighed and ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import installing
import psutil
from generator import LoadError
from request_bodies import ANSWER, MODEL, PATH, PROMPT, TOKENS, body

from mistral_on_azure.azure.children import reserved_port

OURS, FLOOR, MOCKTOPUS, AIMOCK = "cookbook serve", "floor", "mocktopus", "aimock"
FIRST, GAP = 0.200, 0.020  # seconds to the first token and between tokens, in the paced measure
PACED_PROMPT = "How many languages are there in the world, and how fast can you say so?"
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Pace:
    """How a paced stream is asked for.

    `together` counts the events that are no tokens and take no time of their own: with ours, the one that opens the
    stream comes with the first token and the one that ends it with the last.
    """

    prompt: str = PROMPT
    headers: str = ""
    together: int = 0

    def schedule(self, events: int) -> float:
        """Seconds from the request to the end of a stream."""
        return FIRST + GAP * (events - self.together - 1)


@dataclass(frozen=True, slots=True)
class Contender:
    """One server. `command` is called with the port."""

    name: str
    command: Callable[[int], list[str]]
    pace: Pace | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    def variables(self) -> dict[str, str]:
        """The environment of the process."""
        return {**installing.variables_kept(), "AZURE_INFERENCE_CREDENTIAL": self.key}


def ours() -> Contender:
    """The local endpoint as a user starts it; its quota is computed but too high to be reached."""
    command = [str(Path(sys.executable).with_name("cookbook")), "serve"]
    quota = ["--requests-per-minute", "1000000000", "--tokens-per-minute", "1000000000000"]
    pace = Pace(headers=f"x-local-timing: first-token={FIRST}; tokens-per-second={1 / GAP:g}\r\n", together=2)
    return Contender(OURS, lambda port: [*command, *quota, "--port", str(port)], pace=pace)


def floor() -> Contender:
    """A constant answer on the same server library."""
    return Contender(FLOOR, lambda port: [sys.executable, str(_HERE / "floor.py"), str(port)])


def mocktopus() -> Contender:
    """mocktopus as it comes, with one rule. It checks no key; its 20 ms between stream events cannot be changed."""
    command = installing.mocktopus()
    scenario = installing.CACHE / "mocktopus.json"  # JSON is YAML
    rule = {"type": "llm.openai", "when": {"model": MODEL, "messages_contains": PROMPT}}
    usage = {"input_tokens": 12, "output_tokens": TOKENS, "total_tokens": 12 + TOKENS}
    scenario.write_text(json.dumps({"version": 1, "rules": [{**rule, "respond": {"content": ANSWER, "usage": usage}}]}))
    return Contender(MOCKTOPUS, lambda port: [str(command), "serve", "-s", str(scenario), "-p", str(port)])


def aimock() -> Contender:
    """aimock as it comes, its log off, with a second answer for the paced measure."""
    script = installing.aimock()
    fixtures = installing.CACHE / "aimock.json"
    profile = {"ttft": FIRST * 1000, "tps": 1 / GAP}
    paced = {"match": {"userMessage": PACED_PROMPT}, "response": {"content": ANSWER}, "streamingProfile": profile}
    plain = {"match": {"userMessage": PROMPT}, "response": {"content": ANSWER}}
    fixtures.write_text(json.dumps({"fixtures": [paced, plain]}))
    options = ["--fixtures", str(fixtures), "--log-level", "silent"]
    return Contender(AIMOCK, lambda port: ["node", str(script), *options, "--port", str(port)], pace=Pace(PACED_PROMPT))


def available() -> tuple[list[Contender], list[str]]:
    """The contenders that can be had here, and a line for each that cannot."""
    found, missing = [ours(), floor()], []
    for make in (mocktopus, aimock):
        try:
            found.append(make())
        except installing.Missing as why:
            missing.append(str(why))
    return found, missing


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

    def memory(self) -> float:
        """Resident memory in MiB, child processes included."""
        return sum(each.memory_info().rss for each in self._family()) / 2**20

    def processor_time(self) -> float:
        """Seconds of processor time, child processes included."""
        return sum(times.user + times.system for times in (each.cpu_times() for each in self._family()))

    def _family(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

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
