"""Ending a server process within seconds of a signal, even while its event loop is blocked."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable, Iterator

BUSY = 2.0  # seconds that one callback may block the event loop after the process was asked to end


class Deadline:
    """A timer that exits the process unless it is restarted or stopped in time.

    The timer is a C thread of faulthandler, so that it also runs out while a call holds the interpreter lock (GIL). A
    thread of Python's own, or a callback of the event loop, would have to wait for that call.
    """

    def __init__(self) -> None:
        self._nowhere = open(os.devnull, "w")  # noqa: SIM115  # for faulthandler's traceback, which nobody reads
        self._over = False

    def start(self) -> None:
        """Start or restart the timer of `BUSY` seconds. May be called from any thread and from a signal handler."""
        if not self._over:
            faulthandler.dump_traceback_later(BUSY, exit=True, file=self._nowhere)

    def stop(self) -> None:
        """Cancel the timer for good: the event loop has ended."""
        self._over = True
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def signals(end: Callable[[], None], deadline: Deadline | None) -> Iterator[None]:
    """Handle SIGTERM and SIGINT within the block, also while the event loop is blocked.

    Args:
        end: called in the event loop, for each signal.
        deadline: started by each signal; None starts no timer.
    """
    loop, before = asyncio.get_running_loop(), {}

    def hear(*_: object) -> None:
        # Python calls this between two bytecode instructions; a handler of asyncio's would wait for the event loop.
        if deadline is not None:
            deadline.start()
        loop.call_soon_threadsafe(end)

    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError):  # not the main thread
            before[name] = signal.signal(name, hear)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
