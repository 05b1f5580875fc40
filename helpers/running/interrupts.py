"""Ctrl-C and its relatives, taken note of rather than thrown: then no moment is a bad one to clean up."""

from __future__ import annotations

import signal
import threading
from types import TracebackType

from helpers.errors import CookbookError
from helpers.running.worker import ENDING


class Interrupts:
    """Within this context a signal that asks us to end only sets `signal`, for a loop to look at.

    The second one is thrown, for a user who will not wait for what the first one has to clean up. A signal that was
    ignored, as `nohup` does, stays ignored. Outside the main thread nothing changes.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGINT, *ENDING):
                if signal.getsignal(name) is not signal.SIG_IGN:
                    self._before[name] = signal.signal(name, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)
        if self.signal is not None and isinstance(error, CookbookError):
            raise KeyboardInterrupt from None  # our children get the signal, too: what did not start is no mistake

    def _note(self, number: int, frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

    @property
    def reason(self) -> str:
        """Why to stop, empty as long as there is no reason."""
        if self.signal is None:
            return ""
        return f"Interrupted by {'Ctrl-C' if self.signal is signal.SIGINT else self.signal.name}."
