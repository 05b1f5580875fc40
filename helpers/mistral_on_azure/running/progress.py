"""Progress of a run: live lines on a terminal; in a log, a line for each notebook that ends, and every 30 seconds."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.live import Live
from rich.table import Table

from mistral_on_azure.running.results import Result, Status

_QUIET = 30.0  # seconds without a line in a log, after which a line lists the running notebooks


class Progress:
    """Shows the notebooks that run, with their cell and the time elapsed.

    Args:
        total: the number of jobs to run.
        quiet: seconds between lines in a log that list the running notebooks.
    """

    def __init__(self, console: Console, total: int, quiet: float = _QUIET) -> None:
        self.console, self.total, self.done, self.failed = console, total, 0, 0
        self.began = time.monotonic()
        self.running: list[Result] = []
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        self.live = Live(console=console, get_renderable=self._lines, refresh_per_second=4, transient=True)
        self.quiet, self.over = quiet, threading.Event()
        self.log = threading.Thread(target=self._tell_now_and_then, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        (self.live if self.is_live else self.log).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_live:
            self.live.stop()
        self.over.set()

    def show(self, result: Result) -> None:
        """Show a job that has started, entered a cell or ended. A job that has ended gets a line, with its error."""
        self.running = [other for other in self.running if other is not result]
        if not result.ended:
            self.running = [*self.running, result]
            return
        self.done += 1
        self.failed += not result.passed
        verdict = "passed" if result.passed else str(result.status).upper()
        because = f": {result.error}" if result.status is Status.FAILED else ""
        self.console.print(
            f"[{self.done}/{self.total}] {result.job.name} · {result.job.deployment}: "
            f"{verdict} in {result.seconds:.1f} s{because}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def _tell_now_and_then(self) -> None:
        while not self.over.wait(self.quiet):
            now = time.monotonic()
            running = [f"{each.job.name} {_cell(each)} ({now - each.began:.0f} s)" for each in self.running]
            line = f"{now - self.began:.0f} s: {', '.join(running) or 'starting'}"
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _lines(self) -> Table:
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for result in self.running:
            elapsed = f"{now - result.began:.0f} s"
            table.add_row(result.job.name, result.job.deployment, _cell(result), elapsed)
        failed = f", {self.failed} failed" if self.failed else ""
        table.add_row(f"{self.done} of {self.total} done{failed}", "", "", f"{now - self.began:.0f} s")
        return table


def _cell(result: Result) -> str:
    return f"cell {result.cell}/{result.cells or '?'}"
