"""`make bench-batch`: how fast a batch is with one process, with two and with Ray, and what each of them takes.

The programs are those of the recipe on a million prompts, and the one beside it for Ray. They run in turn, each from an
empty journal, on one local endpoint without a quota that is ever reached. The endpoint runs on the same machine, so it
takes its part of the processor. The results are kept in upkeep/measurements; the recipe shows them.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import reporting

from mistral_on_azure import recipe_programs
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.files import NOTEBOOKS, write_json
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from mistral_on_azure.upkeep import measurements

RECIPE = "a-million-prompts"
ON_RAY = NOTEBOOKS / "recipes" / "on_ray.py"
PACE = "first-token=0.1"
NO_LIMIT = 100_000_000
WAYS = {  # the commands that run side by side
    "one process": [["batch.py", "0", "1"]],
    "two processes": [["batch.py", "0", "2"], ["batch.py", "1", "2"]],
    "Ray, two actors": [["on_ray.py", "2"]],
}
LOOK, LIMIT = 0.25, 900.0  # seconds between two looks at the memory; seconds that a run may take


def run(way: str, prompts: int, in_flight: int, endpoint: LocalEndpoint) -> dict[str, float]:
    """One batch from its first process to its last answer.

    Args:
        in_flight: calls at the same time, of all processes together.

    Returns:
        `first`, seconds from the start to the first answer; `rate`, calls a second from the first answer to the last;
        `memory`, the most that all processes had at a look, in MB, what they share counted once.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, workers = Path(name), 1 if way == "one process" else 2
        for file, text in {**recipe_programs(RECIPE), ON_RAY.name: ON_RAY.read_text(encoding="utf-8")}.items():
            (folder / file).write_text(text, encoding="utf-8")
        texts = [f"My order {500_000 + each} has not come." for each in range(prompts)]
        pq.write_table(pa.table({"id": range(prompts), "text": texts}), folder / "letters.parquet")
        work = {"model": default_name(), "in_flight": in_flight // workers, "every": 5.0}
        settings = {
            "journal": "journal.sqlite",
            "quota": [NO_LIMIT, NO_LIMIT],
            "work": work,
            "part": prompts // workers,
        }
        variables = os.environ | {ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], "BATCH": json.dumps(settings)}
        began = time.time()
        running = [
            subprocess.Popen([sys.executable, *each], cwd=folder, env=variables, stdout=subprocess.DEVNULL)
            for each in WAYS[way]
        ]
        memory = _watched(running)
        with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
            query = "SELECT COUNT(answer), MIN(at), MAX(at) FROM result"
            answered, first, last = journal.execute(query).fetchone()
    if answered != prompts:
        raise SystemExit(f"{way}: only {answered:,} of {prompts:,} prompts were answered.")
    return {"first": round(first - began, 1), "rate": round(prompts / (last - first), 1), "memory": round(memory / 1e6)}


def _watched(running: list[subprocess.Popen]) -> int:
    """Wait for the processes. Returns the most bytes that they and their children had at a look."""
    most, ends = 0, time.monotonic() + LIMIT
    while any(process.poll() is None for process in running):
        if time.monotonic() > ends:
            for process in running:
                process.kill()
            raise SystemExit(f"It was not done after {LIMIT:.0f} seconds.")
        most = max(most, sum(map(_bytes, running)))
        time.sleep(LOOK)
    if any(process.returncode for process in running):
        raise SystemExit("A process failed. Standard error says why.")
    return most


def _bytes(process: subprocess.Popen) -> int:
    """Memory of a process and its children, 0 once it has ended. Linux alone tells what they share."""
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(process.pid)
        infos = [each.memory_full_info() for each in (parent, *parent.children(recursive=True))]
        return sum(getattr(info, "pss", info.rss) for info in infos)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=2_000)
    parser.add_argument("--in-flight", type=int, default=32, help="calls at the same time, of all processes together")
    parser.add_argument("--repeats", type=int, default=5, help="how often each way is tried, all of them in turn")
    parser.add_argument("--results", type=Path, default=measurements.FOLDER)
    given = parser.parse_args()
    kept: dict[str, Any] = {
        "date": datetime.date.today().isoformat(), "machine": reporting.machine(),
        "versions": reporting.versions(["openai", "pyarrow", "ray"]), "load": round(psutil.getloadavg()[0], 1),
        "repeats": given.repeats, "prompts": given.prompts, "in_flight": given.in_flight, "pace": PACE,
        "ways": {way: {"first": [], "rate": [], "memory": []} for way in WAYS},
    }  # fmt: skip
    quota = {"requests_per_minute": NO_LIMIT, "tokens_per_minute": NO_LIMIT}
    with start(timing=PACE, **quota) as endpoint:
        for way in [*WAYS] * given.repeats:
            measured = run(way, given.prompts, given.in_flight, endpoint)
            print(json.dumps({way: measured}), flush=True)
            for name, value in measured.items():
                kept["ways"][way][name].append(value)
    write_json(given.results / "batch.json", kept)


if __name__ == "__main__":
    main()
