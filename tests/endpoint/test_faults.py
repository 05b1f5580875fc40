"""Faults on demand: each one as a client meets it, and which requests they hit."""

from __future__ import annotations

import json

import pytest
from raw import EVENTS, KEY, Got, ask, chat, connect, post, serving

from mistral_on_azure.endpoint.local.faults import HEADER, STATUSES
from mistral_on_azure.endpoint.server import run

AUTHORIZED = {"authorization": f"Bearer {KEY}"}


def after_fault(fault: str, **parameters) -> tuple[Got, dict]:
    """The answer to a request with a fault, and what the journal keeps of it."""
    kept = []

    async def main():
        async with serving() as server:
            try:
                kept.append(await ask(server, chat(headers={HEADER: fault}, **parameters)))
            except (ConnectionResetError, EOFError) as error:
                kept.append(error)
            kept.append((await ask(server, _get("/local/exchanges"))).json()[0])

    run(main())
    return tuple(kept)


def _get(path: str, method: bytes = b"GET") -> bytes:
    return post(path, b"", AUTHORIZED).replace(b"POST", method)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", STATUSES)
def test_statuses(status, stream):
    got, kept = after_fault(f"status={status}; retry-after=7", stream=stream)
    assert (got.status, got["retry-after"]) == (status, "7")
    assert got["x-ms-error-code"] == STATUSES[status][0] == got.json()["error"]["code"]
    assert got["content-type"] == "application/json"
    assert (kept["status"], kept["note"]) == (status, f"Fault: status {status}.")


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_before_the_answer(stream):
    got, kept = after_fault("reset=before", stream=stream)
    assert isinstance(got, ConnectionResetError)
    assert (kept["status"], kept["answer"], kept["note"]) == (None, "", "Fault: connection reset before the answer.")


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_within_the_answer(stream):
    got, kept = after_fault("reset=within", stream=stream)
    assert (got.status, got.complete) == (200, False)
    assert got.body.decode() == kept["answer"] or not stream
    assert kept["note"] == "Fault: connection reset within the answer."
    if not stream:
        assert len(got.body) == int(got["content-length"]) // 2


def test_a_reset_after_the_last_event():
    got, kept = after_fault("reset=after", stream=True)
    assert (got.status, got.complete) == (200, False)  # the chunk that ends the body never came
    assert (len(got.events), got.events[-1]) == (EVENTS, "[DONE]")
    assert kept["note"] == "Fault: connection reset after the answer."


def test_a_reset_after_a_whole_answer_spares_the_answer():
    async def main():
        async with serving() as server:
            peer = await connect(server)
            got = await peer.send(chat(headers={HEADER: "reset=after"})).get()
            assert got.complete
            assert got.json()["usage"]["completion_tokens"] == 72
            with pytest.raises(ConnectionResetError):
                await peer.ends()

    run(main())


def test_truncated_json():
    got, kept = after_fault("answer=truncated")
    assert (got.status, got.complete) == (200, True)
    with pytest.raises(json.JSONDecodeError):
        got.json()
    assert kept["answer"].encode() == got.body
    got, kept = after_fault("answer=truncated", stream=True)
    assert got.complete
    *whole, broken = got.events
    assert len([json.loads(event) for event in whole]) == EVENTS // 2
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)
    assert "truncated in event 38" in kept["note"]


def test_a_stream_without_done():
    got, kept = after_fault("answer=no-done", stream=True)
    assert got.complete
    assert json.loads(got.events[-1])["choices"][0]["finish_reason"] == "stop"
    assert len(got.events) == EVENTS - 1
    assert kept["note"] == "Fault: stream without [DONE]."


def test_an_empty_list_of_choices():
    got, _ = after_fault("answer=no-choices")
    assert got.json()["choices"] == []
    assert got.json()["usage"]["completion_tokens"] == 72
    got, _ = after_fault("answer=no-choices", stream=True)
    first, second, *_ = map(json.loads, got.events[:-1])
    assert (first["choices"], first["id"]) == ([], second["id"])
    assert len(got.events) == EVENTS + 1


def test_an_error_half_way_through_a_stream():
    got, _ = after_fault("answer=error-event", stream=True)
    assert json.loads(got.events[-2])["error"]["code"] == "internal_server_error"
    assert (len(got.events), got.events[-1]) == (EVENTS // 2 + 2, "[DONE]")


@pytest.mark.parametrize("status", [None, 503])
def test_a_slow_first_token(status):
    async def main():
        import time

        async with serving() as server:
            began = time.monotonic()
            fault = "first-token=0.1" + (f"; status={status}" if status else "")
            assert (await ask(server, chat(headers={HEADER: fault}))).status == (status or 200)
            assert 0.09 <= time.monotonic() - began < 5

    run(main())
