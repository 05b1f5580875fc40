"""`cookbook run`: plans the jobs, executes them, prints the result and writes the reports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mistral_on_azure.azure.withholding import hide
from mistral_on_azure.errors import INTERRUPTED, CookbookError
from mistral_on_azure.running import dry_run
from mistral_on_azure.running.history import History, code, fingerprint
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.plans import Plan, plan_of
from mistral_on_azure.running.pool import prepare
from mistral_on_azure.running.processes import Interrupts
from mistral_on_azure.running.progress import Progress
from mistral_on_azure.running.reports import folder, junit, record, summary, table
from mistral_on_azure.running.reports.record import Run
from mistral_on_azure.running.results import Result, Status
from mistral_on_azure.running.run_options import Options
from mistral_on_azure.running.runner import run
from mistral_on_azure.running.targets import Target

_WIDE = 160  # columns of a log, where nothing need be cut off


def execute(options: Options) -> int:
    """Execute notebooks, print the result and write the reports.

    Returns:
        The exit status: 0 if all passed, 1 if not, 130 if interrupted.

    Raises:
        CookbookError: for an option, a notebook or a deployment that cannot be used.
    """
    chosen, jobs = plan(options)  # a mistake ends the command before any file is touched
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDE)
    history = History(options.reports / "history.json")
    if options.dry_run:
        return 0 if dry_run.tell(console, jobs, history, options.budget, options.limits) else 1
    with Interrupts() as interrupts, folder.claim(options.reports, must=options.resume) as reports:
        jobs = chosen.jobs(reports)
        hide()
        prepare()  # the process that workers fork from imports papermill while the endpoint starts
        with chosen.target(len(jobs)) as target:
            this = _run(options, _results(options, jobs, target, reports), target, reports, console, interrupts)
            history.remember(this.results, target.label)
            _report(options, this, reports)
            advice = "" if this.passed or this.stopped else chosen.advice
            table.tell(console, this, reports, target.finish(this.passed), advice)
        if options.save:
            _save(this.results)
    if this.passed:
        return 0
    return INTERRUPTED if interrupts.reason else 1


def plan(options: Options) -> tuple[Plan, list[Job]]:
    """The plan of a run and its jobs. Nothing is started or written.

    Raises:
        CookbookError: for an option, a notebook or a deployment that cannot be used.
    """
    options.check()
    chosen = plan_of(options)
    return chosen, chosen.jobs(options.reports)


def _run(
    options: Options,
    results: list[Result],
    target: Target,
    reports: Path,
    console: Console,
    interrupts: Interrupts,
) -> Run:
    """Execute the jobs that wait. `results.json` is written at each step, so that `--resume` works after a crash."""
    this = Run(results, target.label, options.limits, options.budget.prices)
    began = time.monotonic()
    folder.clear(reports, {result.job.output.resolve() for result in results if result.resumed})
    this.write(reports)
    history = History(options.reports / "history.json")
    with Progress(console, sum(not (result.resumed or result.skipped) for result in results)) as progress:

        def show(result: Result) -> None:
            if result.cell == 0 or result.ended:
                this.write(reports)
            progress.show(result)

        this.stopped = run(results, options.limits, target, history, show, lambda: interrupts.reason)
    this.wall = time.monotonic() - began
    return this


def _results(options: Options, jobs: Sequence[Job], target: Target, reports: Path) -> list[Result]:
    """A result for each job; with `--resume`, a job that passed before with the same fingerprint counts as passed."""
    digest = code(options.root)
    results = [Result(job, fingerprint=fingerprint(job, target.label, digest)) for job in jobs]
    if options.resume:
        passed = {row["fingerprint"]: row for row in record.earlier(reports) if row["status"] == Status.PASSED}
        for result in results:
            if result.fingerprint in passed and result.job.output.exists():
                result.take_over(passed[result.fingerprint])
    return results


def _report(options: Options, this: Run, reports: Path) -> None:
    this.write(reports)
    junit.write(reports, this)
    summary.write(reports, this, record.unlocked(options.root / "requirements.lock"))
    summary.show(this, reports / summary.FILE)


def _save(results: Sequence[Result]) -> None:
    from mistral_on_azure.running.saving import save  # nbformat takes a while to import

    changed = []
    for result in results:
        if result.passed:
            try:
                save(result.job.output, result.job.notebook)
            except CookbookError as error:
                changed.append(str(error))
    if changed:
        raise CookbookError(" ".join(changed))
