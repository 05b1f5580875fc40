"""Bytes from a client become requests, within the limits of what one peer may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

import httptools

from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.transport.exchange import Heads, Request
from mistral_on_azure.endpoint.transport.writer import CLOSE, CLOSE_1_0, KEEP, KEEP_1_0, Manner


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes, times in seconds.

    Attributes:
        header: a request line with all its headers.
        body: a request's body.
        bodies: all bodies together that are not whole yet or wait for their turn; the next one is told 503.
        connections: open at the same time; the next one is told 503.
        request: from a request's first byte to its last.
        silence: a connection with nothing to do is closed after that long.
        stream: an answer that takes longer, because it is paced or because nobody reads it, is broken off.
        grace: what running streams get to finish when the server is told to end.
    """

    header: int = 64 * 1024
    body: int = 4 * 1024 * 1024
    bodies: int = 48 * 1024 * 1024
    connections: int = 768
    request: float = 60.0
    silence: float = 60.0
    stream: float = 600.0
    grace: float = 5.0


def split(target: bytes) -> tuple[str, str]:
    """The path and the query of a request's target; percent signs in the path are read."""
    path, _, query = target.decode("latin-1").partition("#")[0].partition("?")
    return unquote(path) if "%" in path else path, query


_ONCE = {"authorization", "api-key", "azureml-model-deployment", "content-type", "extra-parameters", "host"}
_OFFER = {"upgrade", "expect"}  # not read again; what is expected was met when it was first read
_names: dict[bytes, str] = {}  # header names as clients write them and in lower case; there are few


class Receiver(Protocol):
    """What a reader hands the requests to."""

    def check(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Raise an ApiError for a head that is addressed to somebody else. A known head is not checked again."""

    def admit(self, request: Request) -> None:
        """Raise an ApiError for a request whose body, which is not whole yet, is not worth waiting for."""

    def hold(self, size: int) -> None:
        """Count bytes of a body that is not whole yet; they are let go with a negative number.

        Raises:
            ApiError: 503 when there are too many.
        """

    def receive(self, request: Request, manner: Manner) -> None:
        """Take a whole request."""

    def invite(self) -> None:
        """Tell the client to send the body it is holding back."""


class RequestReader:
    """Puts one connection's requests together.

    Args:
        receiver: who is handed each request.
        limits: how much a request may be.
        heads: what others have sent under the same limits.
    """

    def __init__(self, receiver: Receiver, limits: Limits, heads: Heads) -> None:
        self.receiver, self.limits, self.heads = receiver, limits, heads
        self.over = False  # a request has closed the connection: the parser refuses what follows
        self.whole: bytes | None = None  # what arrived, as long as it may be one whole request
        self.parser = httptools.HttpRequestParser(self)
        self.chunk = 0
        self._begin()

    def _begin(self) -> None:
        self.midway, self.in_head, self.admitted = False, True, False
        self.held = 0  # bytes of the body that the receiver has been told of
        self.url, self.body, self.size = b"", [], 0
        self.headers: dict[str, str] = {}
        self.seen = 0  # bytes that arrived since, but for those that came together with the request before

    def feed(self, data: bytes) -> None:
        """Read what arrived.

        Raises:
            ApiError: 400, 413, 417 or 431. Nothing more can be read after that.
        """
        if not self.midway and not self.over:
            request = self.heads.recall(data)
            if request is not None:
                self.receiver.receive(request, KEEP)
                return
        self.whole = None if self.midway else data
        self.chunk = len(data)
        if self.midway:
            self.seen += self.chunk
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, ApiError):
                raise error.__context__ from None
            hint = " This port speaks plain http, not https." if data[:1] == b"\x16" else ""
            raise ApiError(400, "bad_request", f"This is not HTTP/1.1: {error}.{hint}") from None
        # The parser hands over a header, or a trailer, when it is complete: an endless one is noticed here. A body
        # sent in the smallest chunks is six times its size.
        if self.midway and self.seen > self.limits.header * (1 if self.in_head else 2) + 6 * self.size:
            raise self._head_too_large()
        if self.midway and not self.in_head:
            self._wait_for_body()

    def _wait_for_body(self) -> None:
        """Wait for the body of a request whose head has arrived, unless the receiver refuses the head."""
        if not self.admitted:
            self.admitted = True
            path, query = split(self.url)
            self.receiver.admit(Request(self.parser.get_method().decode(), path, query, self.headers))
            if "expect" in self.headers:
                self._expect(self.headers["expect"])
        new, self.held = self.size - self.held, self.size
        self.receiver.hold(new)

    def _parse(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while rest:
            try:
                return self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                # The offer of another protocol may be ignored (RFC 9110, 7.8): read on.
                rest = memoryview(rest)[upgrade.args[0] :]
                if self.midway:
                    self._read_again()

    def _read_again(self) -> None:
        """Read the head once more without its offer: with one, the parser takes the body for another protocol's."""
        method, version = self.parser.get_method().decode(), self.parser.get_http_version()
        request = f"{method} {self.url.decode('latin-1')} HTTP/{version}"
        lines = [request, *(f"{name}: {value}" for name, value in self.headers.items() if name not in _OFFER)]
        self.parser = httptools.HttpRequestParser(self)
        self._begin()
        self.parser.feed_data("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def close(self) -> None:
        """Let go of the parser and the receiver, which know this object: the garbage collector is left no cycle."""
        self.parser = self.receiver = None

    def drop(self) -> None:
        """Keep nothing of the request that is half-way here."""
        self.body, self.size, self.whole = [], 0, None
        if self.held:
            self.receiver.hold(-self.held)
            self.held = 0

    # Called by the parser

    def on_message_begin(self) -> None:
        self.midway = True

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:
            return  # a trailer after a chunked body, which nothing here needs
        known = _names.get(name) or _lower(name)
        text = value.decode("latin-1")
        if known in self.headers:
            text = self._combine(known, text)
        self.headers[known] = text

    def on_headers_complete(self) -> None:
        headers = self.headers
        if self.chunk + self.seen > self.limits.header and self._head_size() > self.limits.header:
            raise self._head_too_large()
        self.in_head = False
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise ApiError(400, "bad_request", "The only transfer encoding that is read here is chunked.")
        if "content-length" in headers:
            self._check_body(int(headers["content-length"]))
        if "host" not in headers and self.parser.get_http_version() == "1.1":
            raise ApiError(400, "bad_request", "The header host is missing, which HTTP/1.1 asks for.")
        if "expect" in headers:
            self._check_expectation(headers["expect"])
        self.receiver.check(self.parser.get_method().decode(), self.url.decode("latin-1"), headers)

    def on_body(self, data: bytes) -> None:
        self.body.append(data)
        self.size += len(data)
        self._check_body(self.size)

    def on_message_complete(self) -> None:
        if "upgrade" in self.headers and self._body_is_left():
            return
        path, query = split(self.url)
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        request = Request(self.parser.get_method().decode(), path, query, self.headers, body)
        manner = self._manner()
        if manner is KEEP and self.whole is not None:
            self.heads.remember(self.whole, request)
        self.whole, self.over = None, not manner.keep
        if self.held:
            self.receiver.hold(-self.held)
        self._begin()
        self.receiver.receive(request, manner)

    # What they share

    def _body_is_left(self) -> bool:
        """Whether the parser took a request with an offer of another protocol to be at its end after its head."""
        declared = self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers
        return declared and self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _manner(self) -> Manner:
        keep = self.parser.should_keep_alive()
        if keep and "connection" not in self.headers:
            return KEEP  # HTTP/1.1: the older version keeps a connection only when told to
        if self.parser.get_http_version() == "1.0":
            return KEEP_1_0 if keep else CLOSE_1_0
        return KEEP if keep else CLOSE

    def _check_expectation(self, wanted: str) -> None:
        if wanted and wanted.lower() != "100-continue":  # an empty one is how some programs turn the header off
            raise ApiError(417, "expectation_failed", f"This endpoint cannot meet the expectation {wanted!r}.")

    def _expect(self, wanted: str) -> None:
        if wanted and self.parser.get_http_version() != "1.0":
            self.receiver.invite()

    def _combine(self, name: str, value: str) -> str:
        """A header sent twice is one with two values, where that makes sense."""
        if name not in _ONCE:
            return f"{self.headers[name]}, {value}"
        if self.headers[name] != value:
            raise ApiError(400, "bad_request", f"The header {name} was sent twice, with different values.")
        return value

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers.items())

    def _head_too_large(self) -> ApiError:
        return ApiError(431, "header_too_large", f"The header is over {self.limits.header:,} bytes.")

    def _check_body(self, size: int) -> None:
        if size > self.limits.body:
            raise ApiError(413, "body_too_large", f"The body is over {self.limits.body:,} bytes.")


def _lower(name: bytes) -> str:
    lower = name.decode("latin-1").lower()
    if len(_names) < 1000 and len(name) <= 64:
        _names[name] = lower
    return lower
