"""Running jobs side by side on one target, longest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mistral_on_azure.azure.files import read_json, scratch
from mistral_on_azure.azure.masking import Masker
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running.history import History, longest_first
from mistral_on_azure.running.pool import Limits, Notify, Pool
from mistral_on_azure.running.results import Result, Status
from mistral_on_azure.running.targets import Target

_LEAKED = "A credential was in this notebook's output. It is masked in the executed notebook."


def run(
    results: Sequence[Result],
    limits: Limits,
    target: Target,
    history: History,
    show: Notify,
    interrupted: Callable[[], str] = lambda: "",
) -> str:
    """Execute the jobs that wait, and fill in their results. No job is tried twice.

    Args:
        history: has the seconds of each notebook, so that the longest can start first.
        show: called when a job starts, enters a cell or ends.
        interrupted: called five times a second; returns why the run must stop, or an empty text.

    Returns:
        Why the run ended early, such as Ctrl-C; empty when it did not.
    """

    def settle(result: Result) -> None:
        _settle(result, target)
        show(result)

    with scratch() as sockets:
        pool = Pool(limits, sockets, lambda: interrupted() or target.stop(), show, settle)
        try:
            waiting = [result for result in results if result.status is Status.WAITING]
            for result in longest_first(waiting, history):
                if not pool.stop():
                    pool.add(result, target)
            pool.drain()
        finally:
            pool.end()
        reason = pool.stop()
    for result in results:
        if result.status is Status.WAITING:
            result.status, result.error, result.usage = Status.NOT_RUN, reason, Usage()
    return reason


def _settle(result: Result, target: Target) -> None:
    """Add usage, seconds of cells and objections to the result of a job that has ended, and mask credentials."""
    masker = Masker(target.secrets)
    result.usage = target.usage(result)
    leaked = masker.file(result.job.output)
    result.cell_seconds = _cell_seconds(result.job.output)
    objection = _LEAKED if leaked else target.objection(result)
    if result.passed and objection:
        result.status, result.kind, result.error = Status.FAILED, "Leak" if leaked else "Objection", objection
    result.error, result.source = masker.text(result.error), masker.text(result.source)


def _cell_seconds(executed: Path) -> list[float]:
    """The seconds of each code cell, from papermill's metadata."""
    notebook = read_json(executed) or {"cells": []}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    noted = [cell["metadata"].get("papermill", {}).get("duration") for cell in cells]
    return [round(seconds, 3) for seconds in noted if seconds is not None]
