"""Telling how a run goes and how it went, on a terminal or in a log."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.syntax import Syntax
from rich.table import Table

from helpers.running.runner import Running


class Progress:
    """Live lines of the running notebooks on a terminal; in a log, a line for each one that ends."""

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total, self.done = console, total, 0
        self.running: dict[int, Running] = {}
        self.live = Live(console=console, get_renderable=self._lines, refresh_per_second=4, transient=True)

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def show(self, running: Running) -> None:
        """Take note of a change."""
        if running.ended is None:
            self.running[id(running)] = running
            return
        self.running.pop(id(running), None)
        self.done += 1
        verdict = "passed" if running.passed else "FAILED"
        self.console.print(
            f"[{self.done}/{self.total}] {running.job.name} · {running.job.deployment}: {verdict} "
            f"in {running.seconds:.1f} s",
            highlight=False,
            markup=False,
        )

    def _lines(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for running in self.running.values():
            elapsed = time.monotonic() - running.began
            table.add_row(running.job.name, f"cell {running.cell}/{running.cells or '?'}", f"{elapsed:.0f} s")
        return table


def tell(console: Console, results: Sequence[Running], wall: float) -> None:
    """Print what failed, then a table of everything."""
    for result in results:
        if not result.passed:
            _tell_failure(console, result)
    table = Table(box=None, pad_edge=False)
    for name in ("notebook", "deployment", "seconds", "status"):
        table.add_column(name, justify="right" if name == "seconds" else "left", no_wrap=True)
    for result in results:
        status = "passed" if result.passed else "FAILED"
        table.add_row(result.job.name, result.job.deployment, f"{result.seconds:.1f}", status)
    console.print(table)
    passed = sum(result.passed for result in results)
    console.print(f"{passed} of {len(results)} passed in {wall:.1f} s.", highlight=False)


def _tell_failure(console: Console, result: Running) -> None:
    console.print(f"\n{result.job.name} · {result.job.deployment} failed in this cell:", markup=False, highlight=False)
    if result.ended.source:
        console.print(Syntax(result.ended.source, "python", background_color="default"))
    console.print(result.ended.error, markup=False, highlight=False, soft_wrap=True)
    console.print(f"Executed notebook: {result.job.output}\n", markup=False, highlight=False, soft_wrap=True)
