"""The batch of the recipe on a million prompts as its tests use it: its letters, its processes, what they kept."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import requests

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import NOTEBOOKS

RECIPE = "a-million-prompts"
ON_RAY = NOTEBOOKS / "recipes" / "on_ray.py"  # the recipe's program for many machines
MODEL = "mistralai-Mistral-7B-Instruct-v01"
LETTERS, IN_FLIGHT, FAST = 200, 8, 60_000
WORK = {"model": MODEL, "in_flight": IN_FLIGHT, "every": 2.0}
Result = namedtuple("Result", "answer tokens failure calls seconds")  # as the recipe's
LETTER, REFUSED = "My order {} has not come.", "My order 500013 broke. I could kill you!"


def write_letters(folder: Path, ids: list, texts: list) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": texts, "id": ids}), folder / "letters.parquet")  # columns have no order


def run(folder: Path, endpoint, *command: object, quota=(FAST, 100_000_000), **changes) -> subprocess.Popen:
    settings = json.dumps({"journal": "journal.sqlite", "quota": quota, "work": WORK, "part": 25, **changes})
    variables = {**os.environ, ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], "BATCH": settings}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=folder, env=variables, **pipes)


def local(endpoint, method: str, path: str, body=None):
    signed = {"Authorization": f"Bearer {endpoint.keys[0]}"}
    return requests.request(method, f"{endpoint.url}/local/{path}", json=body, headers=signed, timeout=30).json()


def statuses(endpoint) -> list[int]:
    return [each["status"] for each in local(endpoint, "GET", "exchanges?last=1000")]


def rows(folder: Path, query: str) -> list[tuple]:
    try:
        with sqlite3.connect(folder / "journal.sqlite", timeout=30) as journal:
            return journal.execute(query).fetchall()
    except sqlite3.OperationalError:  # the first process has not made it yet
        return []


def wait_for(folder: Path, answers: int, process: subprocess.Popen) -> None:
    while len(rows(folder, "SELECT id FROM result WHERE answer IS NOT NULL")) < answers and process.poll() is None:
        time.sleep(0.01)
