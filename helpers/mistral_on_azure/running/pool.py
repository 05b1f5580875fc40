"""The run of all jobs on one target: a pool of processes, one for each notebook that runs, and what interrupts it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType

from mistral_on_azure.azure.credentials import withheld
from mistral_on_azure.azure.files import read_json, scratch, temporary_folder
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running.history import History, longest_first
from mistral_on_azure.running.results import Result, Status
from mistral_on_azure.running.targets import Target
from mistral_on_azure.running.worker import ENDING, Ended, Started, cell_timeout, end_tree, work

_LOOK = 0.2  # seconds between two checks of time limits and of `stop`
_GRACE = 15.0  # seconds beyond the limit of a cell, in which its process should have ended it
_POLITE = 5.0  # seconds for a worker to end by itself before it is killed

Notify = Callable[[Result], None]


@dataclass(slots=True)
class Limits:
    """Time limits in seconds, and how many notebooks run at the same time."""

    cell: float = 120.0
    notebook: float = 600.0
    workers: int = field(default_factory=lambda: (os.cpu_count() or 1) + 2)  # two more, since kernels often wait


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
            raise KeyboardInterrupt from None  # children get the signal, too: their failure is no mistake of the user's

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


class Pool:
    """Runs jobs in at most `limits.workers` processes at the same time.

    Args:
        sockets: a private folder for the kernels' sockets.
        stop: called five times a second; returns why all jobs must end, or an empty text.
        changed: called when a job starts or enters a cell.
        ended: called when a job has ended, before the next one starts.
    """

    def __init__(self, limits: Limits, sockets: Path, stop: Callable[[], str], changed: Notify, ended: Notify) -> None:
        self.limits, self.sockets, self.stop = limits, sockets, stop
        self.changed, self.ended = changed, ended
        self.busy: dict[Connection, tuple[BaseProcess, Result]] = {}
        self.entered: dict[Connection, float] = {}  # when the running cell began, on the monotonic clock
        self.started = 0
        self.context = prepare()

    def add(self, result: Result, target: Target) -> None:
        """Start a job as soon as a worker is free, unless the run must stop."""
        while len(self.busy) >= self.limits.workers and not self.stop():
            self._hear()
        if self.stop():
            return
        self.started += 1
        ours, theirs = self.context.Pipe(duplex=False)
        environment, sockets = target.environment(result), self.sockets / str(self.started)
        arguments = (result.job, environment, self.limits.cell, sockets, theirs, tuple(target.secrets))
        process = self.context.Process(target=work, args=arguments, daemon=True)
        result.began, result.status = time.monotonic(), Status.RUNNING
        self.busy[ours] = (process, result)
        with withheld():
            process.start()
        theirs.close()
        self.changed(result)

    def drain(self) -> None:
        """Wait until all jobs have ended, or the run must stop."""
        while self.busy and not self.stop():
            self._hear()

    def end(self) -> None:
        """End the jobs that are still running."""
        for process, _ in self.busy.values():
            _terminate(process)
        for connection in list(self.busy):
            self._end(connection, Ended(self.stop() or "The run was ended."), Status.INTERRUPTED)

    def _hear(self) -> None:
        """Receive messages of the workers, then end the workers that exceed their time limit."""
        for connection in wait(list(self.busy), timeout=_LOOK):
            process, result = self.busy[connection]
            try:
                message = connection.recv()
            except EOFError:
                process.join(_POLITE)
                message = Ended(f"The process that ran the notebook died ({process.exitcode}).", "Died", result.source)
            if isinstance(message, Started):
                result.cell, result.cells, result.source = message.cell, message.cells, message.source
                self.entered[connection] = time.monotonic()
                self.changed(result)
            else:
                self._end(connection, message, Status.FAILED if message.error else Status.PASSED)
        now = time.monotonic()
        for connection, (process, result) in list(self.busy.items()):
            kind = reason = ""
            if now - result.began > self.limits.notebook:
                reason = f"The notebook did not end within {self.limits.notebook:g} s (--notebook-timeout)."
                kind = "NotebookTimeout"
            elif now - self.entered.get(connection, now) > self.limits.cell + _GRACE:
                kind, reason = "CellTimeout", cell_timeout(self.limits.cell)
            if reason:
                _terminate(process)
                self._end(connection, Ended(reason, kind, result.source), Status.FAILED)

    def _end(self, connection: Connection, ended: Ended, status: Status) -> None:
        process, result = self.busy.pop(connection)
        self.entered.pop(connection, None)
        if process.pid:
            process.join(_POLITE)
            if process.is_alive():
                end_tree(process.pid)
        connection.close()
        result.seconds, result.status = time.monotonic() - result.began, status
        result.error, result.kind, result.source = ended.error, ended.kind, ended.source
        self.ended(result)


def _terminate(process: BaseProcess) -> None:
    if process.pid:
        process.terminate()


def prepare() -> multiprocessing.context.BaseContext:
    """The multiprocessing context. Papermill imports slowly, so one process imports it and workers fork from it.

    The first call starts that process and does not wait for it.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [f"mistral_on_azure.running.{name}" for name in ("preload", "papermilling", "worker")]
    )
    if threading.current_thread() is not threading.main_thread():
        return context
    tempfile.tempdir = temporary_folder()  # the folder of the forkserver's socket
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C would break its imports
    try:
        with withheld():  # each worker gets only the credential of its own notebook
            forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)
    return context


_LEAKED = "A credential was in this notebook's output. It is masked in the executed notebook."


def run(
    results: Sequence[Result],
    limits: Limits,
    target: Target,
    history: History,
    show: Notify,
    interrupted: Callable[[], str] = lambda: "",
) -> str:
    """Execute the jobs that wait, and fill in their results. A job that fails is not executed again.

    Args:
        history: has the seconds of each notebook, so that the longest can start first.
        show: called when a job starts, enters a cell or ends.
        interrupted: called five times a second; returns why the run must stop, or an empty text.

    Returns:
        Why the run ended early, such as Ctrl-C; empty when it did not.
    """

    def settle(result: Result) -> None:
        _settle(result, target)
        show(result)

    with scratch() as sockets:
        pool = Pool(limits, sockets, lambda: interrupted() or target.stop(), show, settle)
        try:
            waiting = [result for result in results if result.status is Status.WAITING]
            for result in longest_first(waiting, history):
                if not pool.stop():
                    pool.add(result, target)
            pool.drain()
        finally:
            pool.end()
        reason = pool.stop()
    for result in results:
        if result.status is Status.WAITING:
            result.status, result.error, result.usage = Status.NOT_RUN, reason, Usage()
    return reason


def _settle(result: Result, target: Target) -> None:
    """Add usage, seconds of cells and objections to the result of a job that has ended, and mask credentials."""
    masker = Masker(target.secrets)
    result.usage = target.usage(result)
    leaked = masker.file(result.job.output)
    result.cell_seconds = _cell_seconds(result.job.output)
    objection = _LEAKED if leaked else target.objection(result)
    if result.passed and objection:
        result.status, result.kind, result.error = Status.FAILED, "Leak" if leaked else "Objection", objection
    result.error, result.source = masker.text(result.error), masker.text(result.source)


def _cell_seconds(executed: Path) -> list[float]:
    """The seconds of each code cell, from papermill's metadata."""
    notebook = read_json(executed) or {"cells": []}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    noted = [cell["metadata"].get("papermill", {}).get("duration") for cell in cells]
    return [round(seconds, 3) for seconds in noted if seconds is not None]
