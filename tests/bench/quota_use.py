"""`make bench-quota`: how much of a quota each way of asking uses, and how often it is refused, side by side.

Each contender has a session of its own at one local endpoint, with the whole quota of a deployment, and asks for some
minutes with 32 workers. What it used and what was refused is read from the endpoint's journal. The results are kept in
upkeep/measurements; the recipe on quotas shows them. Some contenders are in no lock of the cookbook: --python names the
Python of an environment that has them, and httpx.
"""

from __future__ import annotations

import argparse
import datetime
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import reporting
from mistral_common.protocol.instruct.messages import UserMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

from mistral_on_azure.azure import http
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.files import write_json
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from mistral_on_azure.upkeep import measurements

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE.parents[1] / "notebooks" / "recipes" / "quota.ipynb"
LEDGER = ("ledger-1", "ledger-2")  # the cells of the notebook that are tried
TOKENS, REQUESTS, MAX_TOKENS = 200_000, 1_000, 200
PACE = "first-token=0.2; tokens-per-second=100"
SAMPLE = 0.5  # seconds between two looks at a session
JOURNAL = 1_000  # exchanges that the endpoint keeps, more than come between two looks
HERE_TOO = {  # name and package; those of the second table are installed by --python's owner
    "naive": "httpx", "requests": "requests", "azure-sdk": "azure-ai-inference", "openai-sdk": "openai",
    "langchain": "langchain-mistralai", "mistralai": "mistralai", "litellm": "litellm", "router": "litellm",
    "aiolimiter-worst": "aiolimiter", "aiolimiter-mean": "aiolimiter", "ledger": "", "ledger-4": "",
}  # fmt: skip
ELSEWHERE = {"pyrate-limiter": "pyrate-limiter", "throttled-py": "throttled-py", "token-throttle": "token-throttle"}


def prompts(count: int, seed: int = 1) -> list[tuple[str, int]]:
    """Passages of Python's own documentation to summarise, each with its tokens."""
    text, draw, tokenizer = "\n".join(topics.values()), random.Random(seed), MistralTokenizer.v1()
    made = []
    for _ in range(count):
        size = draw.randint(1_000, 5_000)
        at = draw.randrange(len(text) - size)
        prompt = f"Summarise this passage in one sentence:\n{text[at : at + size]}"
        asked = ChatCompletionRequest(messages=[UserMessage(content=prompt)])
        made.append((prompt, len(tokenizer.encode_chat_completion(asked).tokens)))
    return made


class Watched:
    """A session from now on, seen through the endpoint's journal."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self.before = self.calls = self._spent()["calls"]
        self.statuses: dict[float, int] = {}  # by the second at which the endpoint took the request
        self.used: list[int] = []  # tokens, at each look

    def _spent(self) -> dict[str, Any]:
        return http.request("GET", f"{self.url}/local/session", self.key).json()

    def look(self) -> None:
        spent = self._spent()
        self.used.append(spent["prompt_tokens"] + spent["completion_tokens"])
        if new := spent["calls"] - self.calls:
            wanted = min(new + JOURNAL // 10, JOURNAL)  # some more come between the two requests
            last = http.request("GET", f"{self.url}/local/exchanges?last={wanted}", self.key).json()
            self.statuses |= {each["at"]: each["status"] for each in last if each["path"].endswith("/completions")}
            self.calls = spent["calls"]


def run(names: Sequence[str], minutes: float, minute: float, python: str) -> dict[str, dict[str, Any]]:
    """Run contenders side by side. Seconds and tokens in what is returned are as measured."""
    keys, first = [new_key() for _ in names], new_key()
    made = prompts(round(minutes * 330) + 300)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        endpoint = stack.enter_context(start([*keys, first], timing=PACE, minute=minute, exchanges=JOURNAL))
        _wake(endpoint.url, first)
        (folder / "prompts.json").write_text(json.dumps(made), encoding="utf-8")
        children = {
            name: _children(name, endpoint, key, folder, minutes * minute, minute, python)
            for name, key in zip(names, keys, strict=True)
        }
        for child in (child for several in children.values() for child in several):
            if child.stdout.readline() != "ready\n":
                raise SystemExit(f"{child.args[-1]} did not begin.")
        watched = {name: Watched(endpoint.url, key) for name, key in zip(names, keys, strict=True)}
        for child in (child for several in children.values() for child in several):
            child.stdin.write("go\n")
            child.stdin.flush()
        ends = time.monotonic() + minutes * minute
        while (left := ends - time.monotonic()) > 0:
            for each in watched.values():
                each.look()
            time.sleep(min(SAMPLE, left))
        for each in watched.values():
            each.look()
        return {name: _figures(watched[name], children[name], minutes) for name in names}


def _wake(url: str, key: str) -> None:
    """One request that is not measured: the endpoint loads its tokenizer for it."""
    body = {"messages": [{"role": "user", "content": "Are you awake?"}], "max_tokens": 1}
    http.request("POST", f"{url}/chat/completions", key, body)


def _children(
    name: str, endpoint: LocalEndpoint, key: str, folder: Path, seconds: float, minute: float, python: str
) -> list[subprocess.Popen]:
    places = int(name.rpartition("-")[2]) if name.startswith("ledger-") else 1
    cells = {cell.id: cell.source for cell in load(NOTEBOOK).code}
    task = {
        "url": endpoint.url, "key": key, "model": default_name(), "max_tokens": MAX_TOKENS, "tokens": TOKENS,
        "requests": REQUESTS, "minute": minute, "seconds": seconds, "prompts": str(folder / "prompts.json"),
        "places": places, "package": {**HERE_TOO, **ELSEWHERE}[name], "file": str(folder / f"{name}.db"),
        "ledger": "\n\n".join(cells[each] for each in LEDGER),
    }  # fmt: skip
    started = []
    for place in range(places):
        program = [python if name in ELSEWHERE else sys.executable, str(HERE / "quota_contender.py")]
        child = subprocess.Popen(
            [*program, name if places == 1 else "ledger"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        child.stdin.write(json.dumps(task | {"place": place}) + "\n")
        child.stdin.flush()
        started.append(child)
    return started


def _figures(watched: Watched, children: Sequence[subprocess.Popen], minutes: float) -> dict[str, Any]:
    """What one contender did: of the quota, what it used; of its requests, those that were refused."""
    said = [json.loads(child.stdout.readline()) for child in children]
    for child in children:
        child.wait(timeout=60)
    return {
        "used": round(watched.used[-1] / (TOKENS * (1 + minutes)), 4),
        "requests": watched.calls - watched.before,
        "refused": list(watched.statuses.values()).count(429),
        "seen": len(watched.statuses),
        "failed": sum(each["failed"] for each in said),
        "answered": sum(each["answered"] for each in said),
        "version": said[0]["version"],
        "median": max(each["median"] for each in said),
        "p95": max(each["p95"] for each in said),
        "tokens": watched.used,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="how many minutes of the quota")
    parser.add_argument("--minute", type=float, default=60.0, help="seconds that a minute takes")
    parser.add_argument("--at-once", type=int, default=4, help="contenders at a time")
    parser.add_argument("--python", default="", help=f"the Python that has {', '.join(ELSEWHERE.values())}")
    parser.add_argument("--only", nargs="*", default=[], help="names of contenders")
    given = parser.parse_args()
    names = given.only or [*HERE_TOO, *(ELSEWHERE if given.python else ())]
    results: dict[str, Any] = {}
    for place in range(0, len(names), given.at_once):
        some = names[place : place + given.at_once]
        for name, figures in run(some, given.minutes, given.minute, given.python).items():
            results[name] = figures
            print(json.dumps({name: {key: value for key, value in figures.items() if key != "tokens"}}), flush=True)
    if not given.only:
        kept = {
            "date": datetime.date.today().isoformat(), "machine": reporting.machine(), "minutes": given.minutes,
            "minute": given.minute, "sample": SAMPLE, "pace": PACE, "results": results,
        }  # fmt: skip
        write_json(measurements.FOLDER / "quota.json", kept)


if __name__ == "__main__":
    main()
