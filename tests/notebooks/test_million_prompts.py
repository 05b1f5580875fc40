"""The batch of the recipe, out of its own cells and run as programs: the endpoint counts the calls."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import time
from statistics import median
from urllib.parse import urlsplit

import pytest

from batching import IN_FLIGHT, LETTERS, MODEL, RECIPE, Result, local, rows, run, statuses, wait_for
from mistral_on_azure import kept
from mistral_on_azure.azure.files import NOTEBOOKS
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.endpoint.starting import start

pytest.importorskip("pyarrow", reason="make group NAME=batch installs it")
SECOND = 15  # calls a second in the tests of the quota, whose bucket holds two seconds': a busy machine makes as many


def test_the_figures_of_the_three_ways_are_the_kept_ones():
    ways = kept("batch")["ways"]
    recipe = load(NOTEBOOKS / "recipes" / f"{RECIPE}.ipynb")
    (words,) = (" ".join(cell.source.split()) for cell in recipe.markdown if "`make bench-batch`" in cell.source)
    one, two, ray = (f"{median(each['rate']):g}" for each in ways.values())
    assert f"{one} calls a second with one process, {two} with two and {ray} with Ray" in words
    least, most = min(ways["one process"]["rate"]), max(ways["one process"]["rate"])
    assert f"one process alone made {least:g} to {most:g}" in words
    memory = [median(ways[way]["memory"]) for way in ("Ray, two actors", "one process")]
    assert "{} MB instead of {} MB".format(*memory) in words and kept("batch")["date"] in words


@pytest.mark.parametrize("expected", [10.0, 200.0, 900.0])
@pytest.mark.parametrize("used", [20, 200, 300, 4_000])
def test_a_call_takes_of_the_quota_what_it_used_whatever_was_expected(new_journal, expected, used):
    journal = new_journal(1_000, 200_000)
    journal.db.execute("UPDATE quota SET free_at = ?", (ahead := time.time() - 0.001,))
    asyncio.run(journal.reserve(expected))  # the first does not wait
    reserved_by = time.time()
    ((reserved,),) = journal.db.execute("SELECT free_at FROM quota")
    asyncio.run(journal.keep("a", Result("1", used, None, 1, 0.1), expected))
    ((settled,),) = journal.db.execute("SELECT free_at FROM quota")
    share = max(60 / 1_000, expected * 60 / 200_000)
    assert ahead + share <= reserved <= reserved_by + share
    owed = max(60 / 1_000, used * 60 / 200_000) - share
    assert settled - reserved == pytest.approx(owed, abs=1e-5)


def test_a_failed_call_keeps_its_reservation_and_its_reason(new_journal):
    journal = new_journal(1_000, 200_000)
    asyncio.run(journal.reserve(400.0))
    before = journal.db.execute("SELECT free_at FROM quota").fetchall()
    asyncio.run(journal.keep("a", Result(None, None, "400: refused", 1, None), 400.0))
    assert journal.db.execute("SELECT free_at FROM quota").fetchall() == before
    asyncio.run(journal.keep("a", Result(None, None, "500: failed", 3, None), 400.0))
    assert journal.db.execute("SELECT id, answer, failure, calls FROM result").fetchall() == [
        ("a", None, "500: failed", 4)
    ]
    assert journal.unanswered([("a", "x"), ("b", "y")]) == [("a", "x"), ("b", "y")]


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
def test_calls_that_got_no_answer_are_counted(programs, slow_endpoint):
    local(slow_endpoint, "POST", "faults", [{"reset": "within", "count": 3}, {"status": 503, "count": 2}])
    assert run(programs, slow_endpoint, "batch.py", 0, 1).wait(timeout=100) == 0
    ((answered, calls),) = rows(programs, "SELECT COUNT(answer), SUM(calls) FROM result")
    seen = statuses(slow_endpoint)
    assert (answered, calls) == (LETTERS, LETTERS + 5) and len(seen) == calls
    assert seen.count(200) == LETTERS + 3  # the three may be paid twice, and are among the calls of the journal


def test_progress_counts_only_what_is_new(new_journal):
    journal = new_journal(1_000, 200_000)
    old = ((f"old-{each}", "1", 42, None, 1, 0.1, journal.began - 1) for each in range(20_000))
    journal.db.execute("BEGIN")
    journal.db.executemany("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?)", old)
    journal.db.execute(
        "INSERT INTO result VALUES ('again', NULL, NULL, '500: failed', 3, NULL, ?)", (journal.began - 1,)
    )
    journal.db.execute("COMMIT")
    assert journal.progress(30_000, 8).startswith("20,000 of 30,000 answered, 0 failed")
    asyncio.run(journal.keep("again", Result("1", 42, None, 1, 0.1), 42))
    asyncio.run(journal.keep("new", Result(None, None, "400: refused", 1, None), 42))
    steps = []
    journal.db.set_progress_handler(lambda: steps.append(100), 100)  # of the database's machine
    assert journal.progress(30_000, 8).startswith("20,001 of 30,000 answered, 1 failed")
    assert journal.progress(30_000, 8).startswith("20,001 of 30,000 answered, 1 failed")
    assert sum(steps) < 2_000


def test_the_endpoint_lists_calls_whose_client_has_gone(slow_endpoint):
    """What the recipe calls paid twice is read from this list."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Are you awake?"}]}).encode()
    place = urlsplit(slow_endpoint.url)
    key = slow_endpoint.keys[0]
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\n"
    sent = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection((place.hostname, place.port), timeout=30) as first:  # loads the tokenizer
        first.sendall(sent)
        assert first.recv(12) == b"HTTP/1.1 200"
    for _ in range(32):
        with socket.create_connection((place.hostname, place.port), timeout=30) as gone:
            gone.sendall(sent)
    assert statuses(slow_endpoint) == [200] * 33


@pytest.mark.all
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_kill_9_loses_nothing_and_pays_at_most_the_calls_in_flight_twice(programs, slow_endpoint, seed):
    kills, chosen = 4, random.Random(seed)
    for kill in range(1, kills + 1):
        process = run(programs, slow_endpoint, "batch.py", 0, 1)
        wait_for(programs, LETTERS * kill // (kills + 1) + chosen.randrange(10), process)
        process.kill()
        assert process.wait(timeout=30) != 0, "It was done before it was killed, so this would prove nothing."
    assert run(programs, slow_endpoint, "batch.py", 0, 1).wait(timeout=120) == 0
    assert rows(programs, "SELECT COUNT(answer), COUNT(DISTINCT id) FROM result") == [(LETTERS, LETTERS)]
    assert LETTERS <= statuses(slow_endpoint).count(200) <= LETTERS + kills * IN_FLIGHT


@pytest.mark.timeout(180)
def test_two_processes_share_one_quota_and_are_refused_nothing_that_two_alone_are(programs):
    quota = {"requests_per_minute": 2 * SECOND, "tokens_per_minute": 100_000, "minute": 2.0}
    with start(timing="first-token=0.1", exchanges=1_000, **quota) as endpoint:
        for journals, refused in ((["journal.sqlite"] * 2, False), (["1.sqlite", "2.sqlite"], True)):
            local(endpoint, "DELETE", "session")
            running = [
                run(programs, endpoint, "batch.py", part, 2, quota=list(quota.values()), journal=file)
                for part, file in enumerate(journals)
            ]
            assert [process.wait(timeout=80) for process in running] == [0, 0]
            assert (429 in statuses(endpoint)) is refused
    ((count, took),) = rows(programs, "SELECT COUNT(answer), MAX(at) - MIN(at) FROM result")
    assert count == LETTERS and took >= (LETTERS - 2 * IN_FLIGHT) / SECOND  # each alone would be allowed half of that


@pytest.mark.all
@pytest.mark.timeout(900)
def test_ray_asks_once_goes_on_after_a_workers_death(programs, slow_endpoint):
    pytest.importorskip("ray", reason="make group NAME=batch installs it")
    import psutil

    process = run(programs, slow_endpoint, "on_ray.py", 1, quota=(SECOND * 30, 100_000_000))
    wait_for(programs, LETTERS // 4, process)
    assert process.poll() is None, process.communicate()[1][-2_000:]
    workers = [each for each in psutil.Process(process.pid).children(recursive=True) if "Worker" in each.name()]
    for each in workers:
        each.send_signal(signal.SIGKILL)
    _, said = process.communicate(timeout=400)
    assert process.returncode == 0 and workers, said[-2_000:]
    assert rows(programs, "SELECT COUNT(answer) FROM result") == [(LETTERS,)]
    paid = len(statuses(slow_endpoint))
    assert LETTERS <= paid <= LETTERS + IN_FLIGHT * len(workers)
    assert run(programs, slow_endpoint, "on_ray.py", 1).wait(timeout=400) == 0  # there is nothing left to ask
    assert len(statuses(slow_endpoint)) == paid
