"""`cookbook run`: plans the jobs, executes them, prints the result and writes the reports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mistral_on_azure.azure.withholding import hide
from mistral_on_azure.errors import INTERRUPTED, CookbookError
from mistral_on_azure.running import dry_run, record, reports
from mistral_on_azure.running.history import History, code, fingerprint
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.plans import Plan, plan_of
from mistral_on_azure.running.pool import prepare, run
from mistral_on_azure.running.processes import Interrupts
from mistral_on_azure.running.progress import Progress
from mistral_on_azure.running.record import Run
from mistral_on_azure.running.results import Result, Status
from mistral_on_azure.running.run_options import Options
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
    with Interrupts() as interrupts, record.claim(options.reports, must=options.resume) as folder:
        jobs = chosen.jobs(folder)
        hide()
        prepare()  # the process that workers fork from imports papermill while the endpoint starts
        with chosen.target(len(jobs)) as target:
            this = _run(options, _results(options, jobs, target, folder), target, folder, console, interrupts)
            history.remember(this.results, target.label)
            _report(options, this, folder)
            advice = "" if this.passed or this.stopped else chosen.advice
            reports.print_results(console, this, folder, target.finish(this.passed), advice)
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
    folder: Path,
    console: Console,
    interrupts: Interrupts,
) -> Run:
    """Execute the jobs that wait. `results.json` is written at each step, so that `--resume` works after a crash."""
    this = Run(results, target.label, options.limits, options.budget.prices)
    began = time.monotonic()
    record.clear(folder, {result.job.output.resolve() for result in results if result.resumed})
    this.write(folder)
    history = History(options.reports / "history.json")
    with Progress(console, sum(not (result.resumed or result.skipped) for result in results)) as progress:

        def show(result: Result) -> None:
            if result.cell == 0 or result.ended:
                this.write(folder)
            progress.show(result)

        this.stopped = run(results, options.limits, target, history, show, lambda: interrupts.reason)
    this.wall = time.monotonic() - began
    return this


def _results(options: Options, jobs: Sequence[Job], target: Target, folder: Path) -> list[Result]:
    """A result for each job; with `--resume`, a job that passed before with the same fingerprint counts as passed."""
    digest = code(options.root)
    results = [Result(job, fingerprint=fingerprint(job, target.label, digest)) for job in jobs]
    if options.resume:
        passed = {row["fingerprint"]: row for row in record.earlier(folder) if row["status"] == Status.PASSED}
        for result in results:
            if result.fingerprint in passed and result.job.output.exists():
                result.take_over(passed[result.fingerprint])
    return results


def _report(options: Options, this: Run, folder: Path) -> None:
    this.write(folder)
    reports.write_junit(folder, this)
    reports.write_summary(folder, this, record.unlocked(options.root / "requirements.lock"))
    reports.show_in_ci(this, folder / record.SUMMARY)


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
