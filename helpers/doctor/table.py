"""The table of findings, printed row by row as they are found."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from helpers.doctor.findings import Finding, Status, skipped
from helpers.doctor.report import Report

_COLOURS = {Status.OK: "green", Status.NOTE: "yellow", Status.FAILS: "bold red", Status.SKIPPED: "dim"}
_STATUS, _NAME = 9, 18  # columns
_WIDEST = 110  # columns; longer lines are hard to read
_NARROWEST = 20  # columns of text


def show(console: Console, report: Report) -> None:
    """Do the checks of a report, showing each finding as soon as there is one."""
    console.print(Text(f"Examining {report.label}.\n"))
    waiting = 0
    with console.status("") as progress:
        for check, finding in report.steps():
            if finding is None:
                progress.update(Text(f"looking at: {check.name}"))
            elif finding.waits_for:
                waiting += 1
            else:
                _row(console, check.name, finding)
    if waiting:
        _row(console, "the rest", skipped(f"{_count(waiting, 'check')} cannot look before that is mended"))
    console.print(Text(f"\n{_verdict(report)}"))


def _row(console: Console, name: str, finding: Finding) -> None:
    width = max(_NARROWEST, min(console.width, _WIDEST) - _STATUS - _NAME)
    lines = textwrap.wrap(finding.found, width, break_on_hyphens=False)
    if finding.remedy:
        lines += textwrap.wrap(f"→ {finding.remedy}", width, subsequent_indent="  ", break_on_hyphens=False)
    for place, line in enumerate(lines):
        row = Text(str(finding.status).ljust(_STATUS) if place == 0 else " " * _STATUS, _COLOURS[finding.status])
        row.append((name if place == 0 else "").ljust(_NAME), "default")
        row.append(line, "default")
        console.print(row, soft_wrap=True)


def _verdict(report: Report) -> str:
    e = report.examination
    tokens = e.prompt_tokens + e.completion_tokens
    took = f"It took {_count(e.calls, 'call')}, {_count(tokens, 'token')} and {report.seconds:.1f} s."
    failed = report.failed
    if not failed:
        return f"Nothing fails. {took}"
    if len(failed) == 1:
        return f"One thing fails: {failed[0]}. {took}"
    return f"{len(failed)} things fail: {', '.join(failed)}. Begin with {failed[0]}. {took}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
