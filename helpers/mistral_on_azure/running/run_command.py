"""`cookbook run`: plans the jobs, executes them, prints the result and writes the reports; or estimates their usage."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mistral_on_azure.azure.addresses import CREDENTIAL
from mistral_on_azure.azure.credentials import hide
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.files import scratch
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.errors import INTERRUPTED, CookbookError
from mistral_on_azure.recording.usage import Budget, Usage, count_text, total
from mistral_on_azure.running import record, reports, targets
from mistral_on_azure.running.history import History, code, fingerprint
from mistral_on_azure.running.jobs import Job, elsewhere
from mistral_on_azure.running.plans import Options, Plan, plan_of
from mistral_on_azure.running.pool import Interrupts, Limits, prepare, run
from mistral_on_azure.running.record import Run
from mistral_on_azure.running.results import Progress, Result, Status, first_answer, say
from mistral_on_azure.running.targets import Target

_WIDE = 160  # columns of a log, where nothing need be cut off


def execute(options: Options) -> int:
    """Execute notebooks, print the result and write the reports.

    Returns:
        The exit status: 0 if all passed, 1 if not, 130 if interrupted.

    Raises:
        CookbookError: for an option, a notebook or a deployment that cannot be used.
    """
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE, force_terminal=False, color_system=None)
    if options.dry_run:
        _, jobs = plan(options)
        return 0 if _estimate(console, options, jobs) else 1
    with Interrupts() as interrupts, record.claim(options.reports, must=options.resume) as folder:
        jobs: list[Job] = []
        with ExitStack() as running:
            try:
                chosen, jobs = plan(options, folder)
                hide()
                prepare()  # the process that workers fork from imports papermill while the endpoint starts
                target = running.enter_context(chosen.target(jobs))
                results = _results(options, jobs, target, folder)
            except (CookbookError, KeyboardInterrupt) as error:
                _report_that_nothing_ran(options, jobs, folder, str(error) or interrupts.reason)
                raise
            history = History(options.reports / "history.json")
            this = _run(options, results, target, history, folder, console, interrupts)
            _report(options, this, folder, lambda: history.remember(this.results, target.label))
            advice = "" if this.passed or this.stopped else chosen.advice
            shown = first_answer(this.results) if this.passed else ""
            reports.print_results(console, this, folder, shown, target.finish(this.passed), advice)
        if options.save:
            _save(this.results)
    if this.passed:
        return 0
    return INTERRUPTED if interrupts.reason else 1


def plan(options: Options, output: Path | None = None) -> tuple[Plan, list[Job]]:
    """The plan of a run and its jobs. Nothing is started or written.

    Args:
        output: the folder for the executed notebooks; None is the folder of the reports.

    Raises:
        CookbookError: for an option, a notebook or a deployment that cannot be used.
    """
    options.check()
    chosen = plan_of(options)
    return chosen, chosen.jobs(output or options.reports)


def _run(
    options: Options,
    results: list[Result],
    target: Target,
    history: History,
    folder: Path,
    console: Console,
    interrupts: Interrupts,
) -> Run:
    """Execute the jobs that wait. `results.json` is written at each step, so that `--resume` works after a crash."""
    this = Run(results, target.label, options.limits, options.budget.prices)
    began = time.monotonic()
    record.clear(folder, {result.job.output.resolve() for result in results if result.resumed})
    this.write(folder)
    with Progress(console, sum(not (result.resumed or result.skipped) for result in results)) as progress:

        def show(result: Result) -> None:
            if result.cell == 0 or result.ended:
                with suppress(OSError):  # the last write, at the end of the run, reports a full disk
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


def _report(options: Options, this: Run, folder: Path, *more: Callable[[], None]) -> None:
    """Write each report, even when one of them cannot be written.

    Raises:
        OSError: the first one that occurred.
    """
    troubles: list[OSError] = []
    for write in (
        lambda: reports.write_junit(folder, this),
        lambda: reports.write_summary(folder, this, record.unlocked(options.root / "requirements.lock")),
        lambda: this.write(folder),
        lambda: reports.show_in_ci(this, folder / record.SUMMARY),
        *more,
    ):
        try:
            write()
        except OSError as error:
            troubles.append(error)
    if troubles:
        raise troubles[0]


def _report_that_nothing_ran(options: Options, jobs: Sequence[Job], folder: Path, reason: str) -> None:
    """Write the reports of a run that ended before its first cell. What `--resume` needs of earlier runs is kept."""
    reason = Masker([os.environ.get(CREDENTIAL, "")]).text(reason or "Interrupted.")
    this = Run([Result(job) for job in jobs], "no endpoint", options.limits, options.budget.prices, stopped=reason)
    for result in this.results:
        if not result.skipped:
            result.status, result.error, result.usage = Status.NOT_RUN, reason, Usage()
    this.earlier = record.earlier(folder) if options.resume else []
    record.clear(folder, {(folder / row["output"]).resolve() for row in this.earlier})
    with suppress(OSError):  # the reason is more important
        _report(options, this, folder)


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


def _estimate(console: Console, options: Options, jobs: Sequence[Job]) -> bool:
    """Print a table of the expected seconds, calls and tokens: those of the last run in which each notebook passed.

    A notebook whose usage is unknown is executed on the local endpoint first, where calls cost nothing. The user's
    endpoint gets no request.

    Returns:
        Whether the budget allows the tokens, as far as they are known.
    """
    history, budget = History(options.reports / "history.json"), options.budget
    # One job for each notebook of unknown usage, since a notebook makes the same calls on every deployment.
    unknown = {job.name: job for job in jobs if not job.missing and history.usage(job) is None}
    if unknown:
        number = f"{len(unknown)} of {len(jobs)}"
        say(console, f"{number} were not counted yet: executing them on the local endpoint, for free.")
        _rehearse(console, list(unknown.values()), options.limits, history)
    jobs = [job for job in jobs if not job.missing]
    expected = [history.usage(job) for job in jobs]
    everything = total(expected)
    table = reports.table_of_jobs(
        "client", "deployment", "seconds", "calls", "tokens in", "tokens out", "as measured on"
    )
    for job, usage in zip(jobs, expected, strict=True):
        seconds = history.seconds(job)
        shown = "?" if seconds == float("inf") else f"{seconds:.1f}"
        table.add_row(job.client, job.deployment, shown, *_counts(usage), history.where(job) or "never")
    table.add_row("all", "", "", *_counts(everything), "", style="bold")
    console.print(table)
    say(console, "The endpoint got no request.")
    if None in expected:
        say(console, f"{expected.count(None)} of {len(expected)} are unknown, because they fail on the local endpoint.")
    if everything and budget.prices:
        say(console, f"Expected cost: {budget.prices.cost(everything):.4f}.")
    if everything is None or _allows(budget, everything):
        return True
    say(console, "The budget is too small: the run would be stopped.")
    return False


def _allows(budget: Budget, usage: Usage) -> bool:
    if budget.tokens is not None and usage.tokens > budget.tokens:
        return False
    return budget.cost is None or budget.prices.cost(usage) <= budget.cost


def _counts(usage: Usage | None) -> tuple[str, str, str]:
    if usage is None:
        return count_text(None), count_text(None), count_text(None)
    return count_text(usage.calls), count_text(usage.prompt, usage.exact), count_text(usage.completion, usage.exact)


def _rehearse(console: Console, jobs: Sequence[Job], limits: Limits, history: History) -> None:
    """Execute jobs once on the local endpoint's default deployment, and keep the usage of those that passed.

    Raises:
        CookbookError: why the rehearsal ended early, such as Ctrl-C.
    """
    name = default_name()
    with Interrupts() as interrupts, scratch() as folder, targets.local(len(jobs), recipes=elsewhere(jobs)) as target:
        results = []
        for job in jobs:
            parameters = {**job.parameters, **({"model": name} if "model" in job.parameters else {})}
            output = folder / f"{job.name}.ipynb"
            results.append(Result(replace(job, deployment=name, parameters=parameters, output=output)))
        with Progress(console, len(results)) as progress:
            reason = run(results, limits, target, history, progress.show, lambda: interrupts.reason)
        with suppress(OSError):  # if the folder cannot be written, the next dry run executes them again
            history.remember(results, target.label)
    if reason:
        raise CookbookError(reason)
