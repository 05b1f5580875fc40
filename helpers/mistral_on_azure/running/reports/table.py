"""The outcome of a run on the terminal: the cells that failed, then a table of all jobs."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from mistral_on_azure.recording.usage import Usage, count_text, total
from mistral_on_azure.running.reports.record import Run
from mistral_on_azure.running.results import Result, Status

_NUMBERS = ("seconds", "calls", "tokens")


def tell(console: Console, run: Run, folder: Path, *more: str) -> None:
    """Print the failures with their cells, the table, the verdict, the folder of the reports, and the lines `more`."""
    for result in run.results:
        if result.status is Status.FAILED:
            _tell_failure(console, result)
    console.print(_table(run))
    skipped = [f"Skipped {each.job.name}: {each.error}." for each in run.results if each.skipped]
    for line in (*skipped, run.stopped, _cost(run), run.verdict, f"Reports: {folder}", *more):
        if line:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(run: Run) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("client", "deployment", *_NUMBERS, "status"):
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name != "deployment")
    for result in run.results:
        status = f"{result.status} earlier" if result.resumed else str(result.status)
        status = status if result.passed or result.skipped else status.upper()
        table.add_row(result.job.client, result.job.deployment, f"{result.seconds:.1f}", *_counts(result.usage), status)
    if len(run.results) > 1:
        usage = total([result.usage for result in run.results])
        table.add_row("all", "", f"{run.wall:.1f}", *_counts(usage), "", style="bold")
    return table


def _counts(usage: Usage | None) -> tuple[str, str]:
    if usage is None:
        return count_text(None), count_text(None)
    return count_text(usage.calls), count_text(usage.tokens, usage.exact)


def _cost(run: Run) -> str:
    return "" if run.cost is None else f"Cost of this run: {run.cost:.4f}."


def _tell_failure(console: Console, result: Result) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    where = f" in cell {result.cell} of {result.cells}" if result.cell else ""
    say(f"\n{result.job.name} · {result.job.deployment} failed{where}:")
    if result.source:
        console.print(Syntax(result.source, "python", background_color="default"))
    say(result.error)
    say(f"Executed notebook: {result.job.output}\n")
