"""Heads that were parsed before: remembered or not, what is sent means the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from raw import chat, get, post

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import Heads
from mistral_on_azure.endpoint.transport.listener import Callers
from mistral_on_azure.endpoint.transport.reader import Limits, RequestReader

ROUTE = "/v1/chat/completions"
SENT = [
    chat(),
    chat(temperature=0.5),
    get("/info"),
    get("/info", {"connection": "keep-alive"}),
    get("/info", {"connection": "close"}),
    get("/info", {"connection": "upgrade", "upgrade": "h2c"}),
    get("/info", version="1.0"),
    chat(headers={"expect": "100-continue"}),
    post(ROUTE, b"{}"),
    post(ROUTE, b"[]"),
    post(ROUTE, b"\r\n\r\n"),
    post(ROUTE, b""),
    b"POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 9\r\n\r\n{}",
    b"GET /info HTTP/1.1\r\nhost: localhost\r\nhost: b\r\n\r\n",
    b"nonsense\r\n\r\n",
]


class Kept:
    """Keeps what a reader hands over."""

    def __init__(self) -> None:
        self.got: list = []

    def receive(self, request, manner) -> None:
        self.got.append((request, manner))

    def invite(self) -> None:
        self.got.append("invited")

    def check(self, method, target, headers) -> None:
        Callers().check(target, headers, lambda: "", method)

    def admit(self, request) -> None:
        pass

    def hold(self, size) -> None:
        pass


class NothingKnown(Heads):
    """Leaves every head to the parser."""

    def recall(self, data):
        return None


def read(arrived: list[bytes], heads: Heads) -> list:
    """What one connection's bytes come to, up to the first that cannot be read."""
    kept = Kept()
    reader = RequestReader(kept, Limits(), heads)
    try:
        for data in arrived:
            reader.feed(data)
    except ApiError as error:
        kept.got.append((error.status, error.message))
    return kept.got


def test_a_known_head_is_not_parsed_again():
    heads = Heads()
    (first, _), (second, _) = read([post(ROUTE, b"{}"), post(ROUTE, b"[]")], heads)
    assert second.headers is first.headers and second.body == b"[]"
    assert heads.recall(post(ROUTE, b"{} ")) is None  # another length
    assert heads.recall(post(ROUTE, b"[]") + b"GET") is None  # more than one request


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(SENT), max_size=12), st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_what_is_sent_means_the_same(requests, glued):
    """Whole requests, some of them several at a time or in two parts."""
    arrived = [b""]
    for request, how in zip(requests, glued, strict=False):
        if how == 0:
            arrived.append(request)
        elif how == 1:
            arrived[-1] += request
        else:
            arrived += [request[:50], request[50:]]
    arrived = [data for data in arrived if data]
    assert read(arrived, Heads()) == read(arrived, NothingKnown())


def test_few_are_kept():
    heads = Heads()
    read([get(f"/{number}") for number in range(2_000)], heads)
    assert len(heads._known) <= 512
