"""Quota: what is counted, what is refused, and what the headers say."""

from __future__ import annotations

import json

import pytest
from asking import Clock
from hypothesis import given
from hypothesis import strategies as st
from raw import KEY, ask, chat, get, post, serving

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.gateway.quota import Limits, Quota
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.options import Options
from mistral_on_azure.endpoint.server_process import make
from mistral_on_azure.endpoint.transport.exchange import Request, fields
from mistral_on_azure.errors import CookbookError

AUTHORIZED = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
NAMES = ("requests", "tokens")


def application(limits: Limits, clock: Clock) -> Application:
    return Application(Sessions([KEY], limits, clock))


def request(body: str = '{"messages":[{"role":"user","content":"Hello"}],"max_tokens":1}', **headers: str) -> Request:
    return Request("POST", "/chat/completions", "", {**AUTHORIZED, **headers}, body.encode())


def headers(answer) -> dict[str, str]:
    return fields(answer.headers)


def remaining(answer) -> tuple[int, int]:
    return tuple(int(headers(answer)[f"x-ratelimit-remaining-{name}"]) for name in NAMES)


def test_a_request_takes_one_and_the_tokens_of_its_usage():
    asked = application(Limits(1_000, 200_000), Clock())
    for place in range(1, 4):
        answer = asked.answer(request())
        assert answer.status == 200
        assert remaining(answer) == (1_000 - place, 200_000 - place * _tokens(answer))
    assert headers(answer)["x-ratelimit-limit-requests"] == "1000"
    assert headers(answer)["x-ratelimit-limit-tokens"] == "200000"
    assert headers(answer)["x-ratelimit-reset-requests"] == "0.180s"


def _tokens(answer) -> int:
    usage = json.loads(answer.body)["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return usage["total_tokens"]


@pytest.mark.parametrize("limits", [Limits(3, 200_000), Limits(1_000, 25)])
def test_what_does_not_fit_is_429_and_fits_after_retry_after(limits):
    clock = Clock()
    asked = application(limits, clock)
    each = _tokens(asked.answer(request()))
    fits = min(limits.requests, limits.tokens // each)
    assert [asked.answer(request()).status for _ in range(fits)] == [200] * (fits - 1) + [429]
    refused = asked.answer(request())
    seconds = int(headers(refused)["retry-after"])
    assert headers(refused)["x-ms-error-code"] == "rate_limit_exceeded"
    assert f"Try again in {seconds} s".encode() in refused.body
    clock.now += seconds - 1.01
    assert asked.answer(request()).status == 429
    clock.now += 1.01
    assert asked.answer(request()).status == 200


def test_it_refills_steadily():
    clock = Clock()
    asked = application(Limits(60, 10**9), clock)
    assert {asked.answer(request()).status for _ in range(60)} == {200}
    for _ in range(50):
        assert asked.answer(request()).status == 429
        clock.now += 1
        assert asked.answer(request()).status == 200


@pytest.mark.parametrize(
    "refused",
    [
        request("{"),
        request("{}"),
        request('{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}'),
        request(**{"x-local-fault": "status=503"}),
        request(**{"content-type": "text/plain"}),
    ],
)
def test_a_refused_request_is_a_request_all_the_same(refused):
    asked = application(Limits(10, 100), Clock())
    answers = [asked.answer(refused) for _ in range(3)]
    assert {answer.status for answer in answers} <= {400, 415, 422, 503}
    assert [remaining(answer) for answer in answers] == [(9, 100), (8, 100), (7, 100)]


def test_each_deployment_and_each_key_has_its_own():
    clock = Clock()
    asked = Application(Sessions([KEY, "other"], Limits(10, 10_000), clock))
    one = [asked.answer(request()), asked.answer(request(authorization="Bearer other"))]
    other = asked.answer(request(**{"azureml-model-deployment": "mistralai-Mixtral-8x7B-Instruct-v01"}))
    assert [remaining(answer)[0] for answer in (*one, other)] == [9, 9, 9]
    assert remaining(asked.answer(request()))[0] == 8


def test_more_than_a_minute_holds_passes_once_and_is_owed():
    clock = Clock()
    quota = Quota(Limits(1_000, 100), clock)
    quota.take(250)
    assert fields(quota.headers())["x-ratelimit-remaining-tokens"] == "0"
    with pytest.raises(ApiError) as refused:
        quota.take(1)
    assert dict(refused.value.headers)["retry-after"] == "91"  # 150 owed and 1 more, at 100 a minute
    clock.now = 91
    quota.take(1)


@given(
    st.integers(1, 50), st.integers(1, 500), st.lists(st.tuples(st.floats(0, 100), st.integers(0, 200)), max_size=60)
)
def test_never_more_than_the_limits_allow(requests, tokens, arrivals):
    """In any span of time, at most what a bucket holds and what flows into it meanwhile."""
    clock, taken = Clock(), []
    quota = Quota(Limits(requests, tokens), clock)
    for wait, cost in arrivals:
        clock.now += wait
        try:
            quota.take(cost)
        except ApiError as error:
            seconds = int(dict(error.headers)["retry-after"])
            assert seconds >= 1
            clock.now += seconds
            quota.take(cost)  # whoever waits as told is served
        taken.append((clock.now, cost))
        values = fields(quota.headers())
        assert 0 <= int(values["x-ratelimit-remaining-requests"]) < requests
        assert 0 <= int(values["x-ratelimit-remaining-tokens"]) <= tokens
    for first in range(len(taken)):
        span = taken[-1][0] - taken[first][0]
        assert len(taken) - first <= requests + span * requests / 60 + 1e-6


async def test_over_the_wire_every_chat_answer_says_what_is_left():
    async with serving(quota=Limits(5, 1_000)) as server:
        answers = [await ask(server, data) for data in (chat(), chat(stream=True), chat(n="x"), chat(), chat(), chat())]
        assert [got.status for got in answers] == [200, 200, 422, 200, 200, 429]
        left = [tuple(int(got[f"x-ratelimit-remaining-{name}"]) for name in NAMES) for got in answers]
        used = answers[0].json()["usage"]["total_tokens"]
        assert [each for each, _ in left] == [4, 3, 2, 1, 0, 0]
        assert left[1][1] == pytest.approx(1_000 - 2 * used, abs=5)  # a little flows in meanwhile
        assert int(answers[-1]["retry-after"]) == 12
        assert (await ask(server, get("/info"))).status == 200  # takes nothing
        assert (await ask(server, post("/local/faults", b'{"status":500}', AUTHORIZED))).status == 200


def test_a_minute_of_fewer_seconds_has_the_same_size_and_refills_sooner():
    clock = Clock()
    quota = Quota(Limits(10, 100, minute=6.0), clock)
    quota.take(100)
    with pytest.raises(ApiError, match="Try again in 3 s"):
        quota.take(50)
    clock.now = 3.0
    quota.take(50)
    clock.now = 60.0
    with pytest.raises(ApiError):
        [quota.take(60) for _ in range(2)]


@pytest.mark.parametrize("minute", [0, -1, 3601])
def test_a_minute_has_its_bounds(minute):
    with pytest.raises(CookbookError, match="minute"):
        make(["k" * 32], Options(minute=minute))
