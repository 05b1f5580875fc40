"""Writes answers as bytes: status line, headers, framing, and the events of a stream at their due times."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple, Protocol

from mistral_on_azure.endpoint import NAME
from mistral_on_azure.endpoint.transport.exchange import Answer, Request, lines


class Manner(NamedTuple):
    """How a response is sent, which depends on the request's HTTP version and its `Connection` header.

    Attributes:
        keep: whether the connection stays open.
        header: the response's `Connection` header line, or nothing.
        chunked: whether the client understands chunked transfer encoding.
    """

    keep: bool
    header: bytes
    chunked: bool


KEEP = Manner(True, b"", chunked=True)
CLOSE = Manner(False, b"connection: close\r\n", chunked=True)
# HTTP/1.0 closes the connection unless both sides send keep-alive, and has no chunks: closing it ends a stream.
KEEP_1_0 = Manner(True, b"connection: keep-alive\r\n", chunked=False)
CLOSE_1_0 = Manner(False, b"connection: close\r\n", chunked=False)

Frame = Callable[[bytes, bool], bytes]  # encodes a piece of the body; the second argument is whether it is the last


def framing(answer: Answer, manner: Manner) -> tuple[bytes, Frame, Manner]:
    """The header lines for the length of the body, the function that frames its pieces, and the resulting manner."""
    if answer.events is None and answer.source is None:
        return b"content-length: %d\r\n" % len(answer.body), whole, manner
    if manner.chunked:
        return b"transfer-encoding: chunked\r\ncache-control: no-cache\r\n", chunk, manner
    return b"cache-control: no-cache\r\n", whole, CLOSE_1_0


def whole(data: bytes, last: bool) -> bytes:
    """Frame a piece of a body with `content-length`, or of one that ends when the connection is closed."""
    return data


def chunk(data: bytes, last: bool) -> bytes:
    """Frame a piece of a chunked body (RFC 9112, 7.1)."""
    end = b"0\r\n\r\n" if last else b""
    return b"%x\r\n%b\r\n%b" % (len(data), data, end) if data else end


_SAME = b"%bserver: " + NAME.encode() + b"\r\ndate: %b\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
# One id in three headers, as Azure's gateways send different ones and clients read different ones.
_HEAD = b"%b%bx-ms-request-id: %b\r\napim-request-id: %b\r\nx-request-id: %b\r\n%b%b\r\n"
_CLIENT_ID = "x-ms-client-request-id"  # sent back with the value that the client chose
_series, _places = str(uuid.uuid4()).encode()[:-13], itertools.count(1)  # an id is a random prefix and a counter
_KEPT = 64
_beginnings: dict[tuple[int, str, int], bytes] = {}  # the last results of `_beginning`


def render(answer: Answer, length: bytes, connection: bytes, request: Request | None = None) -> bytes:
    """Encode the status line and headers of an answer.

    Args:
        length: the header lines for the length of the body.
        connection: the `Connection` header line, or nothing.
        request: the request; None when it could not be parsed.
    """
    more = answer.headers
    if request is not None and _CLIENT_ID in request.headers:
        more += lines(((_CLIENT_ID, request.headers[_CLIENT_ID]),))
    beginning = _beginnings.get((answer.status, answer.content_type, int(time.time())))
    if beginning is None:
        beginning = _beginning(answer.status, answer.content_type, int(time.time()))
    given = b"%b-%012x" % (_series, next(_places))
    return _HEAD % (beginning, length, given, given, given, more, connection)


def _beginning(status: int, content_type: str, second: int) -> bytes:
    """The header lines that do not change within a second, for a status and content type."""
    date = formatdate(second, usegmt=True).encode()
    kind = f"content-type: {content_type}\r\n".encode() if content_type else b""  # an empty body has none
    if len(_beginnings) >= _KEPT:
        _beginnings.clear()
    made = _beginnings[status, content_type, second] = _SAME % (_STATUS_LINES[status], date) + kind
    return made


_EARLY = 0.0005  # seconds: timers have a resolution of 1 ms, so an event that is due within half of that is written
_FLUSH = 0.05  # seconds between a write and a reset, which would discard bytes that have not reached the client


class Writer(Protocol):
    """What a stream writes to: the connection."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop

    def stream_ended(self) -> None:
        """Called after the last byte is written."""

    def reset(self) -> None:
        """Reset the connection."""


class Stream:
    """Writes an answer with a delay, a pace or a reset; `head` is its status line and headers."""

    def __init__(self, writer: Writer, answer: Answer, head: bytes, frame: Frame) -> None:
        self.writer, self.answer, self.head, self.frame = writer, answer, head, frame
        self.parts = answer.events if answer.events is not None else (answer.body,)
        self.steps = len(self.parts) if answer.steps is None else answer.steps
        self.next, self.sent = 0, 0
        self.paused, self.written = False, False
        self.started = writer.loop.time()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def begun(self) -> bool:
        """Whether the head is written. A response without streaming writes nothing before its delay is over."""
        return self.written or not self.head

    def start(self) -> None:
        """Begin. The head of a stream is written at once, before the delay of its first token."""
        if self.answer.events is not None and self.answer.cut != 0:
            self.writer.transport.write(self.head)
            self.head = b""
        self._write_due()

    def pause(self) -> None:
        """Write nothing until `resume`, as the write buffer is full."""
        self.paused = True

    def resume(self) -> None:
        """Write all events that are due by now."""
        self.paused = False
        if not self.written:
            self.cancel()
            self._write_due()

    def cancel(self) -> None:
        """Stop writing."""
        if self.timer:
            self.timer.cancel()

    def _write_due(self) -> None:
        if self.paused:
            return
        due = self._due_by(self.writer.loop.time())
        if due == len(self.parts):
            self._write_last()
            return
        if due > self.next:
            data = b"".join(self.parts[self.next : due])
            if self._breaks_in(data):
                return
            self.sent += len(data)
            self.writer.transport.write(self.frame(data, False))
            self.next = due
        self.timer = self.writer.loop.call_at(self._due_at(self.next), self._write_due)

    def _write_last(self) -> None:
        data = b"".join(self.parts[self.next :])
        if self._breaks_in(data):
            return
        self.written = True
        self.writer.transport.write(self.head + self.frame(data, True))
        self.writer.loop.call_soon(self.writer.stream_ended)  # a direct call would recurse for each waiting request

    def _breaks_in(self, data: bytes) -> bool:
        """Write up to the cut and reset the connection, if the cut lies within `data`."""
        cut = self.answer.cut
        if cut is None or self.sent + len(data) < cut:
            return False
        self.written = True
        if cut == 0:
            self.writer.reset()
        else:
            self.writer.transport.write(self.head + self.frame(data[: cut - self.sent], False))
            self._reset_when_flushed()
        return True

    def _reset_when_flushed(self) -> None:
        waits = self.writer.transport.get_write_buffer_size() > 0
        after = self._reset_when_flushed if waits else self.writer.reset
        self.timer = self.writer.loop.call_later(_FLUSH, after)

    def _due_at(self, place: int) -> float:
        """The event loop's time at which an event is due: the first two together, each further one a gap later."""
        return self.started + self.answer.delay + max(0, min(place - 1, self.steps)) * self.answer.gap

    def _due_by(self, now: float) -> int:
        """The number of events that are due."""
        if now + _EARLY < self.started + self.answer.delay:
            return 0
        if not self.answer.gap:
            return len(self.parts)
        gaps = int((now + _EARLY - self.started - self.answer.delay) / self.answer.gap)
        return len(self.parts) if gaps >= self.steps else min(len(self.parts), 2 + gaps)


class AwaitedAnswer:
    """Waits for an answer of a real engine or of the background thread. It takes the place of a `Stream` meanwhile.

    Args:
        send: called with the answer, unless the client closes the connection before.
    """

    begun = False  # nothing is written yet

    def __init__(self, writer: Writer, coming: Awaitable[Answer], send: Callable[[Answer], None]) -> None:
        self.started = writer.loop.time()
        self.task = asyncio.ensure_future(coming)
        self.task.add_done_callback(lambda task: None if task.cancelled() else send(task.result()))

    def pause(self) -> None:
        """Do nothing, as nothing is written yet."""

    def resume(self) -> None:
        """Do nothing, as nothing is written yet."""

    def cancel(self) -> None:
        """Cancel the work on the answer, as the client has closed the connection."""
        self.task.cancel()


class LiveStream:
    """Passes on a real engine's events when they arrive, and keeps them in the answer's `events` for the journal."""

    begun = True  # `start` writes the head

    def __init__(self, writer: Writer, answer: Answer, head: bytes, frame: Frame) -> None:
        self.writer, self.answer, self.head, self.frame = writer, answer, head, frame
        self.started = writer.loop.time()
        self.room = asyncio.Event()
        self.room.set()
        self.task: asyncio.Task | None = None

    def start(self) -> None:
        self.task = self.writer.loop.create_task(self._pass_on())

    def pause(self) -> None:
        """Read no more events from the engine until `resume`, as the write buffer is full."""
        self.room.clear()

    def resume(self) -> None:
        self.room.set()

    def cancel(self) -> None:
        """Cancel the engine's work, as the client has closed the connection."""
        self.task.cancel()

    async def _pass_on(self) -> None:
        self.writer.transport.write(self.head)
        self.answer.events = ()
        try:
            # Closed here, as the journal keeps the answer, and an open source would keep the engine working.
            async with aclosing(self.answer.source) as source:
                async for event in source:
                    await self.room.wait()
                    self.answer.events += (event,)
                    self.writer.transport.write(self.frame(event, False))
        except Exception:  # the engine's stream broke off: a reset shows the client that this one is incomplete
            self.writer.reset()
            return
        self.writer.transport.write(self.frame(b"", True))
        self.writer.stream_ended()
