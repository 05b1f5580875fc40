"""The summary in Markdown, and the messages that GitHub Actions and Azure Pipelines show outside the log."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.recording.usage import count_text, total
from mistral_on_azure.running.reports.record import Run
from mistral_on_azure.running.results import Result

FILE = "summary.md"
_PAGE = 1_000_000  # bytes; GitHub takes a mebibyte for each step
_REST = "\n**The rest is cut off.** `results.json` has all of it.\n"
_FENCE = re.compile(r"^(`{3,})", re.MULTILINE)
_ANNOTATIONS = 10  # of each kind, for each step: GitHub shows no more
_TITLE = 200  # characters of an annotation's title; GitHub takes 255


def write(folder: Path, run: Run, differing: dict[str, tuple[str, str]]) -> None:
    """Write the page.

    Args:
        differing: packages whose installed version differs from the lock: (locked, installed) by name.
    """
    parts = [f"## Cookbook: {'passed' if run.passed else 'failed'}", f"{run.verdict} Against: {_escape(run.endpoint)}."]
    if run.stopped:
        parts.append(f"**Stopped early.** {run.stopped}")
    parts += [_table(run), *(_failure(result) for result in run.results if not result.passed and result.source)]
    if run.cost is not None:
        parts.append(f"Cost of this run: {run.cost:.4f}.")
    parts.append(_versions(differing) if differing else "Every package is of the version that the lock names.")
    write_whole(folder / FILE, _cut("\n\n".join(parts) + "\n", _PAGE))


def _cut(page: str, most: int) -> str:
    """A page of at most so many bytes, which ends with a whole line. GitHub shows nothing of a page that is larger."""
    if len(page.encode()) <= most:
        return page
    whole, kept = page.encode()[: max(most - len(_REST.encode()), 0)].decode(errors="ignore"), ""
    kept = whole[: whole.rfind("\n") + 1]
    fence = _FENCE.findall(kept)
    closing = f"{fence[-1]}\n" if len(fence) % 2 else ""
    return (kept + closing + _REST) if len((kept + closing + _REST).encode()) <= most + 16 and most > 0 else ""


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
    return f"{count_text(usage and usage.calls)} | {count_text(usage and usage.tokens, not usage or usage.exact)}"


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
            f"Executed notebook: `{result.output}`",
        ]
    )


def _versions(differing: dict[str, tuple[str, str]]) -> str:
    rows = [f"| {name} | {locked} | {here} |" for name, (locked, here) in sorted(differing.items())]
    return "\n".join(["### Not as locked", "", "| package | locked | installed |", "| --- | --- | --- |", *rows])


def _escape(text: str) -> str:
    """A text with Markdown's characters escaped, so that an error message makes no tag, link, emphasis or mention."""
    return re.sub(r"([\\`*_\[\]<>@#|~$&])", r"\\\1", " ".join(text.split()))


def show(run: Run, summary: Path) -> None:
    """Show the summary and the errors in GitHub Actions or Azure Pipelines. Elsewhere this does nothing."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        try:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(_cut(summary.read_text(encoding="utf-8"), _PAGE - file.tell()))
        except OSError as error:  # this does not change the outcome of the run
            print(f"GITHUB_STEP_SUMMARY cannot be written ({error.strerror}): {page}", file=sys.stderr)
    failed = [result for result in run.results if not (result.passed or result.skipped)]
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for result in failed[: _ANNOTATIONS - (len(failed) > _ANNOTATIONS)]:
            file, title = (_escape_ci(text, "%,:") for text in (_source(result), _name(result)[:_TITLE]))
            print(f"::error file={file},title={title}::{_escape_ci(result.error, '%')}")
        if run.stopped and not run.results:
            print(f"::error title=Nothing ran::{_escape_ci(run.stopped, '%')}")
        if len(failed) > _ANNOTATIONS:
            print(f"::error title=Cookbook::{len(failed) - _ANNOTATIONS + 1} more failed; the summary has all of them")
    if os.environ.get("TF_BUILD") == "True":
        print(f"##vso[task.uploadsummary]{summary}")
        for result in failed:
            source = _escape_ci(_source(result), ";]")
            print(f"##vso[task.logissue type=error;sourcepath={source}]{_name(result)}: {result.error}")
        if run.stopped and not run.results:
            print(f"##vso[task.logissue type=error]{run.stopped}")


def _name(result: Result) -> str:
    return f"{result.job.name} on {result.job.deployment}"


def _source(result: Result) -> str:
    """The notebook's path from the CI system's checkout; the whole path where it is elsewhere."""
    checkout = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("BUILD_SOURCESDIRECTORY") or "."
    path, root = result.job.notebook.resolve(), Path(checkout).resolve()
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _escape_ci(text: str, characters: str) -> str:
    """A text with the characters escaped that would end a command of GitHub's. Errors have one line already."""
    for character in characters:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
