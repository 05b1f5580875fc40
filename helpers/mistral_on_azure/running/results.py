"""The result of each job, from its plan to its end; the display of a run's progress, and the answer at its end.

A terminal shows live lines; a log gets a line for each notebook that ends, and one every 30 seconds.
"""

from __future__ import annotations

import textwrap
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running.jobs import Job

_QUIET = 30.0  # seconds without a line in a log, after which a line lists the running notebooks


class Status(StrEnum):
    """The status of a job. Only `PASSED` is a success; `SKIPPED` is a notebook that cannot run on this machine."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not run"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Result:
    """A job and its result so far.

    Attributes:
        began: the start on the monotonic clock, in seconds.
        seconds: wall time, set at the end.
        cell: the number of code cells that were started, of `cells`.
        cell_seconds: the seconds of each code cell, in order.
        source: the source of the running cell; at the end, of the cell that failed.
        kind: the name of the error's class.
        error: the error in one line; empty for a job that passed.
        usage: calls and tokens; None where they are not counted.
        fingerprint: the digest that `--resume` compares, see `history.fingerprint`.
        resumed: whether it passed in an earlier run and was not executed again.
    """

    job: Job
    status: Status = Status.WAITING
    began: float = 0.0
    seconds: float = 0.0
    cell: int = 0
    cells: int = 0
    cell_seconds: list[float] = field(default_factory=list)
    source: str = ""
    kind: str = ""
    error: str = ""
    usage: Usage | None = None
    fingerprint: str = ""
    resumed: bool = False

    def __post_init__(self) -> None:
        if self.job.missing:
            self.status, self.error, self.usage = Status.SKIPPED, self.job.missing, Usage()

    @property
    def ended(self) -> bool:
        return self.status not in (Status.WAITING, Status.RUNNING)

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED

    @property
    def skipped(self) -> bool:
        return self.status is Status.SKIPPED

    @property
    def output(self) -> str:
        """The path of the executed notebook in the folder of reports."""
        return self.job.place

    def as_json(self) -> dict[str, Any]:
        """The job's row in `results.json`. Seconds are wall time."""
        return {
            "notebook": self.job.name,
            "client": self.job.client,
            "deployment": self.job.deployment,
            "parameters": self.job.parameters,
            "status": str(self.status),
            "resumed": self.resumed,
            "seconds": round(self.seconds, 3),
            "cells": self.cells,
            "cells_started": self.cell,
            "cell_seconds": self.cell_seconds,
            **usage_as_json(self.usage),
            "counted_exactly": self.usage and self.usage.exact,
            "error": self.error,
            "error_class": self.kind,
            "cell_source": "" if self.passed else self.source,
            "output": self.output,
            "fingerprint": self.fingerprint,
        }

    def take_over(self, earlier: dict[str, Any]) -> None:
        """Copy the result of an earlier run from a row of its `results.json`."""
        self.status, self.resumed = Status.PASSED, True
        self.seconds, self.cells, self.cell = earlier["seconds"], earlier["cells"], earlier["cells_started"]
        self.cell_seconds = earlier["cell_seconds"]
        self.usage = usage_from_json(earlier)


def usage_as_json(usage: Usage | None) -> dict[str, Any]:
    """The usage in `results.json`, of a job or of the run; None where it is unknown."""
    return {
        "calls": usage and usage.calls,
        "prompt_tokens": usage and usage.prompt,
        "completion_tokens": usage and usage.completion,
        "total_tokens": usage and usage.tokens,
    }


def has_usage(row: dict[str, Any]) -> bool:
    """Whether a row of a file, which may be damaged, has whole counts, or states that they are unknown."""
    counts = (row.get(name) for name in ("calls", "prompt_tokens", "completion_tokens"))
    return row.get("calls") is None or all(isinstance(count, int) for count in counts)


def usage_from_json(row: dict[str, Any]) -> Usage | None:
    """The usage in a row of `results.json` or of the history; None where it was unknown."""
    if row.get("calls") is None:
        return None
    return Usage(row["calls"], row["prompt_tokens"], row["completion_tokens"], row.get("counted_exactly", True))


_SECTION = "Complete a chat"
_AFTER = "\nModel: "  # what a client's notebook prints below the answer
_REFUSED = "Refused with a system message:"  # and above it, where the answer is to a second request
_COLUMNS = 100  # columns


def first_answer(results: Iterable[Result]) -> str:
    """The prompt and the answer in a client's section "Complete a chat"; empty where no executed notebook has them.

    The text is read from the executed notebook, so it comes from the endpoint of this run.
    """
    for result in results:
        ran = result.passed and not result.resumed and result.job.name in clients()
        if ran and (answer := _answer(result)):
            asked = load(result.job.notebook).parameters["prompt"].default
            prompt = str(result.job.parameters.get("prompt", asked))
            heading = f"From {result.job.name}, {_SECTION}:"
            body = [*textwrap.wrap(f"> {prompt}", _COLUMNS), *textwrap.wrap(answer, _COLUMNS)]
            return "\n".join(["", heading, *(f"  {line}" for line in body), ""])
    return ""


def _answer(result: Result) -> str:
    """The first line of the answer that the section printed; empty where the executed notebook cannot be read."""
    try:
        cells = load(result.job.output).code
    except CookbookError:
        return ""
    for output in (output for cell in cells if cell.section == _SECTION for output in cell.outputs):
        printed = "".join(output["text"]) if output.get("name") == "stdout" else ""
        lines = printed.partition(_AFTER)[0].split("\n") if _AFTER in printed else []
        if answer := [line for line in lines if not line.startswith(_REFUSED)]:
            return answer[0]
    return ""


def say(console: Console, line: str) -> None:
    """Print a line as it is, without rich's markup, colours and line breaks."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


class Progress:
    """Shows the notebooks that run, with their cell and the time elapsed.

    Args:
        total: the number of jobs to run.
        quiet: seconds between lines in a log that list the running notebooks.
    """

    def __init__(self, console: Console, total: int, quiet: float = _QUIET) -> None:
        self.console, self.total, self.done, self.failed = console, total, 0, 0
        self.began = time.monotonic()
        self.running: list[Result] = []
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        self.live = Live(console=console, get_renderable=self._lines, refresh_per_second=4, transient=True)
        self.quiet, self.over = quiet, threading.Event()
        self.log = threading.Thread(target=self._log_regularly, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        (self.live if self.is_live else self.log).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_live:
            self.live.stop()
        self.over.set()

    def show(self, result: Result) -> None:
        """Show a job that has started, entered a cell or ended. A job that has ended gets a line, with its error."""
        self.running = [other for other in self.running if other is not result]
        if not result.ended:
            self.running = [*self.running, result]
            return
        self.done += 1
        self.failed += not result.passed
        verdict = "passed" if result.passed else str(result.status).upper()
        because = f": {result.error}" if result.status is Status.FAILED else ""
        which = f"[{self.done}/{self.total}] {result.job.name} · {result.job.deployment}"
        say(self.console, f"{which}: {verdict} in {result.seconds:.1f} s{because}")

    def _log_regularly(self) -> None:
        while not self.over.wait(self.quiet):
            now = time.monotonic()
            running = [f"{each.job.name} {_cell(each)} ({now - each.began:.0f} s)" for each in self.running]
            say(self.console, f"{now - self.began:.0f} s: {', '.join(running) or 'starting'}")

    def _lines(self) -> Table:
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for result in self.running:
            elapsed = f"{now - result.began:.0f} s"
            table.add_row(result.job.name, result.job.deployment, _cell(result), elapsed)
        failed = f", {self.failed} failed" if self.failed else ""
        table.add_row(f"{self.done} of {self.total} done{failed}", "", "", f"{now - self.began:.0f} s")
        return table


def _cell(result: Result) -> str:
    return f"cell {result.cell}/{result.cells or '?'}"
