"""The batch of the recipe, out of its own cells and run as programs: the endpoint counts the calls."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import signal
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
LETTERS, IN_FLIGHT, FAST = 200, 8, 60_000
SECOND = 15  # calls a second in the tests of the quota, whose bucket holds two seconds': a busy machine makes as many


@pytest.fixture
def programs(tmp_path):
    """The files that the recipe's cells write, and the letters, with ids that are texts in no order."""
    import pyarrow.parquet as pq

    for cell in json.loads(RECIPE.read_text(encoding="utf-8"))["cells"]:
        first, _, rest = "".join(cell["source"]).partition("\n")
        if first.startswith("%%writefile"):
            with (tmp_path / first.split()[-1]).open("a", encoding="utf-8") as file:
                file.write(rest + "\n")
    ids = [f"letter-{at * 7_919 % 10_007}" for at in range(LETTERS)]
    texts = [f"My order {500_000 + at} has not come." for at in range(LETTERS)]
    pq.write_table(pa.table({"id": ids, "text": texts}), tmp_path / "letters.parquet")
    return tmp_path


@pytest.fixture
def endpoint():
    with start(timing="first-token=0.1", exchanges=1_000, requests_per_minute=FAST) as started:
        yield started


@pytest.fixture
def new_journal(programs, monkeypatch):
    """Makes a journal in this process, of the class that a cell writes."""
    monkeypatch.syspath_prepend(str(programs))
    monkeypatch.delitem(sys.modules, "journal", raising=False)
    yield lambda *quota: importlib.import_module("journal").Journal(programs / "of-the-test.sqlite", *quota)
    sys.modules.pop("journal", None)


def _run(folder: Path, endpoint, *command: object, quota=(FAST, 100_000_000), **changes) -> subprocess.Popen:
    work = {"model": MODEL, "in_flight": IN_FLIGHT, "every": 2.0}
    settings = json.dumps({"journal": "journal.sqlite", "quota": quota, "work": work, "part": 25, **changes})
    variables = {**os.environ, ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], "BATCH": settings}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=folder, env=variables, **pipes)


def _local(endpoint, method: str, path: str, body=None):
    signed = {"Authorization": f"Bearer {endpoint.keys[0]}"}
    return requests.request(method, f"{endpoint.url}/local/{path}", json=body, headers=signed, timeout=30).json()


def _statuses(endpoint) -> list[int]:
    return [each["status"] for each in _local(endpoint, "GET", "exchanges?last=1000")]


def _rows(folder: Path, query: str) -> list[tuple]:
    try:
        with sqlite3.connect(folder / "journal.sqlite", timeout=30) as journal:
            return journal.execute(query).fetchall()
    except sqlite3.OperationalError:  # the first process has not made it yet
        return []


def _wait_for(folder: Path, answers: int, process: subprocess.Popen) -> None:
    while len(_rows(folder, "SELECT id FROM result WHERE answer IS NOT NULL")) < answers and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.parametrize("expected", [10.0, 200.0, 900.0])
@pytest.mark.parametrize("used", [20, 200, 300, 4_000])
def test_a_call_takes_of_the_quota_what_it_used_whatever_was_expected(new_journal, expected, used):
    journal = new_journal(1_000, 200_000)
    journal.db.execute("UPDATE quota SET free_at = ?", (ahead := time.time() - 0.001,))
    asyncio.run(journal.reserve(expected))  # the first does not wait
    ((reserved,),) = journal.db.execute("SELECT free_at FROM quota")
    asyncio.run(journal.keep("a", ("1", used, None, 1, 0.1), expected))
    ((settled,),) = journal.db.execute("SELECT free_at FROM quota")
    assert reserved - ahead == pytest.approx(max(60 / 1_000, expected * 60 / 200_000), abs=0.05)
    owed = max(60 / 1_000, used * 60 / 200_000) - max(60 / 1_000, expected * 60 / 200_000)
    assert settled - reserved == pytest.approx(owed, abs=1e-5)


def test_a_failed_call_keeps_its_reservation_and_its_reason(new_journal):
    journal = new_journal(1_000, 200_000)
    asyncio.run(journal.reserve(400.0))
    before = journal.db.execute("SELECT free_at FROM quota").fetchall()
    asyncio.run(journal.keep("a", (None, None, "400: refused", 1, None), 400.0))
    assert journal.db.execute("SELECT free_at FROM quota").fetchall() == before
    asyncio.run(journal.keep("a", (None, None, "500: failed", 3, None), 400.0))
    assert journal.db.execute("SELECT id, answer, failure, calls FROM result").fetchall() == [
        ("a", None, "500: failed", 4)
    ]
    assert journal.done(["a", "b"]) == set()


@pytest.mark.parametrize("seed", range(5))
def test_the_estimates_least_is_never_above_its_most(new_journal, seed):
    journal, chosen = new_journal(1_000, 200_000), random.Random(seed)
    at = journal.began
    assert journal.estimate(100, 8, at)[1] == float("inf")
    for number in range(80):
        at += chosen.choice([0, 0.001, 0.06, 2])
        row = (number, "1", chosen.randrange(1, 2_000), None, 1, chosen.random() * 20, at)
        journal.db.execute("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        least, most = journal.estimate(left := 1_000 - number, 8, at)
        assert (left - 8) * 0.06 <= least * 1.0001 <= most * 1.0002
    assert journal.estimate(900, 8, at + 3_600)[1] >= 900 * 3_600  # nothing has come for an hour


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("status", "most"), [(401, IN_FLIGHT), (400, 20 + IN_FLIGHT)])
def test_a_run_that_can_only_fail_stops_and_says_why(programs, endpoint, status, most):
    _local(endpoint, "POST", "faults", [{"status": status, "count": LETTERS}])
    process = _run(programs, endpoint, "batch.py", 0, 1)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 1 and said.startswith(f"{status}: ")
    assert 1 <= len(_statuses(endpoint)) <= most
    _local(endpoint, "DELETE", "faults")
    assert _run(programs, endpoint, "batch.py", 0, 1).wait(timeout=100) == 0  # what failed is asked again
    assert _rows(programs, "SELECT COUNT(answer), COUNT(failure) FROM result") == [(LETTERS, 0)]


@pytest.mark.timeout(120)
def test_calls_that_got_no_answer_are_counted(programs, endpoint):
    _local(endpoint, "POST", "faults", [{"reset": "within", "count": 3}, {"status": 503, "count": 2}])
    assert _run(programs, endpoint, "batch.py", 0, 1).wait(timeout=100) == 0
    ((answered, calls),) = _rows(programs, "SELECT COUNT(answer), SUM(calls) FROM result")
    statuses = _statuses(endpoint)
    assert (answered, calls) == (LETTERS, LETTERS + 5) and len(statuses) == calls
    assert statuses.count(200) == LETTERS + 3  # the three may be paid twice, and are among the calls of the journal


@pytest.mark.all
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_kill_9_loses_nothing_and_pays_at_most_the_calls_in_flight_twice(programs, endpoint, seed):
    kills, chosen = 4, random.Random(seed)
    for kill in range(1, kills + 1):
        process = _run(programs, endpoint, "batch.py", 0, 1)
        _wait_for(programs, LETTERS * kill // (kills + 1) + chosen.randrange(10), process)
        process.kill()
        assert process.wait(timeout=30) != 0, "It was done before it was killed, so this would prove nothing."
    assert _run(programs, endpoint, "batch.py", 0, 1).wait(timeout=120) == 0
    assert _rows(programs, "SELECT COUNT(answer), COUNT(DISTINCT id) FROM result") == [(LETTERS, LETTERS)]
    assert LETTERS <= _statuses(endpoint).count(200) <= LETTERS + kills * IN_FLIGHT


@pytest.mark.timeout(180)
def test_two_processes_share_one_quota_and_are_refused_nothing_that_two_alone_are(programs):
    quota = {"requests_per_minute": 2 * SECOND, "tokens_per_minute": 100_000, "minute": 2.0}
    with start(timing="first-token=0.1", exchanges=1_000, **quota) as endpoint:
        for journals, refused in ((["journal.sqlite"] * 2, False), (["1.sqlite", "2.sqlite"], True)):
            _local(endpoint, "DELETE", "session")
            running = [
                _run(programs, endpoint, "batch.py", part, 2, quota=list(quota.values()), journal=file)
                for part, file in enumerate(journals)
            ]
            assert [process.wait(timeout=80) for process in running] == [0, 0]
            assert (429 in _statuses(endpoint)) is refused
    ((count, took),) = _rows(programs, "SELECT COUNT(answer), MAX(at) - MIN(at) FROM result")
    assert count == LETTERS and took >= (LETTERS - 2 * IN_FLIGHT) / SECOND  # each alone would be allowed half of that


@pytest.mark.all
@pytest.mark.timeout(900)
def test_ray_asks_once_goes_on_after_a_workers_death(programs, endpoint):
    pytest.importorskip("ray", reason="make group NAME=batch installs it")
    import psutil

    process = _run(programs, endpoint, "on_ray.py", 1, quota=(SECOND * 30, 100_000_000))
    _wait_for(programs, LETTERS // 4, process)
    assert process.poll() is None, process.communicate()[1][-2_000:]
    workers = [each for each in psutil.Process(process.pid).children(recursive=True) if "Worker" in each.name()]
    for each in workers:
        each.send_signal(signal.SIGKILL)
    _, said = process.communicate(timeout=400)
    assert process.returncode == 0 and workers, said[-2_000:]
    assert _rows(programs, "SELECT COUNT(answer) FROM result") == [(LETTERS,)]
    paid = len(_statuses(endpoint))
    assert LETTERS <= paid <= LETTERS + IN_FLIGHT * len(workers)
    assert _run(programs, endpoint, "on_ray.py", 1).wait(timeout=400) == 0  # there is nothing left to ask
    assert len(_statuses(endpoint)) == paid
