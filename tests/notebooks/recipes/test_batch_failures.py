"""What goes wrong in the batch of a million prompts, one letter or all of them: it goes on, or stops and says why."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest

from batching import (
    FAST,
    IN_FLIGHT,
    LETTER,
    LETTERS,
    MODEL,
    REFUSED,
    WORK,
    Result,
    local,
    rows,
    run,
    statuses,
    write_letters,
)

pa = pytest.importorskip("pyarrow", reason="make group NAME=batch installs it")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("status", "most"), [(401, 2 * IN_FLIGHT), (400, 20 + 2 * IN_FLIGHT)])
def test_a_run_that_can_only_fail_stops_and_says_why(programs, slow_endpoint, status, most):
    local(slow_endpoint, "POST", "faults", [{"status": status, "count": LETTERS}])
    process = run(programs, slow_endpoint, "batch.py", 0, 1)
    _, said = process.communicate(timeout=110)
    assert process.returncode == 1 and said.startswith(f"{status}: ")
    assert 1 <= len(statuses(slow_endpoint)) <= most, len(statuses(slow_endpoint))
    local(slow_endpoint, "DELETE", "faults")
    assert run(programs, slow_endpoint, "batch.py", 0, 1).wait(timeout=110) == 0  # what failed is asked again
    assert rows(programs, "SELECT COUNT(answer), COUNT(failure) FROM result") == [(LETTERS, 0)]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "fault",
    [
        {"answer": "truncated"},
        {"answer": "no-choices"},
        {"answer": "empty"},
        {"status": 429, "retry_after_date": 1},
        {"status": 429, "retry_after": 1},
    ],
)
def test_one_odd_answer_ends_nothing(programs, slow_endpoint, fault):
    local(slow_endpoint, "POST", "faults", [fault | {"after": 20}])
    assert run(programs, slow_endpoint, "batch.py", 0, 1).wait(timeout=110) == 0
    assert rows(programs, "SELECT COUNT(answer), SUM(calls) FROM result") == [(LETTERS, LETTERS + 1)]


@pytest.mark.timeout(240)
def test_letters_that_cannot_be_answered_stop_no_others(programs, slow_endpoint):
    """Neither refused ones side by side, from the first on, nor empty ones; and they are asked again at each start."""
    texts = [REFUSED] * 45 + [None, ""] + [LETTER.format(500_000 + at) for at in range(LETTERS - 47)]
    write_letters(programs, list(range(LETTERS)), texts)
    for start_number in (1, 2):
        assert run(programs, slow_endpoint, "batch.py", 0, 1).wait(timeout=110) == 0
        assert rows(programs, "SELECT COUNT(*), COUNT(answer) FROM result") == [(LETTERS, LETTERS - 47)]
        empty = rows(programs, "SELECT failure, calls FROM result WHERE id IN (45, 46)")
        assert empty == [("no text", 0)] * 2
        assert rows(programs, "SELECT DISTINCT calls FROM result WHERE id < 45") == [(start_number,)]


@pytest.mark.timeout(300)  # to import Ray takes its time
def test_letters_without_an_id_are_refused_before_the_first_call(programs, slow_endpoint):
    write_letters(programs, ["a", None, "c"], ["x", "y", "z"])
    for command in (("batch.py", 0, 1), ("on_ray.py", 1)):
        process = run(programs, slow_endpoint, *command)
        _, said = process.communicate(timeout=140)
        assert process.returncode == 1 and said == "Not begun: letters.parquet has a letter without an id.\n"
    assert statuses(slow_endpoint) == []


@pytest.mark.parametrize(
    ("told", "wait"),
    [
        ("2", 2),
        ("-1", 0),
        ("nan", 0),
        ("inf", 3_600),
        ("soon", 7),
        ("", 7),
        (None, 7),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0),
        ("Mon, 01 Jan 0001 00:00:00 -0000", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3_600),
    ],
)
def test_a_wait_is_read_as_it_is_told_and_is_never_endless(labelling, told, wait):
    refusal = SimpleNamespace(response=SimpleNamespace(headers={} if told is None else {"retry-after": told}))
    assert labelling.told_to_wait(refusal, 7) == wait
    assert labelling.told_to_wait(ValueError(), 7) == 7


@pytest.mark.parametrize(
    ("told", "wait"), [("300", 0.3), ("0", 0), ("-1", 0), ("nan", 0), ("inf", 3_600), ("soon", 2), ("", 2)]
)
def test_milliseconds_are_read_first_and_seconds_where_they_are_no_number(labelling, told, wait):
    refusal = SimpleNamespace(response=SimpleNamespace(headers={"retry-after-ms": told, "retry-after": "2"}))
    assert labelling.told_to_wait(refusal, 7) == wait


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": None}])
def test_an_endpoint_that_counts_no_tokens_can_be_asked(labelling, new_journal, usage):
    from openai.types.chat import ChatCompletion

    choices = [{"index": 0, "message": {"role": "assistant", "content": "1"}, "finish_reason": "stop"}]
    answer = ChatCompletion.construct(id="1", choices=choices, usage=usage)
    create = AsyncMock(return_value=answer)
    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    journal = new_journal(FAST, 100_000_000)
    letters = ((number, "A letter.") for number in range(30))
    assert asyncio.run(labelling.lane(client, letters, journal.reserve, journal.keep, MODEL, [])) is None
    assert journal.db.execute("SELECT COUNT(answer), COUNT(tokens) FROM result").fetchall() == [(30, 0)]
    assert "30 of 30 answered" in journal.progress(30, 8)


@pytest.mark.parametrize("ids", [[3, 1, 2], ["c", "a", "b"]])
def test_the_answers_keep_the_ids_and_their_type(new_journal, programs, ids):
    import pyarrow.parquet as pq

    write_letters(programs, ids, ["x", "y", "z"])
    journal = new_journal(1_000, 200_000)
    for each in ids[:2]:
        asyncio.run(journal.keep(each, Result(str(each), 42, None, 1, 0.1), 42))
    command = [sys.executable, "answers.py", "of-the-test.sqlite"]
    subprocess.run(command, cwd=programs, check=True, timeout=60)
    written = pq.read_table(programs / "answers.parquet")
    assert written.schema.field("id") == pq.read_schema(programs / "letters.parquet").field("id")
    assert written.to_pydict()["id"] == ids and written.to_pydict()["answer"] == [*map(str, ids[:2]), None]


@pytest.mark.timeout(120)
def test_a_run_that_is_shorter_than_its_interval_ends_with_a_line(programs, slow_endpoint):
    said, _ = run(programs, slow_endpoint, "batch.py", 0, 1, work=WORK | {"every": 600.0}).communicate(timeout=110)
    assert said == f"{LETTERS} of {LETTERS} answered, 0 failed\n"
