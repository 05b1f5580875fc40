"""A rehearsal on the local endpoint, where calls cost nothing: how a dry run knows of what was never counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from helpers.deployments import default_name
from helpers.running import targets
from helpers.running.history import History
from helpers.running.interrupts import Interrupts
from helpers.running.jobs import Job
from helpers.running.pool import Limits
from helpers.running.progress import Progress
from helpers.running.results import Result
from helpers.running.runner import run
from helpers.running.scratch import scratch


def rehearse(jobs: Sequence[Job], limits: Limits, history: History, console: Console) -> str:
    """Execute jobs once, on the local endpoint's default deployment, and let the history remember those that passed.

    Returns:
        Why it ended early, as by Ctrl-C; empty when it did not.
    """
    with Interrupts() as interrupts, scratch() as folder, targets.local(len(jobs)) as target:
        results = [Result(_here(job, folder)) for job in jobs]
        with Progress(console, len(results)) as progress:
            reason = run(results, limits, target, history, progress.show, lambda: interrupts.reason)
        history.remember(results, target.label)
    return reason


def _here(job: Job, folder: Path) -> Job:
    """The same job with its own parameters, on a deployment that the local endpoint has."""
    name = default_name()
    parameters = {**job.parameters, **({"model": name} if "model" in job.parameters else {})}
    return replace(job, deployment=name, parameters=parameters, output=folder / job.notebook.name)
