"""Answers of a real engine: one that is still being thought about, and a stream that is passed on as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from helpers.endpoint.exchange import Answer
from helpers.endpoint.transport.framing import Frame
from helpers.endpoint.transport.stream import Writer


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
