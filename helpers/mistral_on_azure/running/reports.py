"""The reports of a run: JUnit XML, a summary in Markdown, messages for CI systems, and a table on the terminal."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as xml

from rich.console import Console
from rich.table import Table

from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.recording.usage import Usage, count_text, total
from mistral_on_azure.running.record import JUNIT, SUMMARY, Run
from mistral_on_azure.running.results import Result, Status, say

_NO_ERROR = (Status.PASSED, Status.FAILED, Status.SKIPPED)
_PAGE = 1_000_000  # bytes; GitHub accepts a mebibyte for each step
_REST = "\n**The rest is cut off.** `results.json` is complete.\n"
_FENCE = re.compile(r"^(`{3,})", re.MULTILINE)
_ANNOTATIONS = 10  # of each kind, for each step: GitHub shows no more
_TITLE = 200  # characters of an annotation's title; GitHub accepts 255


def write_junit(folder: Path, run: Run) -> None:
    """Write `junit.xml`: one testcase for each notebook and deployment.

    It follows the schema of Jenkins and pytest (junit-10.xsd), in which a testcase has no properties and no file. The
    calls, tokens and cells of a job are in `system-out`, which every CI system shows.
    """
    counts = {
        "tests": len(run.results) or 1,
        "failures": sum(result.status is Status.FAILED for result in run.results),
        # A job that was not run is an error and not skipped: in a green report, every job ran that can run here.
        "errors": sum(result.status not in _NO_ERROR for result in run.results) + (not run.results),
    }
    attributes = {"name": "cookbook", "time": f"{run.wall:.3f}", **{name: str(each) for name, each in counts.items()}}
    began, skipped = run.began.strftime("%Y-%m-%dT%H:%M:%S"), str(sum(result.skipped for result in run.results))
    suites = xml.Element("testsuites", attributes)
    suite = xml.SubElement(suites, "testsuite", attributes, timestamp=began, skipped=skipped)
    properties = xml.SubElement(suite, "properties")
    xml.SubElement(properties, "property", name="endpoint", value=run.endpoint)
    if run.stopped:
        xml.SubElement(properties, "property", name="stopped", value=run.stopped)
    for result in run.results:
        _case(suite, result)
    if not run.results:  # a report without a testcase would be green
        case = xml.SubElement(suite, "testcase", classname="cookbook", name="run", time="0.000")
        xml.SubElement(case, "error", type="not run", message=run.stopped).text = run.stopped
    xml.indent(suites)
    text = xml.tostring(suites, encoding="unicode")
    write_whole(folder / JUNIT, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')


def _case(suite: xml.Element, result: Result) -> None:
    job, time = result.job, f"{result.seconds:.3f}"
    case = xml.SubElement(suite, "testcase", classname=job.deployment, name=job.name, time=time)
    if result.skipped:
        xml.SubElement(case, "skipped", message=result.error)
    elif not result.passed:
        failed = result.status is Status.FAILED
        failure = xml.SubElement(case, "failure" if failed else "error")
        failure.set("type", result.kind or str(result.status))
        failure.set("message", result.error)
        failure.text = "\n\n".join(filter(None, [result.source, result.error, f"Executed notebook: {result.output}"]))
    xml.SubElement(case, "system-out").text = _figures(result)


def _figures(result: Result) -> str:
    usage = result.usage
    counted = f"{usage.calls} calls, {count_text(usage.tokens, usage.exact)} tokens" if usage else "calls not counted"
    return f"{counted}, {result.cell} of {result.cells} cells{', in an earlier run' if result.resumed else ''}"


def write_summary(folder: Path, run: Run, differing: dict[str, tuple[str, str]] | None) -> None:
    """Write `summary.md`.

    Args:
        differing: packages whose installed version differs from the lock: (locked, installed) by name; None without a
            lock.
    """
    parts = [f"## Cookbook: {'passed' if run.passed else 'failed'}", f"{run.verdict} Against: {_escape(run.endpoint)}."]
    if run.stopped:
        parts.append(f"**Stopped early.** {run.stopped}")
    parts += [_markdown(run), *(_failure(result) for result in run.results if not result.passed and result.source)]
    parts.append(_cost(run))
    if differing is not None:
        parts.append(_versions(differing) if differing else "Every package is of the version that the lock names.")
    write_whole(folder / SUMMARY, _cut("\n\n".join(filter(None, parts)) + "\n", _PAGE))


def _cut(page: str, most: int) -> str:
    """A page cut to `most` bytes at the end of a line. GitHub shows nothing of a page that is larger."""
    if len(page.encode()) <= most:
        return page
    whole = page.encode()[: max(most - len(_REST.encode()), 0)].decode(errors="ignore")
    kept = whole[: whole.rfind("\n") + 1]
    fence = _FENCE.findall(kept)
    closing = f"{fence[-1]}\n" if len(fence) % 2 else ""
    return (kept + closing + _REST) if len((kept + closing + _REST).encode()) <= most + 16 and most > 0 else ""


def _markdown(run: Run) -> str:
    rows = ["| client | deployment | seconds | calls | tokens | status |", "| --- | --- | ---: | ---: | ---: | --- |"]
    rows += [_markdown_row(result) for result in run.results]
    usage = total([result.usage for result in run.results])
    rows.append(f"| **all** | | {run.wall:.1f} | {' | '.join(_counts(usage))} | |")
    return "\n".join(rows)


def _markdown_row(result: Result) -> str:
    status = "passed" if result.passed else f"**{result.status}**: {_escape(result.error)}"
    status += " (earlier run)" if result.resumed else ""
    job = result.job
    cells = (_escape(job.client), _escape(job.deployment), f"{result.seconds:.1f}", *_counts(result.usage), status)
    return f"| {' | '.join(cells)} |"


def _failure(result: Result) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", result.source)), default=0))
    return f"""\
### {_escape(result.job.client)} on {_escape(result.job.deployment)}

Cell {result.cell} of {result.cells} failed: {_escape(result.error)}

{fence}python
{result.source.rstrip()}
{fence}

Executed notebook: `{result.output}`"""


def _versions(differing: dict[str, tuple[str, str]]) -> str:
    rows = [f"| {name} | {locked} | {here} |" for name, (locked, here) in sorted(differing.items())]
    return "\n".join(["### Not as locked", "", "| package | locked | installed |", "| --- | --- | --- |", *rows])


def _escape(text: str) -> str:
    """A text with Markdown's characters escaped: an error message must not become a tag, link, emphasis or mention."""
    return re.sub(r"([\\`*_\[\]<>@#|~$&])", r"\\\1", " ".join(text.split()))


def show_in_ci(run: Run, summary: Path) -> None:
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
    """A text in which characters are escaped that would end a CI command. Errors have one line already."""
    for character in characters:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


_NUMBERS = ("seconds", "calls", "tokens", "tokens in", "tokens out")  # columns


def print_results(console: Console, run: Run, folder: Path, *more: str) -> None:
    """Print the failures with their cells, the table, the verdict, the folder of the reports, and further lines."""
    for result in run.results:
        if result.status is Status.FAILED:
            _print_failure(console, result)
    console.print(_table(run))
    skipped = [f"Skipped {each.job.name}: {each.error}." for each in run.results if each.skipped]
    for line in (*skipped, run.stopped, _cost(run), run.verdict, f"Reports: {folder}", *more):
        if line:
            say(console, line)


def table_of_jobs(*columns: str) -> Table:
    """A table for the terminal that has no rows yet. Only the name of a deployment may be wrapped."""
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name != "deployment")
    return table


def _table(run: Run) -> Table:
    table = table_of_jobs("client", "deployment", "seconds", "calls", "tokens", "status")
    for result in run.results:
        status = f"{result.status} earlier" if result.resumed else str(result.status)
        status = status if result.passed or result.skipped else status.upper()
        table.add_row(result.job.client, result.job.deployment, f"{result.seconds:.1f}", *_counts(result.usage), status)
    if len(run.results) > 1:
        usage = total([result.usage for result in run.results])
        table.add_row("all", "", f"{run.wall:.1f}", *_counts(usage), "", style="bold")
    return table


def _counts(usage: Usage | None) -> tuple[str, str]:
    if usage is None:
        return count_text(None), count_text(None)
    return count_text(usage.calls), count_text(usage.tokens, usage.exact)


def _cost(run: Run) -> str:
    return "" if run.cost is None else f"Cost of this run: {run.cost:.4f}."


def _print_failure(console: Console, result: Result) -> None:
    where = f" in cell {result.cell} of {result.cells}" if result.cell else ""
    say(console, f"\n{result.job.name} · {result.job.deployment} failed{where}:")
    if result.source:
        from rich.syntax import Syntax  # with all of pygments, which only a failure needs

        console.print(Syntax(result.source, "python", background_color="default"))
    say(console, result.error)
    say(console, f"Executed notebook: {result.job.output}\n")
