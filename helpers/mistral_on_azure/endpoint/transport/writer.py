"""Answers become bytes: status line, headers, framing, and the events of a stream at their due times."""

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
    """How to answer a client: whether to keep the connection, the `Connection` header, whether it takes chunks."""

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


_SAME = b"%bserver: " + NAME.encode() + b"\r\ndate: %b\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
# One id under the three names that the service's gateways and the clients know it by.
_HEAD = b"%b%bx-ms-request-id: %b\r\napim-request-id: %b\r\nx-request-id: %b\r\n%b%b\r\n"
_CLIENT_ID = "x-ms-client-request-id"  # the client's own id, which comes back as it was sent
_series, _places = str(uuid.uuid4()).encode()[:-13], itertools.count(1)  # ids of this process, which count up
_second, _beginnings = 0, {}  # what `_beginning` has made in this second


def render(answer: Answer, length: bytes, connection: bytes, request: Request | None = None) -> bytes:
    """Write the head of an answer.

    Args:
        length: the header line that says how long the body is.
        connection: the header line that says what becomes of the connection, or nothing.
        request: what is answered; None when it could not be read.
    """
    more = answer.headers
    if request is not None and _CLIENT_ID in request.headers:
        more += lines(((_CLIENT_ID, request.headers[_CLIENT_ID]),))
    given = b"%b-%012x" % (_series, next(_places))
    return _HEAD % (_beginning(answer.status, answer.content_type), length, given, given, given, more, connection)


def _beginning(status: int, content_type: str) -> bytes:
    """The lines that are the same in all such answers of a second."""
    global _second, _beginnings
    second = int(time.time())
    if _second != second:
        _second, _beginnings = second, {}
    made = _beginnings.get((status, content_type))
    if made is None:
        date = formatdate(second, usegmt=True).encode()
        kind = f"content-type: {content_type}\r\n".encode() if content_type else b""  # an empty body has none
        made = _beginnings[status, content_type] = _SAME % (_STATUS_LINES[status], date) + kind
    return made


_EARLY = 0.0005  # seconds: timers count in milliseconds, so an event that is closer than half of one is due
_FLUSH = 0.05  # seconds that what is written gets to reach the client before a reset discards it


class Writer(Protocol):
    """Where a stream writes to."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop

    def stream_ended(self) -> None:
        """The last byte is written."""

    def reset(self) -> None:
        """End the connection as a crashed server would."""


class Stream:
    """Writes one answer over time.

    Args:
        writer: the connection.
        answer: what to write.
        head: status line and headers.
        frame: puts a piece of the body on the wire.
    """

    def __init__(self, writer: Writer, answer: Answer, head: bytes, frame: Frame) -> None:
        self.writer, self.answer, self.frame = writer, answer, frame
        self.head = head
        self.parts = answer.events if answer.events is not None else (answer.body,)
        self.steps = len(self.parts) if answer.steps is None else answer.steps
        self.next, self.sent = 0, 0
        self.paused, self.written = False, False
        self.started = writer.loop.time()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def begun(self) -> bool:
        """Whether anything is written. A whole answer writes nothing before it is due."""
        return self.written or not self.head

    def start(self) -> None:
        """Begin. A stream's head leaves at once: its status is known long before its first token."""
        if self.answer.events is not None and self.answer.cut != 0:
            self.writer.transport.write(self.head)
            self.head = b""
        self._write_due()

    def pause(self) -> None:
        """The client does not keep up: hold what falls due."""
        self.paused = True

    def resume(self) -> None:
        """The client has caught up: all that is due leaves now."""
        self.paused = False
        if not self.written:
            self.cancel()
            self._write_due()

    def cancel(self) -> None:
        """Write no more."""
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
        self.writer.loop.call_soon(self.writer.stream_ended)  # not from within: many may be waiting behind this one

    def _breaks_in(self, data: bytes) -> bool:
        """Write up to where the answer is to break off, if that is within `data`."""
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
        """When an event is due: the first two together, each further one a gap later, as long as there are gaps."""
        return self.started + self.answer.delay + max(0, min(place - 1, self.steps)) * self.answer.gap

    def _due_by(self, now: float) -> int:
        """How many events are due."""
        if now + _EARLY < self.started + self.answer.delay:
            return 0
        if not self.answer.gap:
            return len(self.parts)
        gaps = int((now + _EARLY - self.started - self.answer.delay) / self.answer.gap)
        return len(self.parts) if gaps >= self.steps else min(len(self.parts), 2 + gaps)


class Pending:
    """Waits for an answer, in the place of a stream that cannot begin yet.

    Args:
        writer: the connection.
        coming: the answer.
        send: called with it; never when the client has left before.
    """

    begun = False  # nothing is written as long as the engine thinks

    def __init__(self, writer: Writer, coming: Awaitable[Answer], send: Callable[[Answer], None]) -> None:
        self.started = writer.loop.time()
        self.task = asyncio.ensure_future(coming)
        self.task.add_done_callback(lambda task: None if task.cancelled() else send(task.result()))

    def pause(self) -> None:
        """Nothing is written yet that could be held back."""

    def resume(self) -> None:
        """Nothing was held back."""

    def cancel(self) -> None:
        """The client has left: stop the engine's work."""
        self.task.cancel()


class LiveStream:
    """Passes on the events of a source, each as soon as it arrives and the client keeps up.

    Args:
        writer: the connection.
        answer: its `source` gives the events; they are kept in `events` for the wire view.
        head: status line and headers.
        frame: puts a piece of the body on the wire.
    """

    begun = True  # its head leaves as soon as it starts

    def __init__(self, writer: Writer, answer: Answer, head: bytes, frame: Frame) -> None:
        self.writer, self.answer, self.head, self.frame = writer, answer, head, frame
        self.started = writer.loop.time()
        self.room = asyncio.Event()
        self.room.set()
        self.task: asyncio.Task | None = None

    def start(self) -> None:
        self.task = self.writer.loop.create_task(self._pass_on())

    def pause(self) -> None:
        """The client does not keep up: ask the engine for no more."""
        self.room.clear()

    def resume(self) -> None:
        self.room.set()

    def cancel(self) -> None:
        """The client has left: stop the engine's work."""
        self.task.cancel()

    async def _pass_on(self) -> None:
        self.writer.transport.write(self.head)
        self.answer.events = ()
        try:
            # Closed here, because the journal keeps it, and with it the engine at work.
            async with aclosing(self.answer.source) as source:
                async for event in source:
                    await self.room.wait()
                    self.answer.events += (event,)
                    self.writer.transport.write(self.frame(event, False))
        except Exception:  # the engine broke off, so this stream must not look complete
            self.writer.reset()
            return
        self.writer.transport.write(self.frame(b"", True))
        self.writer.stream_ended()
