"""JUnit XML, which every CI system reads: one testcase for each notebook and deployment.

It follows the schema of Jenkins and pytest (junit-10.xsd), in which a testcase has no properties and no file. Its
figures are in `system-out`, which every CI system shows.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as xml

from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.recording.usage import count_text
from mistral_on_azure.running.reports.record import Run
from mistral_on_azure.running.results import Result, Status

FILE = "junit.xml"
_NO_ERROR = (Status.PASSED, Status.FAILED, Status.SKIPPED)


def write(folder: Path, run: Run) -> None:
    counts = {
        "tests": len(run.results) or 1,
        "failures": sum(result.status is Status.FAILED for result in run.results),
        "errors": sum(result.status not in _NO_ERROR for result in run.results) + (not run.results),
        "skipped": sum(result.skipped for result in run.results),
    }
    attributes = {**{name: str(count) for name, count in counts.items()}, "time": f"{run.wall:.3f}"}
    of_all = {name: value for name, value in attributes.items() if name != "skipped"}  # the schema has none there
    suites = xml.Element("testsuites", name="cookbook", **of_all)
    # A job that was not run is an error and not skipped, since a green report must mean that all ran that can run here.
    began = run.began.strftime("%Y-%m-%dT%H:%M:%S")
    suite = xml.SubElement(suites, "testsuite", name="cookbook", timestamp=began, **attributes)
    _properties(suite, endpoint=run.endpoint, stopped=run.stopped)
    for result in run.results:
        _case(suite, result)
    if not run.results:  # a report without a test is green
        case = xml.SubElement(suite, "testcase", classname="cookbook", name="run", time="0.000")
        xml.SubElement(case, "error", type="not run", message=run.stopped).text = run.stopped
    xml.indent(suites)
    text = xml.tostring(suites, encoding="unicode")
    write_whole(folder / FILE, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')


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


def _properties(parent: xml.Element, **values: object) -> None:
    known = {name: value for name, value in values.items() if value not in ("", None)}
    if known:
        properties = xml.SubElement(parent, "properties")
        for name, value in known.items():
            xml.SubElement(properties, "property", name=name, value=str(value))
