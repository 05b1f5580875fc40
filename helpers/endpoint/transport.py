"""HTTP/1.1 over asyncio: bytes in, requests to the engine, answers out.

Parsing is httptools' (the parser of uvicorn and of Node.js); this file keeps connections: one request after the
other, limits on what a peer may send or hold open, paced streams, and the clean end of it all.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import httptools

from helpers.endpoint.errors import ApiError
from helpers.endpoint.exchange import Answer, Request

_REASONS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing resets the connection


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may take: bytes of header and body, connections, seconds of silence and of streaming."""

    header: int = 64 * 1024
    body: int = 4 * 1024 * 1024
    connections: int = 1024
    silence: float = 60.0
    stream: float = 600.0


class Connection(asyncio.Protocol):
    """One client connection.

    Args:
        answer: the engine.
        peers: the open connections of the server, shared by all of them.
        limits: what a peer may take.
        server: the name sent as `server`.
    """

    def __init__(
        self, answer: Callable[[Request], Answer], peers: set[Connection], limits: Limits, server: bytes
    ) -> None:
        self.answer, self.peers, self.limits, self.server = answer, peers, limits, server
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport = None
        self.waiting: deque[tuple[Request, bool]] = deque()  # requests that arrived while one is being answered
        self.stream: Stream | None = None
        self.closing = False
        self.heard = self.loop.time()

    # Called by the event loop

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.peers.add(self)
        self._expect_request()
        if len(self.peers) > self.limits.connections:
            self._refuse(ApiError(503, "too_many_connections", "This endpoint has no connection to spare."))

    def connection_lost(self, error: Exception | None) -> None:
        self.peers.discard(self)
        if self.stream:
            self.stream.cancel()

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        self.heard = self.loop.time()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(ApiError(400, "bad_request", "This endpoint speaks HTTP/1.1 only."))
        except httptools.HttpParserError as error:
            known = error.__context__ if isinstance(error.__context__, ApiError) else None
            self._refuse(known or ApiError(400, "bad_request", f"This is not HTTP: {error}."))

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        if self.stream:
            self.stream.pause()

    def resume_writing(self) -> None:
        if self.stream:
            self.stream.resume()

    # Called by the parser

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_header(len(name) + len(value))
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.headers.get("content-length", "0").isdecimal():
            self._check_body(int(self.headers.get("content-length", "0")))
        if self.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self.body.append(data)
        self.size += len(data)
        self._check_body(self.size)

    def on_message_complete(self) -> None:
        path, _, query = self.url.decode("latin-1").partition("?")
        request = Request(
            self.parser.get_method().decode(), path, query.partition("#")[0], self.headers, b"".join(self.body)
        )
        keep_alive = self.parser.should_keep_alive()
        self._expect_request(new_parser=False)
        if self.stream:
            self.waiting.append((request, keep_alive))
            self.transport.pause_reading()
        else:
            self._respond(request, keep_alive)

    # Answering

    def _expect_request(self, new_parser: bool = True) -> None:
        if new_parser:
            self.parser = httptools.HttpRequestParser(self)
        self.url, self.headers, self.body, self.size, self.header_size = b"", {}, [], 0, 0

    def _count_header(self, size: int) -> None:
        self.header_size += size
        if self.header_size > self.limits.header:
            raise ApiError(431, "header_too_large", f"The header is over {self.limits.header:,} bytes.")

    def _check_body(self, size: int) -> None:
        if size > self.limits.body:
            raise ApiError(413, "body_too_large", f"The body is over {self.limits.body:,} bytes.")

    def _respond(self, request: Request, keep_alive: bool) -> None:
        if self.closing:
            return
        answer = self.answer(request)
        keep_alive = keep_alive and answer.cut is None
        if answer.events is None and not answer.delay and answer.cut is None:
            self._write_whole(answer, keep_alive, head_only=request.method == "HEAD")
        else:
            self.stream = Stream(self, answer, keep_alive)
            self.stream.start()

    def _write_whole(self, answer: Answer, keep_alive: bool, head_only: bool = False) -> None:
        head = self.head(answer, keep_alive, b"content-length: %d\r\n" % len(answer.body))
        self.transport.write(head if head_only else head + answer.body)
        if not keep_alive:
            self.close()

    def _refuse(self, error: ApiError) -> None:
        self._write_whole(error.answer(), keep_alive=False)

    def head(self, answer: Answer, keep_alive: bool, length: bytes) -> bytes:
        """The status line and headers of an answer."""
        more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        return b"%b%bserver: %b\r\ncontent-type: %b\r\nx-ms-request-id: %b\r\n%b%b\r\n" % (
            _REASONS[answer.status],
            length,
            self.server,
            answer.content_type.encode(),
            secrets.token_hex(16).encode(),
            more.encode("latin-1", "replace"),
            b"" if keep_alive else b"connection: close\r\n",
        )

    def stream_ended(self, keep_alive: bool) -> None:
        """Called by a stream when its last byte is written."""
        self.stream = None
        if not keep_alive:
            self.close()
        elif self.waiting:
            self._respond(*self.waiting.popleft())
        else:
            self.transport.resume_reading()

    def check_silence(self, now: float) -> None:
        """Close a connection that has said nothing for too long."""
        if self.stream is None and now - self.heard > self.limits.silence:
            self.close()

    def close(self) -> None:
        """Close once everything written has left."""
        self.closing = True
        self.transport.close()

    def reset(self) -> None:
        """End the connection as a crashed peer would: the client sees a reset, not an end."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.closing = True
        self.transport.abort()


class Stream:
    """An answer that is written over time: events at their due times, or a body that waits or breaks off.

    Due times are absolute, so a late event does not make the next ones late; all that is due goes out in one write.
    """

    def __init__(self, connection: Connection, answer: Answer, keep_alive: bool) -> None:
        self.connection, self.answer, self.keep_alive = connection, answer, keep_alive
        self.parts = answer.events if answer.events is not None else (answer.body,)
        self.next, self.sent, self.paused = 0, 0, False
        self.timer: asyncio.TimerHandle | None = None
        self.started = connection.loop.time()

    def start(self) -> None:
        if self.answer.delay:
            self.timer = self.connection.loop.call_at(self.started + self.answer.delay, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        if self.answer.events is None:
            length = b"content-length: %d\r\n" % len(self.answer.body)
        else:
            length = b"transfer-encoding: chunked\r\ncache-control: no-cache\r\n"
        if self.answer.cut == 0:
            return self.connection.reset()
        self._write_due(self.connection.head(self.answer, self.keep_alive, length))

    def _write_due(self, head: bytes = b"") -> None:
        """Write every event that is due, then wait for the next one."""
        if self.paused:
            return
        now = self.connection.loop.time()
        if now - self.started > self.connection.limits.stream:
            return self.connection.reset()
        due = len(self.parts) if not self.answer.gap else min(len(self.parts), self._due_by(now))
        data = b"".join(self.parts[self.next : due])
        self.next = due
        broken = self.answer.cut is not None and self.sent + len(data) >= self.answer.cut
        if broken:
            data = data[: self.answer.cut - self.sent]
        self.sent += len(data)
        done = due == len(self.parts)
        self.connection.transport.write(head + self._framed(data, last=done and not broken))
        if broken:
            # Let what is written leave the kernel's buffer before the reset discards it.
            self.timer = self.connection.loop.call_later(0.05, self.connection.reset)
        elif done:
            self.connection.stream_ended(self.keep_alive)
        else:
            self.timer = self.connection.loop.call_at(self._due_at(self.next), self._write_due)

    def _framed(self, data: bytes, last: bool) -> bytes:
        if self.answer.events is None:
            return data
        end = b"0\r\n\r\n" if last else b""
        return b"%x\r\n%b\r\n%b" % (len(data), data, end) if data else end

    def _due_at(self, place: int) -> float:
        return self.started + self.answer.delay + place * self.answer.gap

    def _due_by(self, now: float) -> int:
        """How many events are due, counting one as due when it is less than half a millisecond away."""
        return 1 + int((now + 0.0005 - self.started - self.answer.delay) / self.answer.gap)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        if self.timer is None or self.timer.when() <= self.connection.loop.time():
            self._write_due()

    def cancel(self) -> None:
        """The client is gone: write no more."""
        if self.timer:
            self.timer.cancel()
