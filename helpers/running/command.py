"""`cookbook run`: plan, run, tell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from helpers.errors import INTERRUPTED, CookbookError
from helpers.running import dry_run, setting
from helpers.running.fingerprint import code, fingerprint
from helpers.running.history import History
from helpers.running.interrupts import Interrupts
from helpers.running.jobs import Job
from helpers.running.options import Options
from helpers.running.pool import prepare
from helpers.running.progress import Progress
from helpers.running.reports import ci, folder, junit, record, summary, table, versions
from helpers.running.reports.record import Run
from helpers.running.results import Result, Status
from helpers.running.runner import run
from helpers.running.targets import Target

_WIDE = 160  # columns of a log, where nothing need be cut off


def execute(options: Options) -> int:
    """Run notebooks and tell how it went.

    Returns:
        The exit status: 0 if all passed, 1 if not, 130 if interrupted.

    Raises:
        CookbookError: for a mistake in what was asked.
    """
    chosen, jobs = plan(options)  # mistakes are told before anything is touched
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDE)
    history = History(options.reports / "history.json")
    if options.dry_run:
        return 0 if dry_run.tell(console, jobs, history, options.budget, options.limits) else 1
    with Interrupts() as interrupts, folder.claim(options.reports, must=options.resume) as reports:
        jobs = chosen.plan(reports)
        prepare()  # what workers fork from imports while the endpoint starts
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


def plan(options: Options) -> tuple[setting.Setting, list[Job]]:
    """Where the run takes place, and what there is to run.

    Raises:
        CookbookError: for a mistake in what was asked.
    """
    options.check()
    chosen = setting.of(options)
    return chosen, chosen.plan(options.reports)


def _run(
    options: Options,
    results: list[Result],
    target: Target,
    reports: Path,
    console: Console,
    interrupts: Interrupts,
) -> Run:
    """Execute what waits, with everything written down at each step: whatever ends us, the next run can resume."""
    this = Run(results, target.label, options.limits, options.budget.prices)
    began = time.monotonic()
    folder.clear(reports, {result.job.output.resolve() for result in results if result.resumed})
    this.write(reports)
    history = History(options.reports / "history.json")
    with Progress(console, sum(not result.resumed for result in results)) as progress:

        def show(result: Result) -> None:
            if result.cell == 0 or result.ended:
                this.write(reports)
            progress.show(result)

        this.stopped = run(results, options.limits, target, history, show, lambda: interrupts.reason)
    this.wall = time.monotonic() - began
    return this


def _results(options: Options, jobs: Sequence[Job], target: Target, reports: Path) -> list[Result]:
    """A result for each job; with `--resume`, those that passed before under the same conditions are done already."""
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
    summary.write(reports, this, versions.unlocked(options.root / "requirements.lock"))
    ci.show(this, reports / summary.FILE)


def _save(results: Sequence[Result]) -> None:
    from helpers.running.saving import save  # nbformat takes a while to import

    changed = []
    for result in results:
        if result.passed:
            try:
                save(result.job.output, result.job.notebook)
            except CookbookError as error:
                changed.append(str(error))
    if changed:
        raise CookbookError(" ".join(changed))
