"""`python one_client.py`: one client in a process of its own. What to run is JSON on standard input.

It runs a starter, whose first answer ends the start, and then two of the notebook's cells again and again: the one that
completes a chat and the one that streams. So what is timed is the code that people copy, with what it prints.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import statistics
import sys
import time
from types import CodeType

import psutil

_WARM_UP = 5  # calls


def main() -> None:
    job = json.load(sys.stdin)
    namespace = {"__name__": "__main__"}
    imports, rest = _parts(job["starter"])
    with contextlib.redirect_stdout(io.StringIO()):
        began = time.monotonic()
        exec(imports, namespace)
        imported = time.monotonic()
        exec(rest, namespace)
        answered, start_cpu = time.monotonic(), time.process_time()
        call, call_cpu = _repeat(job["call"], job["calls"], namespace)
        stream, _ = _repeat(job["stream"], job["calls"], namespace)
    measured = {
        "answered": answered,  # on the clock that all processes share
        "start_cpu": start_cpu,
        "import": imported - began,
        "call": call,
        "call_cpu": call_cpu,
        "stream": stream,
        "memory": psutil.Process().memory_info().rss / 2**20,
    }
    print(json.dumps(measured))


def _parts(program: str) -> tuple[CodeType, CodeType]:
    """A program up to its last import, and the rest of it."""
    body = ast.parse(program).body
    last = max(place for place, node in enumerate(body) if isinstance(node, ast.Import | ast.ImportFrom))
    parts = (body[: last + 1], body[last + 1 :])
    return tuple(compile(ast.Module(part, []), "starter", "exec", dont_inherit=True) for part in parts)


def _repeat(cell: str, times: int, namespace: dict) -> tuple[float, float]:
    """Milliseconds of a cell, the median, and of the processor's time for it, the mean."""
    code = compile(cell, "cell", "exec", dont_inherit=True)
    before = sys.stdout.tell()
    for _ in range(_WARM_UP):
        exec(code, namespace)
    if sys.stdout.tell() == before:
        sys.exit("A cell that is timed prints nothing: it cannot be the one that is meant.")
    taken, cpu = [], time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        exec(code, namespace)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000, (time.process_time() - cpu) / times * 1000


if __name__ == "__main__":
    main()
