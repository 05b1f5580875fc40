"""The batch of the recipe survives kill -9: its own cells are run as programs, and the endpoint counts the calls."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.endpoint.starting import start

pa = pytest.importorskip("pyarrow", reason="make group NAME=batch installs it")
RECIPE = Path(__file__).parents[2] / "notebooks" / "recipes" / "a-million-prompts.ipynb"
MODEL = "mistralai-Mistral-7B-Instruct-v01"
LETTERS, IN_FLIGHT = 200, 8


@pytest.fixture
def programs(tmp_path):
    """The files that the recipe's cells write, and the letters."""
    import pyarrow.parquet as pq

    for cell in json.loads(RECIPE.read_text(encoding="utf-8"))["cells"]:
        first, _, rest = "".join(cell["source"]).partition("\n")
        if first.startswith("%%writefile"):
            with (tmp_path / first.split()[-1]).open("a", encoding="utf-8") as file:
                file.write(rest + "\n")
    texts = [f"My order {500_000 + at} has not come." for at in range(LETTERS)]
    pq.write_table(pa.table({"letter": list(range(LETTERS)), "text": texts}), tmp_path / "letters.parquet")
    return tmp_path


@pytest.fixture
def endpoint():
    with start(timing="first-token=0.1") as started:
        yield started


def _begin(folder: Path, endpoint, requests_per_minute: int, part: int = 0, parts: int = 1) -> subprocess.Popen:
    return _run(folder, endpoint, requests_per_minute, "batch.py", part, parts)


def _run(folder: Path, endpoint, requests_per_minute: int, *command: object) -> subprocess.Popen:
    work = {"model": MODEL, "in_flight": IN_FLIGHT}
    settings = json.dumps({"quota": [requests_per_minute, 100_000_000], "work": work})
    variables = {**os.environ, ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], "BATCH": settings}
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=folder, env=variables)


def _paid(endpoint) -> int:
    signed = {"Authorization": f"Bearer {endpoint.keys[0]}"}
    return requests.get(f"{endpoint.url}/local/session", headers=signed, timeout=30).json()["calls"]


def _rows(folder: Path, query: str) -> list[tuple]:
    try:
        with sqlite3.connect(folder / "journal.sqlite", timeout=30) as journal:
            return journal.execute(query).fetchall()
    except sqlite3.OperationalError:  # the first process has not made it yet
        return []


@pytest.mark.all
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_kill_9_loses_nothing_and_pays_at_most_the_calls_in_flight_twice(programs, endpoint, seed):
    kills, chosen = 4, random.Random(seed)
    for kill in range(1, kills + 1):
        process = _begin(programs, endpoint, requests_per_minute=60_000)
        reached = LETTERS * kill // (kills + 1) + chosen.randrange(10)
        while len(_rows(programs, "SELECT letter FROM done")) < reached and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        assert process.wait(timeout=30) != 0, "It was done before it was killed, so this would prove nothing."
    assert _begin(programs, endpoint, requests_per_minute=60_000).wait(timeout=120) == 0
    assert _rows(programs, "SELECT letter FROM done ORDER BY letter") == [(at,) for at in range(LETTERS)]
    assert LETTERS <= _paid(endpoint) <= LETTERS + kills * IN_FLIGHT


@pytest.mark.timeout(120)
def test_two_processes_share_one_quota(programs, endpoint):
    each_second = 40
    processes = [_begin(programs, endpoint, each_second * 60, part, parts=2) for part in range(2)]
    assert [process.wait(timeout=100) for process in processes] == [0, 0]
    ((count, first, last),) = _rows(programs, "SELECT COUNT(*), MIN(at), MAX(at) FROM done")
    assert count == LETTERS
    assert last - first >= (LETTERS - 2 * IN_FLIGHT) / each_second  # each alone would be allowed half of that


@pytest.mark.all
@pytest.mark.timeout(900)
def test_actors_ask_once_and_then_for_what_is_left(programs, endpoint):
    pytest.importorskip("ray", reason="make group NAME=batch installs it")
    for _ in range(2):  # the second run has nothing to ask
        assert _run(programs, endpoint, 60_000, "on_ray.py", 1).wait(timeout=400) == 0
        assert _paid(endpoint) == LETTERS
