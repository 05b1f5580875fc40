"""Handling the signals that end a run, and killing child processes: none may outlive the run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from types import TracebackType

import psutil

from mistral_on_azure.errors import CookbookError

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_PATIENCE = 5.0  # seconds until killed processes have disappeared
_SET_CHILD_SUBREAPER = 36  # prctl(2)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends, as by a kernel's crash, so that `end_children` finds them.

    Linux only; on other systems such a process is not killed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_tree(pid: int) -> None:
    """Kill a process and everything it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        _kill([*process.children(recursive=True), process])


def end_children() -> None:
    """Kill everything this process has started."""
    _kill(psutil.Process(os.getpid()).children(recursive=True))


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
    psutil.wait_procs(processes, _PATIENCE)


class Interrupts:
    """Within this context the first SIGINT, SIGTERM or SIGHUP only sets `signal`, which a loop reads.

    The second one raises KeyboardInterrupt, for a user who does not wait for the clean-up. A signal that is ignored, as
    under `nohup`, stays ignored. Outside the main thread nothing changes.
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
            raise KeyboardInterrupt from None  # children get the signal too: their failure is no mistake

    def _note(self, number: int, frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

    @property
    def reason(self) -> str:
        """Why the run must stop; empty while no signal has come."""
        if self.signal is None:
            return ""
        return f"Interrupted by {'Ctrl-C' if self.signal is signal.SIGINT else self.signal.name}."
