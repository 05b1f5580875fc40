"""`python one_client.py`: one client in a process of its own. What to run is JSON on standard input.

It runs a starter, whose first answer ends the start, and then the notebook's cells again and again: the one that
completes a chat, the one that streams, and those that ask many questions at once. So what is timed is the code that
people copy, with what it prints.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import json
import os
import statistics
import sys
import time
from types import CodeType
from urllib.request import Request, urlopen

import psutil

_WARM_UP = 5  # calls
_AT_ONCE, _TIMES = 32, 64  # calls at the same time, and how often the cell's three questions are asked


class _Printed(io.StringIO):
    """Standard output that knows when something was first written to it."""

    first = 0.0

    def write(self, text: str) -> int:
        self.first = self.first or (time.perf_counter() if text else 0.0)
        return super().write(text)


def main() -> None:
    job = json.load(sys.stdin)
    namespace = {"__name__": "__main__"}
    imports, rest = _parts(job["starter"])
    with contextlib.redirect_stdout(_Printed()):
        began = time.monotonic()
        exec(imports, namespace)
        imported = time.monotonic()
        exec(rest, namespace)
        answered, start_cpu = time.monotonic(), time.process_time()
        call, call_cpu, _ = _repeat(job["call"], job["calls"], namespace)
        sent = _sent()
        stream, _, first = _repeat(job["stream"], job["calls"], namespace)
        memory = psutil.Process().memory_info().rss / 2**20
        at_once = _at_once(job["at_once"], namespace) if "at_once" in job else {}
    measured = {
        "answered": answered,  # on the clock that all processes share
        "start_cpu": start_cpu,
        "import": imported - began,
        "call": call,
        "call_cpu": call_cpu,
        "stream": stream,
        "first": first,
        "memory": memory,
        "sent": sent,
        **at_once,
    }
    print(json.dumps(measured))


def _parts(program: str) -> tuple[CodeType, CodeType]:
    """A program up to its last import, and the rest of it."""
    body = ast.parse(program).body
    last = max(place for place, node in enumerate(body) if isinstance(node, ast.Import | ast.ImportFrom))
    parts = (body[: last + 1], body[last + 1 :])
    return tuple(compile(ast.Module(part, []), "starter", "exec", dont_inherit=True) for part in parts)


def _sent() -> str:
    """The body of the last request, as the local endpoint's journal has it."""
    key = {"Authorization": f"Bearer {os.environ['AZURE_INFERENCE_CREDENTIAL']}"}
    with urlopen(Request(f"{os.environ['AZURE_INFERENCE_ENDPOINT']}/local/exchanges?last=1", headers=key)) as answer:
        return json.load(answer)[0]["body"]


def _at_once(cells: str, namespace: dict) -> dict[str, float]:
    """Run the cells that ask at once, with more questions and more at a time than a notebook has.

    Returns:
        milliseconds of a completion, and of the processor's time for it.
    """
    few = "Semaphore(2)"
    if few not in cells:
        sys.exit(f"The cells that ask at once have no {few}: they cannot be the ones that are meant.")
    tree = ast.parse(cells.replace(few, f"Semaphore({_AT_ONCE})"))
    warm_up = _compiled(tree)  # imports and makes what is no part of a completion
    names = [ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else "" for node in tree.body]
    place = names.index("questions") + 1
    tree.body[place:place] = ast.parse(f"questions *= {_TIMES}").body
    code = _compiled(tree)

    async def both() -> tuple[float, float]:  # in one loop, since some clients keep their connections
        await eval(warm_up, namespace)
        began, cpu = time.perf_counter(), time.process_time()
        await eval(code, namespace)
        return time.perf_counter() - began, time.process_time() - cpu

    taken, cpu = asyncio.run(both())
    count = len(namespace["questions"])
    return {"many": taken / count * 1000, "many_cpu": cpu / count * 1000}


def _compiled(tree: ast.Module) -> CodeType:
    return compile(tree, "cells", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _repeat(cell: str, times: int, namespace: dict) -> tuple[float, float, float]:
    """Milliseconds of a cell, of the processor's time for it, and until it prints: the median, the mean, the median."""
    code = compile(cell, "cell", "exec", dont_inherit=True)
    before = sys.stdout.tell()
    for _ in range(_WARM_UP):
        exec(code, namespace)
    if sys.stdout.tell() == before:
        sys.exit("A cell that is timed prints nothing: it cannot be the one that is meant.")
    taken, first, cpu = [], [], time.process_time()
    for _ in range(times):
        sys.stdout.first, began = 0.0, time.perf_counter()
        exec(code, namespace)
        taken.append(time.perf_counter() - began)
        first.append(sys.stdout.first - began)
    used = (time.process_time() - cpu) / times
    return statistics.median(taken) * 1000, used * 1000, statistics.median(first) * 1000


if __name__ == "__main__":
    main()
