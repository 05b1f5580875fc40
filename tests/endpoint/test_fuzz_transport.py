"""Whatever bytes come in, in whatever pieces: an HTTP answer or silence, and never an exception."""

from __future__ import annotations

import asyncio
import json

from asking import ROUTES
from hypothesis import given, settings
from hypothesis import strategies as st
from raw import KEY, chat, get, post

from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.local.sessions import Sessions
from mistral_on_azure.endpoint.transport import exchange
from mistral_on_azure.endpoint.transport.connection import Connection
from mistral_on_azure.endpoint.transport.exchange import Request
from mistral_on_azure.endpoint.transport.house import House
from mistral_on_azure.endpoint.transport.reader import Limits

APPLICATION = Application(Sessions([KEY]))
AUTHORIZED = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
SEEDS = [
    get("/info"),
    get("/info", version="1.0"),
    chat(),
    chat(stream=True),
    chat(headers={"x-local-fault": "status=503; count=2", "x-local-timing": "first-token=0.001"}),
    post("/local/faults", b'{"status": 503}', AUTHORIZED),
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    b"2\r\n{}\r\n0\r\na: b\r\n\r\n",
    chat(headers={"connection": "upgrade", "upgrade": "h2c"}),
    chat(headers={"expect": "100-continue"}),
]
pieces = st.one_of(
    st.sampled_from(SEEDS),
    st.binary(max_size=40),
    st.sampled_from([b"\r\n", b"\r\n\r\n", b": ", b"\0", b"\xff", b"HTTP/1.1", b"%", b"%2", b"//", b"0\r\n\r\n"]),
    st.tuples(st.sampled_from(SEEDS), st.integers(0, 400), st.binary(max_size=6)).map(
        lambda given: given[0][: given[1]] + given[2] + given[0][given[1] :]
    ),
)


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.wrote, self.closed = b"", False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.wrote += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        assert not self.closed

    resume_reading = pause_reading


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=4), st.lists(st.integers(1, 200), min_size=1, max_size=5))
def test_any_bytes(parts, sizes):
    async def main():
        wire = Wire()
        connection = Connection(
            House(APPLICATION.answer, Limits(header=4096, body=65_536), lambda error, _: APPLICATION.kind.error(error))
        )
        connection.connection_made(wire)
        data, place = b"".join(parts), 0
        while data and not wire.closed:
            size = sizes[place % len(sizes)]
            connection.data_received(data[:size])
            data, place = data[size:], place + 1
        if connection.stream and not wire.closed:
            await asyncio.sleep(0.002)
        connection.connection_lost(None)
        assert not wire.wrote or wire.wrote.startswith(b"HTTP/1.1 ")
        assert b" 500 " not in wire.wrote

    asyncio.run(main())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    ["deployment", "timing", "token_lifetime", "status", "count", "after", "seed", "reset", "answer", "first_token"]
)
headers = st.dictionaries(
    st.sampled_from(
        ["x-local-fault", "x-local-timing", "extra-parameters", "azureml-model-deployment", "content-type", "api-key"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
    | st.lists(st.tuples(fields, st.integers(-1, 600)), max_size=3).map(
        lambda pairs: ";".join(f"{name}={value}" for name, value in pairs)
    ),
    max_size=2,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([(path, method) for path, methods in ROUTES.items() for method in methods]),
    values
    | st.dictionaries(fields, values, max_size=3)
    | st.lists(st.dictionaries(fields, values, max_size=3), max_size=2),
    st.text(max_size=20) | st.sampled_from(["last=0", "last=9", "last=²", "resource=x", "api-version=1"]),
    headers,
)
def test_no_route_fails_whatever_it_is_sent(route, body, query, more):
    path, method = route
    answer = APPLICATION.answer(Request(method, path, query, {**AUTHORIZED, **more}, json.dumps(body).encode()))
    assert answer.status != 500 or answer.note == "Fault: status 500."
    json.loads(answer.body)
    assert all(value.isprintable() for value in exchange.fields(answer.headers).values())
