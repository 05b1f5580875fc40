"""An answer that takes time: events at their due times, a body that waits, or one that breaks off.

Due times are absolute, so that one late event does not make the next ones late; all that is due leaves in one write.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from helpers.endpoint.exchange import Answer
from helpers.endpoint.transport.framing import Frame

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
