"""The ledger of the recipe on quotas: the code that readers copy, taken out of the notebook."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistral_on_azure import local_endpoint
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.notebook.kept_measurements import plot_quota_use
from mistral_on_azure.snippets.starter import composed

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOK = load(ROOT / "notebooks" / "recipes" / "quota.ipynb")
TOKENS, REQUESTS = 10_000, 100


@pytest.fixture(scope="module")
def ledger() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for cell in NOTEBOOK.code:
        if cell.id in ("ledger-1", "ledger-2"):
            exec(cell.source, names)
    return names


@pytest.fixture
def quota(ledger, tmp_path):
    return ledger["open_quota"](str(tmp_path / "quota.db"), TOKENS, REQUESTS)


def test_a_full_bucket_gives_nearly_all_of_a_minute_at_once(ledger, quota):
    assert ledger["take"](quota, 0.98 * TOKENS) == 0
    assert ledger["take"](quota, 0.02 * TOKENS) > 0


def test_what_does_not_fit_takes_nothing_and_fits_after_the_wait(ledger, quota):
    ledger["take"](quota, 0.99 * TOKENS)
    wait = ledger["take"](quota, 50)
    assert wait == pytest.approx(50 / TOKENS * 60, abs=0.05)
    time.sleep(wait)
    assert ledger["take"](quota, 50) == 0


def test_requests_are_a_bucket_of_their_own(ledger, quota):
    taken = [ledger["take"](quota, 1) for _ in range(REQUESTS)]
    assert [wait > 0 for wait in taken].index(True) == REQUESTS - 1  # one in a hundred is kept back


def test_what_was_too_much_comes_back_also_when_the_bucket_is_empty(ledger, quota):
    ledger["take"](quota, 0.99 * TOKENS)
    assert ledger["take"](quota, 400) > 0
    assert ledger["take"](quota, -500, 0) == 0
    assert ledger["take"](quota, 400) == 0


def test_what_was_too_little_is_taken_afterwards_without_a_wait(ledger, quota):
    ledger["take"](quota, 0.5 * TOKENS)
    assert ledger["take"](quota, 0.49 * TOKENS - 1, 0) == 0
    assert ledger["take"](quota, 100) > 0


@pytest.mark.parametrize("more", [200, 2 * TOKENS])
def test_what_was_too_little_is_also_taken_from_an_empty_bucket(ledger, quota, more):
    ledger["take"](quota, 0.985 * TOKENS)
    assert ledger["take"](quota, more, 0) == 0
    left = 0.005 * TOKENS - more
    assert ledger["take"](quota, 50) == pytest.approx((50 - left) / TOKENS * 60, abs=0.2)


def test_who_opens_the_same_file_shares_it(ledger, quota, tmp_path):
    other = ledger["open_quota"](str(tmp_path / "quota.db"), TOKENS, REQUESTS)
    ledger["take"](quota, 0.6 * TOKENS)
    assert ledger["take"](other, 0.6 * TOKENS) > 0
    assert ledger["take"](other, 0.3 * TOKENS) == 0


def test_threads_share_a_connection(ledger, quota):
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: ledger["take"](quota, 0.01 * TOKENS), range(80)))
    assert waits == [0.0] * 80
    assert ledger["take"](quota, 0.25 * TOKENS) > 0


def test_the_copied_program_shares_a_file_and_is_refused_nothing(tmp_path):
    """Two processes with eight threads each want more than the bucket holds, so that some of them have to wait."""
    minute, tokens = 6, 3_000
    program = composed(ROOT / "notebooks", "Keep a ledger", "recipes/quota")
    for old, new in (
        ('ledger_file = ":memory:"', f"ledger_file = {str(tmp_path / 'quota.db')!r}"),
        ("tokens_a_minute = 200_000", f"tokens_a_minute = {tokens}"),
        ("minute=60.0", f"minute={minute}"),
    ):
        assert program.count(old) == 1, old
        program = program.replace(old, new)
    program += """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(len(list(pool.map(ask, ["How many languages are in the world?"] * 24))))
"""
    with local_endpoint(tokens_per_minute=tokens, requests_per_minute=1_000, minute=minute) as there:
        command, env = [sys.executable, "-c", program], {**os.environ, **there}
        running = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        said = [each.communicate(timeout=60)[0].splitlines()[-1] for each in running]
        bearer = {"Authorization": f"Bearer {there['AZURE_INFERENCE_CREDENTIAL']}"}
        spent = httpx.get(f"{there['AZURE_INFERENCE_ENDPOINT']}/local/session", headers=bearer).json()
    assert said == ["24", "24"], "A refusal is an exception here."
    assert spent["prompt_tokens"] + spent["completion_tokens"] > tokens


def test_the_copied_streams_fill_the_places_and_no_more():
    program = composed(ROOT / "notebooks", "Fill managed compute", "recipes/quota")
    names: dict[str, Any] = {}
    exec(program.replace("in_flight = 8", "in_flight = 2"), names)

    async def streams(url: str, key: str) -> list[Any]:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            asked = (names["stream"](client, "How many languages are in the world?") for _ in range(8))
            return await asyncio.gather(*asked, return_exceptions=True)

    with local_endpoint("managed", concurrent=1, timing="tokens-per-second=500") as there:
        where = there["AZURE_INFERENCE_ENDPOINT"], there["AZURE_INFERENCE_CREDENTIAL"]
        kept = asyncio.run(streams(*where))
        names["places"] = asyncio.Semaphore(8)
        beyond = asyncio.run(streams(*where))
    assert all(isinstance(each, int) for each in kept)
    assert any(isinstance(each, httpx.HTTPStatusError) for each in beyond)


def test_what_the_cells_printed_is_what_the_prose_says_of_them():
    """With the ledger nothing is refused, in one process and in two; beyond the places in flight something is."""
    printed = {cell.id: "".join(cell.outputs[0].get("text", "")) for cell in NOTEBOOK.code if cell.outputs}
    for name in ("ledger-5", "share-2"):
        assert re.fullmatch(r"0\.9\d\d of the quota, 0 of \d{3} refused\n", printed[name]), printed[name]
    assert re.findall(r"(\w+) refused", printed["flight-4"]) == ["none", "none", "some"]


def test_the_picture_has_the_measured_figures():
    kept = plot_quota_use()
    for row in kept.results.values():
        assert f"{row['used']:.3f}" in kept.alt and f"{row['used']:.3f}" in repr(kept)
    assert kept.png() == kept.png()
    assert {"naive", "router", "openai-sdk", "ledger", "ledger-4"} <= set(kept.results)


def test_the_kept_measurement_is_of_the_whole_quota_and_holds_what_the_recipe_says():
    kept = plot_quota_use()
    assert kept.minutes == 3
    for name in ("ledger", "ledger-4"):
        assert kept.results[name]["used"] >= 0.98 and kept.results[name]["refused"] == 0
    text = " ".join(" ".join(cell.source for cell in NOTEBOOK.markdown).split())
    naive, one, four = (kept.results[name] for name in ("naive", "ledger", "ledger-4"))
    assert f"refused {naive['refused']:,} times for {naive['answered']} answers" in text
    assert f"had {one['answered']} answers from 99.5 % of the quota" in text
    assert (four["seen"], four["failed"]) == (four["requests"], 0)
    said = f"Of its {four['requests']} requests, {four['answered']} were answered within the three minutes"
    assert f"{said}, and none was a 429" in text
    by_token = kept.results["token-throttle"]
    said = f"used {by_token['used']:.3f}; one of its {by_token['requests']} requests was refused"
    assert said in text and by_token["refused"] == 1


def test_where_the_measurement_did_not_read_each_status_no_worker_met_an_error():
    """`requests` counts what opens connections, too, `seen` the statuses that were read, and `answered` the answers."""
    for name, row in plot_quota_use().results.items():
        assert row["seen"] == row["requests"] or row["failed"] == 0, name
        assert row["seen"] <= row["requests"], name


def test_what_the_orderly_queue_costs_and_wins_is_as_measured():
    """Its median is the longest of single processes, its tail the shortest of the ways that lose no question."""
    results = {name: row for name, row in plot_quota_use().results.items() if name != "ledger-4"}
    ledger = results.pop("ledger")
    assert ledger["median"] > 6 * max(row["median"] for row in results.values())
    tails = [row["p95"] for row in results.values() if not row["failed"]]
    said = f"95 of 100 came within {ledger['p95']:.1f} seconds, theirs within {min(tails):.1f} to {max(tails):.1f}."
    assert said in " ".join(" ".join(cell.source for cell in NOTEBOOK.markdown).split())
    assert ledger["p95"] < min(tails)


@pytest.mark.all
@pytest.mark.timeout(600)
def test_three_minutes_of_the_whole_quota_and_nothing_is_refused():
    """In real time, with 200,000 tokens and 1,000 requests a minute, in one process and in four that share a file.

    What was used and refused is counted by the endpoint.
    """
    command = [sys.executable, str(ROOT / "tests" / "bench" / "quota_use.py"), "--only", "ledger", "ledger-4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    figures = {name: row for line in lines for name, row in line.items()}
    assert set(figures) == {"ledger", "ledger-4"}
    for name, row in figures.items():
        assert row["refused"] == row["failed"] == 0, (name, row)
        assert row["used"] >= 0.98, (name, row)
        assert row["seen"] == row["requests"], (name, row)  # each status was read
