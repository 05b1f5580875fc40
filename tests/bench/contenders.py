"""The servers that are measured: how each is started, what it is told to say, and how it is asked for timing."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import installing
from request_bodies import ANSWER, MODEL, PROMPT, TOKENS

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
    environment: dict[str, str] = field(default_factory=dict)
    pace: Pace | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(16))

    def variables(self) -> dict[str, str]:
        """The environment of the process: this one's without what belongs to a real endpoint or slows a start."""
        left_out = ("AZURE_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        return {**kept, **self.environment, "AZURE_INFERENCE_CREDENTIAL": self.key}


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
