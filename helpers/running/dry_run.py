"""A dry run: what a run would do, and what it is to be expected to use. The endpoint gets no request."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from helpers.errors import CookbookError
from helpers.running.budget import Budget
from helpers.running.history import History
from helpers.running.jobs import Job
from helpers.running.pool import Limits
from helpers.running.rehearsal import rehearse
from helpers.running.usage import Usage, said, total


def tell(console: Console, jobs: Sequence[Job], history: History, budget: Budget, limits: Limits) -> bool:
    """Print a table of what is to be expected, judging by the last time each notebook passed.

    Returns:
        Whether the budget suffices, as far as is known.
    """
    if unknown := _never_counted(jobs, history):
        say = f"{len(unknown)} of {len(jobs)} were not counted yet: rehearsing them on the local endpoint, for free."
        console.print(say, highlight=False, markup=False, soft_wrap=True)
        if reason := rehearse(unknown, limits, history, console):
            raise CookbookError(reason)
    expected = [history.usage(job) for job in jobs]
    table = Table(box=None, pad_edge=False)
    for name in ("client", "deployment", "seconds", "calls", "tokens in", "tokens out", "as measured on"):
        right = name not in ("client", "deployment", "as measured on")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "deployment")
    for job, usage in zip(jobs, expected, strict=True):
        seconds = history.seconds(job)
        shown = "?" if seconds == float("inf") else f"{seconds:.1f}"
        table.add_row(job.client, job.deployment, shown, *_counts(usage), history.where(job) or "never")
    everything = total(expected)
    table.add_row("all", "", "", *_counts(everything), "", style="bold")
    console.print(table)
    for line in _remarks(expected, everything, budget):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return not _too_much(everything, budget)


def _never_counted(jobs: Sequence[Job], history: History) -> list[Job]:
    """The jobs of unknown usage, a notebook once: another deployment makes the same calls."""
    return list({job.name: job for job in jobs if history.usage(job) is None}.values())


def _counts(usage: Usage | None) -> tuple[str, str, str]:
    if usage is None:
        return said(None), said(None), said(None)
    return said(usage.calls), said(usage.prompt, usage.exact), said(usage.completion, usage.exact)


def _remarks(expected: Sequence[Usage | None], everything: Usage | None, budget: Budget) -> list[str]:
    remarks = ["The endpoint got no request."]
    unknown = sum(usage is None for usage in expected)
    if unknown:
        remarks.append(f"{unknown} of {len(expected)} are unknown, because they fail on the local endpoint.")
    if everything and budget.prices:
        remarks.append(f"Expected cost: {budget.prices.cost(everything):.4f}.")
    if _too_much(everything, budget):
        remarks.append("The budget does not suffice: the run would be stopped.")
    return remarks


def _too_much(everything: Usage | None, budget: Budget) -> bool:
    if everything is None:
        return False
    if budget.tokens is not None and everything.tokens > budget.tokens:
        return True
    return budget.cost is not None and budget.prices.cost(everything) > budget.cost
