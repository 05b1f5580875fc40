"""Ending processes for good: a kernel has children of its own, and none may outlive the run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import psutil

_PATIENCE = 5.0  # seconds that killed processes have to disappear
_SET_CHILD_SUBREAPER = 36  # prctl(2)


def adopt_orphans() -> None:
    """Become the parent of whatever loses its own further down, as by a kernel's crash: `end_children` then finds it.

    Linux only; elsewhere such an orphan ends when it likes.
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
