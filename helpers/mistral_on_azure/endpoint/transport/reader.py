"""Parses the bytes of one connection into requests, within limits of size."""

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
    """Sizes and times that clients may take.

    Attributes:
        header: bytes of a request line with all its headers.
        body: bytes of a request body.
        bodies: bytes of all request bodies that are incomplete or waiting; more are answered with 503.
        connections: number of open connections; more are answered with 503.
        request: seconds from the first byte of a request to its last.
        silence: seconds after which an idle connection is closed.
        stream: seconds after which a response that is still being written is broken off.
        grace: seconds that running requests get when the server stops.
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
    """The percent-decoded path and the query string of a request's target."""
    path, _, query = target.decode("latin-1").partition("#")[0].partition("?")
    return unquote(path) if "%" in path else path, query


_ONCE = {"authorization", "api-key", "azureml-model-deployment", "content-type", "extra-parameters", "host"}
_OFFER = {"upgrade", "expect"}  # headers that are left out when a head is parsed a second time
_names: dict[bytes, str] = {}  # a cache of header names in lower case, by the bytes that clients send


class Receiver(Protocol):
    """What a reader reports to: the connection."""

    def check(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Raise an ApiError for a host or an origin that is not allowed. A cached head is not checked again."""

    def admit(self, request: Request) -> None:
        """Raise an ApiError for a request that is refused before its body has arrived."""

    def hold(self, size: int) -> None:
        """Add to the bytes of incomplete bodies; a negative number releases them.

        Raises:
            ApiError: 503 when all connections together hold too many.
        """

    def receive(self, request: Request, manner: Manner) -> None:
        """Take a complete request."""

    def invite(self) -> None:
        """Send `100 Continue`, for which the client waits before it sends the body."""


class RequestReader:
    """Parses the requests of one connection, which is the receiver."""

    def __init__(self, receiver: Receiver, limits: Limits, heads: Heads) -> None:
        self.receiver, self.limits, self.heads = receiver, limits, heads
        self.over = False  # a request has asked to close the connection: the parser refuses bytes after it
        self.whole: bytes | None = None  # the bytes that arrived, while they may be exactly one request
        self.parser = httptools.HttpRequestParser(self)
        self.chunk = 0
        self._begin()

    def _begin(self) -> None:
        self.midway, self.in_head, self.admitted = False, True, False
        self.held = 0  # bytes of the body that the receiver holds
        self.url, self.body, self.size = b"", [], 0
        self.headers: dict[str, str] = {}
        self.seen = 0  # bytes of this request, without those that arrived in one piece with the request before

    def feed(self, data: bytes) -> None:
        """Parse bytes that have arrived.

        Raises:
            ApiError: 400, 401, 403, 404, 405, 413, 417, 431 or 503. The reader must not be used after that.
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
            hint = " Use http here, not https." if data[:1] == b"\x16" else ""
            raise ApiError(400, "bad_request", f"This is not HTTP/1.1: {error}.{hint}") from None
        # The parser reports a header or trailer only when it is complete, so an endless one is noticed here. A chunked
        # body takes at most six bytes for each byte of content.
        if self.midway and self.seen > self.limits.header * (1 if self.in_head else 2) + 6 * self.size:
            raise self._head_too_large()
        if self.midway and not self.in_head:
            self._wait_for_body()

    def _wait_for_body(self) -> None:
        """Check the head of a request whose body has not arrived yet, and count the bytes of the body."""
        if not self.admitted:
            self.admitted = True
            path, query = split(self.url)
            self.receiver.admit(Request(self.parser.get_method().decode(), path, query, self.headers))
            if self.headers.get("expect") and self.parser.get_http_version() != "1.0":
                self.receiver.invite()
        new, self.held = self.size - self.held, self.size
        self.receiver.hold(new)

    def _parse(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while rest:
            try:
                return self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                # A server may ignore the offer of another protocol (RFC 9110, 7.8), so parsing goes on.
                rest = memoryview(rest)[upgrade.args[0] :]
                if self.midway:
                    self._read_again()

    def _read_again(self) -> None:
        """Parse the head again without `upgrade`: with it, the parser takes the body for that of another protocol."""
        method, version = self.parser.get_method().decode(), self.parser.get_http_version()
        request = f"{method} {self.url.decode('latin-1')} HTTP/{version}"
        lines = [request, *(f"{name}: {value}" for name, value in self.headers.items() if name not in _OFFER)]
        self.parser = httptools.HttpRequestParser(self)
        self._begin()
        self.parser.feed_data("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def close(self) -> None:
        """Drop the references to the parser and the receiver, which refer to this object, to leave no cycle."""
        self.parser = self.receiver = None

    def drop(self) -> None:
        """Drop the bytes of the incomplete request."""
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
            return  # a trailer of a chunked body, which is ignored
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
            raise ApiError(400, "bad_request", "The transfer encoding must be chunked.")
        if "content-length" in headers:
            self._check_body(int(headers["content-length"]))
        if "host" not in headers and self.parser.get_http_version() == "1.1":
            raise ApiError(400, "bad_request", "The header host is missing, which HTTP/1.1 requires.")
        expected = headers.get("expect")  # an empty one is how some programs turn the header off
        if expected and expected.lower() != "100-continue":
            raise ApiError(417, "expectation_failed", f"This endpoint cannot meet the expectation {expected!r}.")
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

    def _body_is_left(self) -> bool:
        """Whether the parser ended a request after its head, because of `upgrade`, though a body follows."""
        declared = self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers
        return declared and self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _manner(self) -> Manner:
        keep = self.parser.should_keep_alive()
        if keep and "connection" not in self.headers:
            return KEEP  # HTTP/1.1: in HTTP/1.0 only the header `connection` keeps one open
        if self.parser.get_http_version() == "1.0":
            return KEEP_1_0 if keep else CLOSE_1_0
        return KEEP if keep else CLOSE

    def _combine(self, name: str, value: str) -> str:
        """The value of a header that was sent twice: both values with a comma, or 400 for one that has one value."""
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
