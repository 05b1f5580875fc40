"""A page in Markdown that says what works, fit for a CI job's summary."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.running.files import write_whole
from helpers.running.reports.record import Run
from helpers.running.results import Result
from helpers.running.usage import said, total

FILE = "summary.md"


def write(folder: Path, run: Run, differing: dict[str, tuple[str, str]]) -> None:
    """Write the page.

    Args:
        differing: packages in another version than the lock's.
    """
    parts = [f"## Cookbook: {'passed' if run.passed else 'failed'}", f"{run.verdict} Against: {run.endpoint}."]
    if run.stopped:
        parts.append(f"**Stopped early.** {run.stopped}")
    parts += [_table(run), *(_failure(result) for result in run.results if not result.passed and result.source)]
    if run.cost is not None:
        parts.append(f"Cost of this run: {run.cost:.4f}.")
    parts.append(_versions(differing) if differing else "Every package is of the version that the lock names.")
    write_whole(folder / FILE, "\n\n".join(parts) + "\n")


def _table(run: Run) -> str:
    rows = [
        "| client | deployment | seconds | calls | tokens | status |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    rows += [_row(result) for result in run.results]
    usage = total([result.usage for result in run.results])
    rows.append(f"| **all** | | {run.wall:.1f} | {_counts(usage)} | |")
    return "\n".join(rows)


def _row(result: Result) -> str:
    status = "passed" if result.passed else f"**{result.status}**: {_escape(result.error)}"
    status += " (earlier run)" if result.resumed else ""
    job = result.job
    cells = (_escape(job.client), _escape(job.deployment), f"{result.seconds:.1f}", _counts(result.usage), status)
    return f"| {' | '.join(cells)} |"


def _counts(usage: object) -> str:
    return f"{said(usage and usage.calls)} | {said(usage and usage.tokens, not usage or usage.exact)}"


def _failure(result: Result) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", result.source)), default=0))
    job = result.job
    return "\n".join(
        [
            f"### {_escape(job.client)} on {_escape(job.deployment)}",
            "",
            f"Cell {result.cell} of {result.cells} failed: {_escape(result.error)}",
            "",
            f"{fence}python",
            result.source.rstrip(),
            fence,
            "",
            f"Executed notebook: `{job.deployment}/{job.output.name}`",
        ]
    )


def _versions(differing: dict[str, tuple[str, str]]) -> str:
    rows = [f"| {name} | {locked} | {here} |" for name, (locked, here) in sorted(differing.items())]
    return "\n".join(["### Not as locked", "", "| package | locked | installed |", "| --- | --- | --- |", *rows])


def _escape(text: str) -> str:
    """A text as Markdown shows it unchanged: no tag, link, emphasis or mention in an error message takes effect."""
    return re.sub(r"([\\`*_\[\]<>@#|~$&])", r"\\\1", " ".join(text.split()))
