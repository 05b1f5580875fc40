"""The policy of the recipe on errors: the code that readers copy, taken out of the notebook as one program."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from mistral_on_azure import local_endpoint
from mistral_on_azure.snippets.starter import composed

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
REQUEST = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}


def asked(program: str) -> dict[str, Any]:
    """The program's names, and what it `said` when it asked its own question at a local endpoint."""
    names, said = {}, io.StringIO()
    with local_endpoint() as there, pytest.MonkeyPatch.context() as changed, contextlib.redirect_stdout(said):
        for name, value in there.items():
            changed.setenv(name, value)
        exec(program, names)
    names["said"] = said.getvalue()
    return names


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    return asked(composed(NOTEBOOKS, "Spend from one budget", "recipes/errors"))


def test_the_copied_program_asks_a_question_and_prints_the_answer(policy):
    assert policy["said"].strip()


def test_what_is_left_for_one_client_needs_no_other_as_the_ending_says():
    program = composed(NOTEBOOKS, "Spend from one budget", "recipes/errors")
    others = r"^(import (httpx2?|requests|litellm)|from (azure|mistralai)\b|litellm\.|os\.environ\[.LITELLM).*\n"
    program = re.sub(others, "", program, flags=re.MULTILINE)
    own = "FAILURES = (openai.OpenAIError,)\n"
    program, found = re.subn(r"^BROKEN = .+\nFAILURES = .+\n", own, program, flags=re.MULTILINE)
    modules = set(re.findall(r"^(?:import|from) (\w+)", program, re.MULTILINE))
    assert found == 1 and modules - sys.stdlib_module_names == {"openai", "stamina"}
    assert asked(program)["said"].strip()


@pytest.mark.parametrize(("fault", "tried"), [("status=401", 1), ("status=503", 4), ("model_status=503", 4)])
def test_the_short_program_needs_one_client_and_tries_again_what_may_pass(fault, tried):
    names = asked(program := composed(NOTEBOOKS, "Wait as long as you are told", "recipes/errors"))
    modules = set(re.findall(r"^(?:import|from) (\w+)", program, re.MULTILINE))
    assert modules - sys.stdlib_module_names == {"openai", "stamina"}
    names["first_wait"], headers = 0.001, {"x-local-fault": f"{fault}; retry_after_ms=1"}
    with local_endpoint() as there:
        where = {"base_url": there["AZURE_INFERENCE_ENDPOINT"] + "/v1", "api_key": there["AZURE_INFERENCE_CREDENTIAL"]}
        names["openai_client"] = names["openai_client"].with_options(**where, default_headers=headers)
        with pytest.raises(names["openai"].APIStatusError):
            names["try_well"](model="mistralai-Mistral-7B-Instruct-v01", **REQUEST)
    assert len(names["sent"]) == tried


class Refused(requests.HTTPError):
    """As a client raises it, with an answer."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(response=SimpleNamespace(status_code=status, headers=headers))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-1"}, 0),
        ({"retry-after-ms": "300", "retry-after": "2"}, 0.3),
        ({"x-ms-retry-after-ms": "300"}, 0.3),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:00 GMT"}, 0),
    ],
)
def test_a_wait_is_read_as_it_is_told(policy, headers, wait):
    assert policy["told_to_wait"](headers) == wait


def test_a_wait_is_read_as_a_date(policy):
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3_500 < policy["told_to_wait"]({"retry-after": date}) <= 3_600


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


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": None}])
def test_an_answer_without_a_count_costs_the_worst_case(policy, usage):
    budget = policy["Budget"](5, 1_000)
    budget.spend(lambda request, limit: {"usage": usage}, REQUEST)
    assert budget.tokens < 1_000 - 12 - 10


def test_a_500_costs_tokens_since_litellm_invents_it(policy):
    ask, limits = failing(policy, Refused(500))
    budget = policy["Budget"](5, 1_000)
    policy["answer"](ask, REQUEST, budget)
    assert len(limits) == 2 and budget.tokens < 1_000 - 12 - 10


@pytest.mark.parametrize(("headers", "least"), [({"retry-after-ms": "100"}, 0.1), ({"retry-after": "0"}, 0)])
def test_a_wait_is_as_long_as_told_and_a_random_part_more(policy, headers, least, monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    for _ in range(5):
        ask, _ = failing(policy, Refused(429, **headers))
        policy["answer"](ask, REQUEST, policy["Budget"](5, 1_000))
    assert all(least <= wait <= max(1.5 * least, 0.001) for wait in waits) and len(set(waits)) == 5


def test_nothing_is_sent_that_the_budget_cannot_pay_for(policy):
    """Neither at first, nor after a try that has spent its tokens; and it is not tried again."""
    ask, limits = failing(policy, requests.ConnectionError())
    with pytest.raises(policy["BudgetSpent"]):
        policy["answer"](ask, REQUEST, policy["Budget"](5, 20))
    assert not limits
    with pytest.raises(policy["BudgetSpent"]):
        policy["answer"](ask, REQUEST, policy["Budget"](5, 80))
    assert len(limits) == 1


@pytest.mark.parametrize(("headers", "first_wait"), [({"retry-after": "60"}, 0.001), ({}, 60)])
def test_a_wait_beyond_the_budget_is_not_begun(policy, headers, first_wait):
    ask, limits = failing(policy, Refused(429, **headers))
    policy.update(first_wait=first_wait)
    began = time.monotonic()
    with pytest.raises(Refused):
        policy["answer"](ask, REQUEST, policy["Budget"](5, 1_000))
    assert len(limits) == 1 and time.monotonic() - began < 1


MISSPELT = requests.exceptions.MissingSchema("an address without https")
LASTING = [*map(Refused, (400, 401, 404, 408, 422)), ValueError("a bug"), OSError("a file"), MISSPELT]


@pytest.mark.parametrize("error", LASTING)
def test_what_will_not_pass_is_not_tried_again(policy, error):
    ask, limits = failing(policy, error)
    with pytest.raises(type(error)):
        policy["answer"](ask, REQUEST, policy["Budget"](5, 1_000))
    assert len(limits) == 1


@pytest.fixture
def breaking(monkeypatch) -> dict[str, Any]:
    monkeypatch.setenv("AZURE_INFERENCE_ENDPOINT", "https://example.com")  # nothing is sent there
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", "key")
    names: dict[str, Any] = {}
    exec(composed(NOTEBOOKS, "Stop asking a service that is down", "recipes/errors"), names)
    return names


def test_an_open_breaker_lets_one_request_through_after_each_timeout(breaking):
    """What was not answered waits for the next round."""
    ask, sent = failing(breaking, *[Refused(503)] * 4)
    breaking["ask_openai"], waiting = ask, {name: REQUEST for name in "abc"}
    breaking["breaker"].reset_timeout = 0.1
    counts = []
    for _ in range(3):
        answers = breaking["one_round"](breaking["guarded"], waiting)
        counts.append(len(sent))
        time.sleep(0.1)
    assert counts == [3, 4, 7] and len(answers) == 3 and not waiting


HARMLESS = [*map(Refused, (400, 408, 413, 422, 429)), TypeError("a bug")]


@pytest.mark.parametrize("error", HARMLESS)
def test_failures_that_the_service_survives_do_not_open_the_breaker(breaking, error):
    breaking["ask_openai"], _ = failing(breaking, *[error] * 5)
    for _ in range(5):
        with pytest.raises(type(error)):
            breaking["guarded"](REQUEST, 1)
    assert breaking["breaker"].current_state == "closed"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_every_question_would_meet_opens_the_breaker(breaking, status):
    """A wrong key does not send requests all night."""
    breaking["ask_openai"], sent = failing(breaking, *[Refused(status)] * 9)
    breaking["one_round"](breaking["guarded"], {number: REQUEST for number in range(9)})
    assert len(sent) == 3 and breaking["breaker"].current_state == "open"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refused(401), "401: Refused"),
        (Refused(429, **{"retry-after": "60"}), "429: Refused"),
        (requests.ConnectionError(), "no answer: ConnectionError"),
    ],
)
def test_a_round_says_why_a_question_waits(breaking, error, said):
    ask, sent = failing(breaking, *[error] * 4)
    assert breaking["one_round"](ask, {"a": REQUEST}) == {}
    assert breaking["reasons"] == [said] * len(sent)


def test_a_question_that_costs_too_much_says_so(breaking):
    ask, sent = failing(breaking)
    breaking["one_round"](ask, {"a": {**REQUEST, "max_tokens": 10_000}})
    assert breaking["reasons"] == ["no answer: BudgetSpent"] and not sent


def test_a_copy_waits_as_a_service_needs(breaking):
    """The demonstrations' short waits are not those of the code that readers copy."""
    assert breaking["first_wait"] == 0.5 and breaking["breaker"].reset_timeout == 60


def test_an_address_without_its_scheme_is_a_bug_and_a_mistyped_host_is_tried_again(policy):
    for address, again in ("example.com", False), ("https://mistyped.invalid", True):
        calls = []

        def ask(request: dict, limit: float, address=address, calls=calls) -> dict:
            calls.append(address)
            return requests.post(address, json=request, timeout=limit).json()

        policy.update(attempts=2, first_wait=0.001)
        with pytest.raises(requests.RequestException):
            policy["answer"](ask, REQUEST, policy["Budget"](5, 1_000))
        assert (len(calls) == 2) is again


@pytest.fixture(scope="module")
def read():
    names: dict[str, Any] = {}
    exec(composed(NOTEBOOKS, "Notice a stream that broke", "recipes/errors"), names)
    return names["read"]


def chunk(text: str, finish: str | None = None, usage: Any = None) -> SimpleNamespace:
    choice = SimpleNamespace(delta=SimpleNamespace(content=text), finish_reason=finish)
    return SimpleNamespace(choices=[choice], usage=usage)


def test_a_stream_is_read_with_its_reason_and_its_count(read):
    whole = read([chunk("a"), chunk("b", "length"), chunk("", usage=SimpleNamespace(total_tokens=7))], 5)
    assert whole["choices"] == [{"message": {"content": "ab"}, "finish_reason": "length"}]
    assert whole["usage"] == {"total_tokens": 7}
    assert read([chunk("a", "stop")], 5)["usage"] == {"total_tokens": None}


def test_a_stream_without_a_reason_is_broken_and_so_is_one_that_drips(read):
    for chunks, limit in ([chunk("a")], 5), ([chunk("a"), chunk("b", "stop")], -1):
        with pytest.raises(Exception, match=r"^a$"):
            read(chunks, limit)
