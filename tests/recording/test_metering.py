"""Counting what calls use and may use, whatever an endpoint says or leaves out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistral_on_azure.recording.usage import (
    ASSUMED,
    Budget,
    Exhausted,
    Meter,
    Prices,
    Usage,
    at_most,
    count_text,
    may_cost,
    total,
)


def test_what_may_cost_tokens():
    assert may_cost("POST") and not may_cost("GET")


@pytest.mark.parametrize(
    ("body", "completion"),
    [
        ({"max_tokens": 10}, 10),
        ({"max_completion_tokens": 10, "n": 3}, 30),
        ({}, ASSUMED),
        ({"max_tokens": "many"}, ASSUMED),
        ({"max_tokens": -1}, ASSUMED),  # by which some engines mean no limit
        ({"max_tokens": 5, "max_completion_tokens": 50}, 50),
        ({"max_tokens": 5, "n": "x"}, 5),
        ({"max_tokens": 5, "n": -3}, 5),
    ],
)
def test_what_a_call_may_use_at_most(body, completion):
    assert at_most(json.dumps(body).encode()).completion == completion


@given(st.text(max_size=200))
def test_a_cautious_estimate_is_not_too_low(text):
    from mistral_on_azure.endpoint.models.tokens import count

    body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    assert at_most(body).prompt >= count(text)


@given(st.binary(max_size=300), st.sampled_from(["text/event-stream", "application/json"]), st.booleans())
def test_no_answer_breaks_the_meter(answer, content_type, chat):
    meter = Meter(b"{}", chat)
    meter.sent()
    meter.begin(200, content_type)
    for index in range(0, len(answer), 7):
        meter.feed(answer[index : index + 7])
    assert meter.usage().calls == 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30), st.integers(0, 300))
def test_a_budget_is_never_exceeded(calls, limit):
    budget = Budget(tokens=limit)
    for most, used in calls:
        try:
            budget.reserve(Usage(1, 0, most))
        except Exhausted:
            continue
        budget.settle(Usage(1, 0, most), Usage(1, 0, min(used, most)))
    assert budget.used.tokens <= limit


def test_calls_under_way_count_as_if_they_used_all_they_may():
    budget = Budget(tokens=100)
    budget.reserve(Usage(1, 0, 60))
    with pytest.raises(Exhausted):
        budget.reserve(Usage(1, 0, 60))
    assert "does not allow the next call: 0 used" in budget.stopped


def test_sums_and_prices():
    assert Prices(2, 10).cost(Usage(1, 500_000, 100_000)) == 2.0
    assert total([Usage(1, 2, 3), Usage(1, 1, 1, exact=False)]) == Usage(2, 3, 4, exact=False)
    assert total([Usage(), None]) is None
    assert (count_text(None), count_text(1234), count_text(5, exact=False)) == ("?", "1,234", "~5")
