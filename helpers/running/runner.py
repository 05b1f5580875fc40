"""Running jobs side by side: one endpoint for all of them, a key for each, longest first."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from helpers.running.jobs import Job
from helpers.running.worker import Ended, Started, work
from helpers.starting import LocalEndpoint, new_key, start
from helpers.urls import CREDENTIAL, ENDPOINT

Show = Callable[["Running"], None]


@dataclass(slots=True)
class Running:
    """A job on its way, and in the end its result. Seconds are wall time."""

    job: Job
    began: float = 0.0
    cell: int = 0
    cells: int = 0
    seconds: float = 0.0
    ended: Ended | None = None

    @property
    def passed(self) -> bool:
        return self.ended is not None and not self.ended.error


@dataclass(slots=True)
class Limits:
    """Time limits in seconds, and how many notebooks run at once."""

    cell: float = 120.0
    notebook: float = 600.0
    workers: int = field(default_factory=lambda: (os.cpu_count() or 1) + 1)  # kernels wait often enough for one more


def run(jobs: Sequence[Job], limits: Limits, history: Path, show: Show) -> list[Running]:
    """Execute jobs and return their results in the order they were given.

    With AZURE_INFERENCE_ENDPOINT set they all talk to it; otherwise a local endpoint is started for them, and each
    job gets a key, which is an endpoint of its own there.

    Args:
        history: the file that remembers how long each notebook took, so that the longest can start first.
        show: called whenever a job starts, enters a cell or ends.
    """
    keys = [new_key() for _ in jobs]
    local = not os.environ.get(ENDPOINT)
    with start(keys) if local else nullcontext() as endpoint:
        results = [Running(job) for job in jobs]
        pool = _Pool(limits, show)
        try:
            for result, key in _longest_first(list(zip(results, keys, strict=True)), history):
                pool.add(result, _environment(endpoint, key))
            pool.drain()
        finally:
            pool.stop()
    _remember(results, history)
    return results


class _Pool:
    """At most `limits.workers` processes, each with one job."""

    def __init__(self, limits: Limits, show: Show) -> None:
        self.limits, self.show = limits, show
        self.busy: dict[Connection, tuple[BaseProcess, Running]] = {}
        # Papermill takes a second to import: one process imports it, and workers are forked from there.
        methods = multiprocessing.get_all_start_methods()
        self.context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self.context.set_forkserver_preload(["papermill", "helpers.running.worker"])

    def add(self, result: Running, environment: dict[str, str]) -> None:
        """Start a job as soon as a worker is free."""
        while len(self.busy) >= self.limits.workers:
            self._hear()
        ours, theirs = self.context.Pipe(duplex=False)
        timeouts = {"execution_timeout": self.limits.cell, "start_timeout": self.limits.cell}
        process = self.context.Process(target=work, args=(result.job, environment, timeouts, theirs))
        result.began = time.monotonic()
        process.start()
        theirs.close()
        self.busy[ours] = (process, result)
        self.show(result)

    def drain(self) -> None:
        """Wait for all jobs."""
        while self.busy:
            self._hear()

    def stop(self) -> None:
        """End what still runs."""
        for process, _ in self.busy.values():
            process.terminate()
        for process, _ in self.busy.values():
            process.join(10)
            process.kill()
        self.busy.clear()

    def _hear(self) -> None:
        """Take in what the workers tell, for at most half a second; end those over their time."""
        for connection in wait(list(self.busy), timeout=0.5):
            process, result = self.busy[connection]
            try:
                told = connection.recv()
            except EOFError:
                told = Ended("The process that ran the notebook died.")
            if isinstance(told, Started):
                result.cell, result.cells = told.cell, told.cells
                self.show(result)
            else:
                self._end(connection, told)
        now = time.monotonic()
        for connection, (process, result) in list(self.busy.items()):
            if now - result.began > self.limits.notebook:
                process.terminate()
                self._end(connection, Ended(f"Not finished within {self.limits.notebook:g} s (--notebook-timeout)."))

    def _end(self, connection: Connection, ended: Ended) -> None:
        process, result = self.busy.pop(connection)
        result.ended, result.seconds = ended, time.monotonic() - result.began
        process.join(10)
        process.kill()
        self.show(result)


def _environment(endpoint: LocalEndpoint | None, key: str) -> dict[str, str]:
    if endpoint is None:
        return {}
    return {ENDPOINT: endpoint.url, CREDENTIAL: key}


def _longest_first(work: list[tuple[Running, str]], history: Path) -> list[tuple[Running, str]]:
    known = _durations(history)
    return sorted(work, key=lambda item: -known.get(item[0].job.name, float("inf")))


def _durations(history: Path) -> dict[str, float]:
    try:
        return json.loads(history.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _remember(results: Sequence[Running], history: Path) -> None:
    known = _durations(history) | {result.job.name: round(result.seconds, 2) for result in results if result.passed}
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
