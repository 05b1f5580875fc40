"""Ending processes for good: a kernel has children of its own, and none may outlive the run."""

from __future__ import annotations

import contextlib
import os

import psutil

PATIENCE = 5.0  # seconds that killed processes have to disappear


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
    psutil.wait_procs(processes, PATIENCE)
