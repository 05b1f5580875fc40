"""Faults on demand: each one as a client meets it, and which requests they hit."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest
from raw import EVENTS, Got, ask, chat, connect, get, serving

from mistral_on_azure.endpoint.fault import STATUSES
from mistral_on_azure.endpoint.local.faults import HEADER
from mistral_on_azure.endpoint.starting import start


async def after_fault(fault: str, **parameters) -> tuple[Got | Exception, dict]:
    """The answer to a request with a fault, and what the journal keeps of it."""
    async with serving() as server:
        try:
            got = await ask(server, chat(headers={HEADER: fault}, **parameters))
        except (ConnectionResetError, EOFError) as error:
            got = error
        return got, (await ask(server, get("/local/exchanges"))).json()[0]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", STATUSES)
async def test_statuses(status, stream):
    got, kept = await after_fault(f"status={status}; retry-after=7", stream=stream)
    assert (got.status, got["retry-after"]) == (status, "7")
    assert got["x-ms-error-code"] == STATUSES[status][0] == got.json()["error"]["code"]
    assert got["content-type"] == "application/json"
    assert (kept["status"], kept["note"]) == (status, f"Fault: status {status}.")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reset_before_the_answer(stream):
    got, kept = await after_fault("reset=before", stream=stream)
    assert isinstance(got, ConnectionResetError)
    assert (kept["status"], kept["answer"], kept["note"]) == (None, "", "Fault: connection reset before the answer.")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reset_within_the_answer(stream):
    got, kept = await after_fault("reset=within", stream=stream)
    assert (got.status, got.complete) == (200, False)
    assert got.body.decode() == kept["answer"] or not stream
    assert kept["note"] == "Fault: connection reset within the answer."
    if not stream:
        assert len(got.body) == int(got["content-length"]) // 2


async def test_a_reset_after_the_last_event():
    got, kept = await after_fault("reset=after", stream=True)
    assert (got.status, got.complete) == (200, False)  # the chunk that ends the body never came
    assert (len(got.events), got.events[-1]) == (EVENTS, "[DONE]")
    assert kept["note"] == "Fault: connection reset after the answer."


async def test_a_reset_after_a_whole_answer_spares_the_answer():
    async with serving() as server:
        peer = await connect(server)
        got = await peer.send(chat(headers={HEADER: "reset=after"})).get()
        assert got.complete
        assert got.json()["usage"]["completion_tokens"] == 72
        with pytest.raises(ConnectionResetError):
            await peer.ends()


async def test_truncated_json():
    got, kept = await after_fault("answer=truncated")
    assert (got.status, got.complete) == (200, True)
    with pytest.raises(json.JSONDecodeError):
        got.json()
    assert kept["answer"].encode() == got.body
    got, kept = await after_fault("answer=truncated", stream=True)
    assert got.complete
    *whole, broken = got.events
    assert len([json.loads(event) for event in whole]) == EVENTS // 2
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)
    assert "truncated in event 38" in kept["note"]


async def test_a_stream_without_done():
    got, kept = await after_fault("answer=no-done", stream=True)
    assert got.complete
    assert json.loads(got.events[-1])["choices"][0]["finish_reason"] == "stop"
    assert len(got.events) == EVENTS - 1
    assert kept["note"] == "Fault: stream without [DONE]."


async def test_an_empty_list_of_choices():
    got, _ = await after_fault("answer=no-choices")
    assert got.json()["choices"] == []
    assert got.json()["usage"]["completion_tokens"] == 72
    got, _ = await after_fault("answer=no-choices", stream=True)
    first, second, *_ = map(json.loads, got.events[:-1])
    assert (first["choices"], first["id"]) == ([], second["id"])
    assert len(got.events) == EVENTS + 1


async def test_an_error_half_way_through_a_stream():
    got, _ = await after_fault("answer=error-event", stream=True)
    assert json.loads(got.events[-2])["error"]["code"] == "internal_server_error"
    assert (len(got.events), got.events[-1]) == (EVENTS // 2 + 2, "[DONE]")


@pytest.mark.parametrize("status", [None, 503])
async def test_a_slow_first_token(status):
    import time

    async with serving() as server:
        began = time.monotonic()
        fault = "first-token=0.1" + (f"; status={status}" if status else "")
        assert (await ask(server, chat(headers={HEADER: fault}))).status == (status or 200)
        assert 0.09 <= time.monotonic() - began < 5


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("inner", [400, 429, 499, 503])
@pytest.mark.parametrize("status", ["", "status=424; "])
async def test_the_container_s_status_inside_of_424(stream, inner, status):
    got, kept = await after_fault(f"{status}model-status={inner}", stream=stream)
    assert (got.status, got["ms-azureml-model-error-statuscode"]) == (424, str(inner))
    assert got["ms-azureml-model-error-reason"] == "model_error"
    assert set(got.json()) == {"error"} and got.json()["error"]["status"] == inner
    assert kept["note"] == f"Fault: status 424 around {inner}."


async def test_the_reason_of_managed_compute_and_an_empty_body():
    for status, reason in ((429, "too_many_pending_request"), (408, "request_timeout")):
        got, kept = await after_fault(f"status={status}; reason={reason}; answer=empty")
        assert (got.status, got["ms-azureml-model-error-reason"], got.body) == (status, reason, b"")
        assert got["content-length"] == "0" and "content-type" not in dict(got.headers)
        assert kept["note"] == f"Fault: status {status}; empty body."


def test_managed_compute_gives_its_reason_once():
    with start(kind="managed") as endpoint:
        for fault, reason in {
            "status=408; reason=request_timeout": "request_timeout",
            "status=429; reason=too_many_pending_request": "too_many_pending_request",
            "model-status=400": "model_error",
        }.items():
            headers = {"authorization": f"Bearer {endpoint.keys[0]}", "x-local-fault": fault}
            body = {"messages": [{"role": "user", "content": "Hello"}]}
            answer = httpx.post(f"{endpoint.url}/v1/chat/completions", json=body, headers=headers, timeout=30)
            assert answer.headers.get_list("ms-azureml-model-error-reason") == [reason]
            assert answer.headers.get_list("ms-azureml-model-error-statuscode") == ["400"] * ("model-" in fault)


async def test_empty_answers():
    got, _ = await after_fault("answer=empty")
    assert (got.status, got.body, got.complete) == (200, b"", True)
    got, kept = await after_fault("answer=empty", stream=True)
    assert (got.status, got["content-type"], got.body, got.complete) == (200, "text/event-stream", b"", True)
    assert kept["note"] == "Fault: stream without an event."


@pytest.mark.parametrize("stream", [False, True])
async def test_waits_in_milliseconds(stream):
    got, _ = await after_fault("status=429; retry-after-ms=1500; x-ms-retry-after-ms=2500", stream=stream)
    assert (got["retry-after-ms"], got["x-ms-retry-after-ms"]) == ("1500", "2500")
    assert "retry-after" not in dict(got.headers)


async def test_a_wait_as_a_date():
    began = time.time()
    got, _ = await after_fault("status=503; retry-after-date=60")
    assert got["retry-after"].endswith(" GMT")
    assert began + 60 <= parsedate_to_datetime(got["retry-after"]).timestamp() <= time.time() + 61


async def test_a_retired_model():
    got, _ = await after_fault("status=410")
    assert (got.status, got.json()["code"]) == (410, "model_retired")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("status=503; model-status=400", "leave out status"),
        ("status=429; retry-after=1; retry-after-date=1", "choose one"),
        ("model-status=200", "from 400 to 599"),
        ("status=429; reason=because", "model_error, too_many_pending_request, request_timeout"),
        ("status=429; retry-after-ms=0.5", "a whole number"),
    ],
)
async def test_what_is_no_fault_of_managed_compute(fault, said):
    got, _ = await after_fault(fault)
    assert got.status == 400 and said in got.json()["message"]
