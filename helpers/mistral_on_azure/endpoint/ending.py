"""The end of a process that serves: it comes within seconds, whatever the event loop is busy with."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable, Iterator

BUSY = 2.0  # seconds that the event loop may be busy with one thing after the process was asked to end


class Deadline:
    """Ends the process when the event loop does not come back in time.

    The clock runs in a thread that faulthandler has in C, so it needs nothing of the interpreter: not even work that
    never lets go of it can hold up the end.
    """

    def __init__(self) -> None:
        self._nowhere = open(os.devnull, "w")  # noqa: SIM115  # faulthandler writes where it was, to an open file
        self._over = False

    def start(self) -> None:
        """Let the time run from now on, again if it runs. Any thread and any signal handler may call it."""
        if not self._over:
            faulthandler.dump_traceback_later(BUSY, exit=True, file=self._nowhere)

    def stop(self) -> None:
        """Let the process live on: its event loop has ended."""
        self._over = True
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def signals(end: Callable[[], None], deadline: Deadline | None) -> Iterator[None]:
    """Hear SIGTERM and SIGINT in the block, also while the event loop is busy.

    Args:
        end: called in the event loop, for each signal.
        deadline: started by a signal; None leaves the process to itself.
    """
    loop, before = asyncio.get_running_loop(), {}

    def hear(*_: object) -> None:
        # Between two instructions of whatever runs: the event loop itself would hear it only after that.
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
