"""What a CI system shows outside the log: a summary page, and an annotation for each failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from helpers.running.reports.record import Run
from helpers.running.results import Result


def show(run: Run, summary: Path) -> None:
    """Tell the CI system that runs us, if it is GitHub Actions or Azure Pipelines. Does nothing anywhere else."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        try:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(summary.read_text(encoding="utf-8"))
        except OSError as error:  # the run itself is none the worse for it
            print(f"GITHUB_STEP_SUMMARY cannot be written ({error.strerror}): {page}", file=sys.stderr)
    failed = [result for result in run.results if not result.passed]
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for result in failed:
            title = _escape(_name(result), "%,:")
            print(f"::error file={_source(result)},title={title}::{_escape(result.error, '%')}")
    if os.environ.get("TF_BUILD") == "True":
        print(f"##vso[task.uploadsummary]{summary}")
        for result in failed:
            print(f"##vso[task.logissue type=error;sourcepath={_source(result)}]{_name(result)}: {result.error}")


def _name(result: Result) -> str:
    return f"{result.job.name} on {result.job.deployment}"


def _source(result: Result) -> str:
    return f"notebooks/{result.job.notebook.name}"


def _escape(text: str, characters: str) -> str:
    """A text that ends no command of GitHub's early. Errors are of one line already."""
    for character in characters:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
