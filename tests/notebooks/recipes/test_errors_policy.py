"""The policy of the recipe on errors: the code that readers copy, taken out of the notebook as one program."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest
import requests

from mistral_on_azure.notebook.fault_views import plot_client_faults
from mistral_on_azure.snippets.starter import composed

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
REQUEST = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(composed(NOTEBOOKS, "Spend from one budget", "recipes/errors"), names)
    return names


class Refused(requests.HTTPError):
    """As a client raises it, with an answer."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(response=SimpleNamespace(status_code=status, headers=headers))


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": "2"}, 2, 3),
        ({"retry-after": "0.5"}, 0.5, 0.75),
        ({"retry-after-ms": "300", "retry-after": "2"}, 0.3, 0.45),
        ({"x-ms-retry-after-ms": "300"}, 0.3, 0.45),
        ({"retry-after": "in an hour"}, 3_590, 5_400),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:00 GMT"}, 0, 0),
    ],
)
def test_a_wait_is_at_least_as_long_as_told_and_half_as_long_again_at_most(policy, headers, least, most):
    if headers.get("retry-after") == "in an hour":  # as a date, of which there is none before the test runs
        headers = {"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)}
    waits = {policy["told_to_wait"](headers) for _ in range(50)}
    assert all(least <= wait <= most for wait in waits)
    assert len(waits) > 1 or most == 0


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}, {"retry-after": ""}])
def test_what_cannot_be_read_tells_nothing(policy, headers):
    assert policy["told_to_wait"](headers) is None


def test_the_status_in_a_424_counts(policy):
    wrapped = Refused(424, **{"ms-azureml-model-error-statuscode": "503"})
    assert policy["facts"](wrapped)[0] == 503
    assert policy["facts"](Refused(424))[0] == 424
    assert policy["facts"](ValueError())[0] is None


def failing(policy, *errors: Exception):
    """A client that fails with these, then answers, and the limits that it was given."""
    left, limits = list(errors), []

    def ask(request: dict, limit: float) -> dict:
        limits.append(limit)
        if left:
            raise left.pop(0)
        return {"usage": {"total_tokens": 12}}

    policy.update(attempts=4, first_wait=0.001)
    return ask, limits


def test_refusals_cost_nothing_and_an_answer_what_it_took(policy):
    ask, limits = failing(policy, Refused(503), Refused(429, **{"retry-after-ms": "5"}))
    budget = policy["Budget"](5, 1_000)
    policy["answer"](ask, REQUEST, budget)
    assert budget.tries == 3 and budget.tokens == 1_000 - 12
    assert limits == sorted(limits, reverse=True) and limits[0] < 5


def test_a_try_without_an_answer_stays_paid(policy):
    ask, _ = failing(policy, requests.ConnectionError())
    budget = policy["Budget"](5, 1_000)
    policy["answer"](ask, REQUEST, budget)
    assert budget.tokens < 1_000 - 12 - 10


def test_nothing_is_sent_that_the_budget_cannot_pay_for(policy):
    ask, limits = failing(policy)
    with pytest.raises(TimeoutError):
        policy["answer"](ask, REQUEST, policy["Budget"](5, 20))
    assert not limits


def test_a_wait_beyond_the_budget_is_not_begun(policy):
    ask, limits = failing(policy, Refused(429, **{"retry-after": "60"}))
    began = time.monotonic()
    with pytest.raises(Refused):
        policy["answer"](ask, REQUEST, policy["Budget"](5, 1_000))
    assert len(limits) == 1 and time.monotonic() - began < 1


@pytest.mark.parametrize("error", [Refused(400), Refused(401), Refused(404), Refused(422), ValueError("a bug")])
def test_what_will_not_pass_is_not_tried_again(policy, error):
    ask, limits = failing(policy, error)
    with pytest.raises(type(error)):
        policy["answer"](ask, REQUEST, policy["Budget"](5, 1_000))
    assert len(limits) == 1


def test_the_picture_says_what_was_measured():
    plot = plot_client_faults()
    assert plot.words("429 with Retry-After", "azure-sdk") == ("4 tries", "waits 7 s, as told")
    assert plot.words("error event (streamed)", "litellm") == ("1 try", "a part, no error")
    assert {plot.words("424 around 503", client)[0] for client in plot.clients} == {"1 try"}
    assert plot.picture().png == plot.picture().png and len(plot.alt) > 200


def test_the_defaults_are_those_that_the_notebook_prints():
    assert openai.DEFAULT_MAX_RETRIES == 2 and openai.DEFAULT_TIMEOUT.read == 600
