"""Which requests a fault hits: counts, sequences, probabilities, and what is not a fault."""

from __future__ import annotations

import json

import pytest
from raw import AUTHORIZED, ask, chat, get, post, serving

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.local.faults import HEADER, Faults


async def statuses(server, header: str | None, count: int) -> list[int]:
    data = chat(headers={HEADER: header} if header else {})
    return [(await ask(server, data)).status for _ in range(count)]


async def test_in_a_header_the_first_two_fail_and_the_retry_succeeds():
    async with serving() as server:
        assert await statuses(server, "status=503; count=2", 4) == [503, 503, 200, 200]
        assert await statuses(server, "status=503; count=2; name=again", 3) == [503, 503, 200]
        assert await statuses(server, "status=500; after=1; count=1", 3) == [200, 500, 200]
        assert await statuses(server, "status=500", 3) == [500, 500, 500]
        assert await statuses(server, None, 1) == [200]


async def test_out_of_band_a_sequence():
    async with serving() as server:
        wanted = [{"status": 503, "count": 2}, {"status": 429, "retry_after": 1, "after": 1}]
        asked = await ask(server, post("/local/faults", json.dumps(wanted).encode(), AUTHORIZED))
        assert asked.json() == [{"status": 503, "count": 2}, {"status": 429, "retry_after": 1, "count": 1, "after": 1}]
        assert await statuses(server, None, 5) == [503, 503, 200, 429, 200]
        assert (await ask(server, get("/local/faults"))).json() == []
        await ask(server, post("/local/faults", b'{"status": 500, "probability": 1.0, "count": 9}', AUTHORIZED))
        assert await statuses(server, None, 1) == [500]
        assert (await ask(server, get("/local/faults").replace(b"GET", b"DELETE"))).json() == []
        assert await statuses(server, None, 1) == [200]


def test_probability_repeats_with_its_seed():
    def pattern(seed: int, probability: float = 0.3) -> list[bool]:
        faults = Faults()
        faults.ask({"status": 500, "probability": probability, "seed": seed})
        return [faults.next(None) is not None for _ in range(1_000)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 250 < sum(pattern(1)) < 350
    assert sum(pattern(1, 0)) == 0
    faults, header = Faults(), "status=500; probability=0.3; seed=1"
    assert [faults.next(header) is not None for _ in range(1_000)] == pattern(1)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("status=200", "one of 400, 401"),
        ("status=many", "one of 400"),
        ("reset=now", "one of before, within, after"),
        ("answer=42", "one of truncated"),
        ("count=0", "a whole number from 1"),
        ("probability=2", "a number from 0 to 1"),
        ("first-token=nan", "a number of seconds"),
        ("first-token=1e9", "a number of seconds"),
        ("colour=red", "no field 'colour'"),
        ("status", "not 'name=value'"),
        ("=503", "not 'name=value'"),
    ],
)
async def test_a_fault_that_does_not_exist(wanted, said):
    with pytest.raises(ApiError, match=said) as raised:
        Faults().next(wanted)
    assert raised.value.status == 400
    async with serving() as server:
        got = await ask(server, chat(headers={HEADER: wanted}))
        assert (got.status, got["x-ms-error-code"]) == (400, "invalid_field")


@pytest.mark.parametrize(
    "wanted", ["[1]", "3", '{"status": true}', '{"status": 503.0}', '{"count": 1.5}', '{"seed": "a"}']
)
async def test_what_is_no_fault_is_refused_and_nothing_is_kept(wanted):
    async with serving() as server:
        data = f'[{{"status": 500}}, {wanted}]' if wanted != "3" else wanted
        assert (await ask(server, post("/local/faults", data.encode(), AUTHORIZED))).status == 400
        assert await statuses(server, None, 1) == [200]


def test_faults_do_not_pile_up():
    faults = Faults()
    faults.ask([{"status": 500}] * 1_000)
    with pytest.raises(ApiError, match="has room for"):
        faults.ask({"status": 500})
    for number in range(1_000):
        faults.next(f"status=500; name={number}")
    assert len(faults._headers) <= 256


async def test_one_key_never_meets_the_faults_of_another():
    async with serving(["a" * 32, "b" * 32]) as server:
        await ask(server, post("/local/faults", b'{"status": 500}', {"authorization": f"Bearer {'a' * 32}"}))
        assert (await ask(server, chat(key="b" * 32))).status == 200
        assert (await ask(server, chat(key="a" * 32))).status == 500


def test_a_notebook_can_ask_for_any_fault(local):
    from mistral_on_azure import connect, fail_next
    from mistral_on_azure.azure import http

    connect()
    assert fail_next(503)
    assert fail_next(answer="no-choices", times=2)
    wanted = {"messages": [{"role": "user", "content": "Hello"}]}
    answers = [http.request("POST", f"{local.url}/chat/completions", local.key, wanted) for _ in range(4)]
    assert [answer.status for answer in answers] == [503, 200, 200, 200]
    assert [len(answer.json()["choices"]) for answer in answers[1:]] == [0, 0, 1]
    assert fail_next(503, times=1_000) and fail_next(times=0)
    assert http.request("POST", f"{local.url}/chat/completions", local.key, wanted).status == 200
