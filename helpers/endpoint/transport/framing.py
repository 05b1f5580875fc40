"""Framing: how a client can tell where an answer ends, and what becomes of the connection after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from helpers.endpoint.exchange import Answer


class Manner(NamedTuple):
    """What a client wants: whether the connection stays, the header line that says so, whether it knows chunks."""

    keep: bool
    header: bytes
    chunked: bool


KEEP = Manner(True, b"", chunked=True)
CLOSE = Manner(False, b"connection: close\r\n", chunked=True)
# HTTP/1.0 closes unless both sides say otherwise, and knows no chunks: a stream ends with the connection.
KEEP_1_0 = Manner(True, b"connection: keep-alive\r\n", chunked=False)
CLOSE_1_0 = Manner(False, b"connection: close\r\n", chunked=False)

Frame = Callable[[bytes, bool], bytes]  # puts a piece of the body on the wire; told whether it is the last one


def framing(answer: Answer, manner: Manner) -> tuple[bytes, Frame, Manner]:
    """The header lines that say how long the body is, how its pieces are framed, and what becomes of the connection."""
    if answer.events is None and answer.source is None:
        return b"content-length: %d\r\n" % len(answer.body), whole, manner
    if manner.chunked:
        return b"transfer-encoding: chunked\r\ncache-control: no-cache\r\n", chunk, manner
    return b"cache-control: no-cache\r\n", whole, CLOSE_1_0


def whole(data: bytes, last: bool) -> bytes:
    """A piece of a body whose length is known, or that ends with the connection."""
    return data


def chunk(data: bytes, last: bool) -> bytes:
    """A piece of a body whose length is not known beforehand (RFC 9112, 7.1)."""
    end = b"0\r\n\r\n" if last else b""
    return b"%x\r\n%b\r\n%b" % (len(data), data, end) if data else end
