"""A dry run: the jobs of a run and their expected usage, without a request to the user's endpoint.

A notebook whose usage is unknown is executed on the local endpoint first, where calls cost nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.files import scratch
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Budget, Usage, count_text, total
from mistral_on_azure.running import targets
from mistral_on_azure.running.history import History
from mistral_on_azure.running.jobs import Job, elsewhere
from mistral_on_azure.running.pool import Limits, run
from mistral_on_azure.running.processes import Interrupts
from mistral_on_azure.running.results import Progress, Result


def rehearse(jobs: Sequence[Job], limits: Limits, history: History, console: Console) -> str:
    """Execute jobs once on the local endpoint's default deployment, and keep the usage of those that passed.

    Returns:
        Why the rehearsal ended early, such as Ctrl-C; empty when it did not.
    """
    with Interrupts() as interrupts, scratch() as folder, targets.local(len(jobs), recipes=elsewhere(jobs)) as target:
        results = [Result(_here(job, folder)) for job in jobs]
        with Progress(console, len(results)) as progress:
            reason = run(results, limits, target, history, progress.show, lambda: interrupts.reason)
        with contextlib.suppress(OSError):  # if the folder cannot be written, the next dry run executes them again
            history.remember(results, target.label)
    return reason


def _here(job: Job, folder: Path) -> Job:
    """The job with its own parameters, on the local endpoint's default deployment."""
    name = default_name()
    parameters = {**job.parameters, **({"model": name} if "model" in job.parameters else {})}
    return replace(job, deployment=name, parameters=parameters, output=folder / f"{job.name}.ipynb")


def estimate(console: Console, jobs: Sequence[Job], history: History, budget: Budget, limits: Limits) -> bool:
    """Print a table of the expected seconds, calls and tokens: those of the last run in which each notebook passed.

    Returns:
        Whether the budget allows the tokens, as far as they are known.
    """
    if unknown := _never_counted(jobs, history):
        say = f"{len(unknown)} of {len(jobs)} were not counted yet: executing them on the local endpoint, for free."
        console.print(say, highlight=False, markup=False, soft_wrap=True)
        if reason := rehearse(unknown, limits, history, console):
            raise CookbookError(reason)
    jobs = [job for job in jobs if not job.missing]
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
    """The jobs of unknown usage: one for each notebook, since a notebook makes the same calls on every deployment."""
    return list({job.name: job for job in jobs if not job.missing and history.usage(job) is None}.values())


def _counts(usage: Usage | None) -> tuple[str, str, str]:
    if usage is None:
        return count_text(None), count_text(None), count_text(None)
    return count_text(usage.calls), count_text(usage.prompt, usage.exact), count_text(usage.completion, usage.exact)


def _remarks(expected: Sequence[Usage | None], everything: Usage | None, budget: Budget) -> list[str]:
    remarks = ["The endpoint got no request."]
    unknown = sum(usage is None for usage in expected)
    if unknown:
        remarks.append(f"{unknown} of {len(expected)} are unknown, because they fail on the local endpoint.")
    if everything and budget.prices:
        remarks.append(f"Expected cost: {budget.prices.cost(everything):.4f}.")
    if _too_much(everything, budget):
        remarks.append("The budget is too small: the run would be stopped.")
    return remarks


def _too_much(everything: Usage | None, budget: Budget) -> bool:
    if everything is None:
        return False
    if budget.tokens is not None and everything.tokens > budget.tokens:
        return True
    return budget.cost is not None and budget.prices.cost(everything) > budget.cost
