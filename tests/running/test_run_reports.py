"""What a run tells and leaves behind."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from xml.etree import ElementTree as xml

import nbformat
import pytest
from rich.console import Console

from commanding import Cookbook
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.running import record
from mistral_on_azure.running.history import fingerprint
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.record import claim
from mistral_on_azure.running.results import Progress, Result, Status
from mistral_on_azure.running.worker import one_line, plain

ASKS = """
import json, os, urllib.request
body = json.dumps({"messages": [{"role": "user", "content": "How many languages are in the world?"}]}).encode()
headers = {"Authorization": "Bearer " + os.environ["AZURE_INFERENCE_CREDENTIAL"], "Content-Type": "application/json"}
url = os.environ["AZURE_INFERENCE_ENDPOINT"] + "/chat/completions"
usage = json.load(urllib.request.urlopen(urllib.request.Request(url, body, headers)))["usage"]
print(usage)
"""
FAILS = "fence = '```'\nassert fence == '<b>|*'"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run of one notebook that passes and one that fails, by the command, as GitHub Actions would run it."""
    folder = tmp_path_factory.mktemp("run")
    cookbook = Cookbook(folder)
    cookbook.write("openai-sdk", ASKS, ASKS)
    cookbook.write("langchain", "1 + 1", FAILS, "print('never')")
    page = folder / "page.md"
    page.write_text("before\n")
    done = cookbook.run("-p", "prompt", "Hi", GITHUB_STEP_SUMMARY=str(page), GITHUB_ACTIONS="true")
    return cookbook, done, page.read_text()


def test_one_failure_fails_the_run_and_the_others_go_on(ran):
    cookbook, done, _ = ran
    assert done.returncode == 1
    assert cookbook.status == {"langchain": "failed", "openai-sdk": "passed"}


def test_the_failing_cell_the_error_and_the_notebook_are_shown(ran):
    cookbook, done, _ = ran
    assert "langchain · " in done.stdout and "failed in cell 4 of 5" in done.stdout
    for line in FAILS.splitlines():
        assert line in done.stdout
    assert "AssertionError: assert fence == '<b>|*'" in done.stdout.splitlines()
    executed = cookbook.reports / default_name() / "langchain.ipynb"
    assert f"Executed notebook: {executed}" in done.stdout and executed.exists()


def test_the_table_has_calls_and_tokens(ran):
    _, done, _ = ran
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("OpenAI SDK")]
    assert row[2] == default_name() and row[4:] == ["2", "166", "passed"]
    assert "1 of 2 passed; 1 failed" in done.stdout


def test_results_have_every_figure(ran):
    cookbook, _, _ = ran
    results = cookbook.results
    assert not results["passed"] and results["wall_seconds"] > 0 and results["workers"] >= 1
    asking = next(job for job in results["jobs"] if job["notebook"] == "openai-sdk")
    assert (asking["calls"], asking["prompt_tokens"], asking["completion_tokens"]) == (2, 22, 144)
    assert asking["cells"] == asking["cells_started"] == 4 and asking["seconds"] > 0
    assert asking["parameters"] == {"prompt": "Hi", "model": default_name()}
    failing = next(job for job in results["jobs"] if job["notebook"] == "langchain")
    assert failing["cell_source"] == FAILS and failing["error_class"] == "AssertionError"


def test_junit_has_a_testcase_for_each(ran):
    cookbook, _, _ = ran
    suites = xml.parse(cookbook.reports / "junit.xml").getroot()
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("2", "1", "0")
    failed, passed = suites.find("testsuite").findall("testcase")
    assert failed.get("classname") == default_name() and failed.get("name") == "langchain"
    failure = failed.find("failure")
    assert failure.get("message") == "AssertionError: assert fence == '<b>|*'" and FAILS in failure.text
    assert passed.find("failure") is None
    assert passed.findtext("system-out") == "2 calls, 166 tokens, 4 of 4 cells"


# What junit-10.xsd allows: attributes, the required ones first, and elements.
JUNIT = {
    "testsuites": ("", "name time tests failures errors", "testsuite"),
    "testsuite": ("name tests failures errors", "time skipped timestamp", "properties testcase"),
    "properties": ("", "", "property"),
    "property": ("name value", "", ""),
    "testcase": ("name", "time classname", "error failure system-out"),
    "failure": ("", "type message", ""),
    "system-out": ("", "", ""),
}


def test_junit_xml_keeps_to_its_schema(ran):
    cookbook, _, _ = ran
    elements = list(xml.parse(cookbook.reports / "junit.xml").getroot().iter())
    assert {element.tag for element in elements} == set(JUNIT)
    for element in elements:
        required, optional, children = (set(words.split()) for words in JUNIT[element.tag])
        assert required <= set(element.keys()) <= required | optional, element.tag
        assert {child.tag for child in element} <= children, element.tag


def test_the_summary_goes_to_the_jobs_page(ran):
    cookbook, _, page = ran
    summary = (cookbook.reports / "summary.md").read_text(encoding="utf-8")
    assert page == f"before\n{summary}"
    assert "## Cookbook: failed" in summary
    assert f"````python\n{FAILS}\n````" in summary  # the fence is longer than the one in the cell
    assert r"assert fence == '\<b\>\|\*'" in summary


def test_failures_are_annotated(ran):
    cookbook, done, _ = ran
    (annotation,) = [line for line in done.stdout.splitlines() if line.startswith("::error")]
    assert annotation.startswith(f"::error file={cookbook.notebooks}/langchain.ipynb,title=langchain on ")


def test_a_dry_run_tells_what_to_expect_and_runs_nothing(ran):
    cookbook, _, _ = ran
    before = (cookbook.reports / "results.json").stat().st_mtime_ns
    asked = ("--dry-run", "-p", "prompt", "Hi", "--price-in", "1000", "--price-out", "1000")
    done = cookbook.run(*asked, "--max-tokens-total", "50")
    assert done.returncode == 0 and "1 of 2 were not counted yet: executing" in done.stdout
    assert "1 of 2 are unknown, because they fail on the local endpoint." in done.stdout
    rows = {line.split("  ")[0]: line.split() for line in done.stdout.splitlines()}
    assert rows["OpenAI SDK"][4:7] == ["2", "22", "144"] and rows["LangChain"][2:] == ["?", "?", "?", "?", "never"]
    known = cookbook.run("openai-sdk", *asked, "--max-cost", "0.1")
    assert known.returncode == 1 and "The budget is too small" in known.stdout
    assert "Expected cost: 0.1660." in known.stdout and "not counted yet" not in known.stdout
    assert (cookbook.reports / "results.json").stat().st_mtime_ns == before


def test_a_dry_run_rehearses_what_was_never_counted_with_these_parameters(ran):
    cookbook, _, _ = ran
    nobody = {"AZURE_INFERENCE_ENDPOINT": "http://127.0.0.1:9", "AZURE_INFERENCE_CREDENTIAL": "k" * 32}
    done = cookbook.run("openai-sdk", "--dry-run", "-d", "mine", "-p", "count", "2", **nobody)
    assert done.returncode == 0 and "1 of 1 were not counted yet: executing" in done.stdout
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("OpenAI SDK")]
    assert row[2] == "mine" and row[4:7] == ["2", "22", "144"]


def test_the_next_run_leaves_nothing_of_the_last_one(ran):
    cookbook, _, _ = ran
    executed = cookbook.reports / default_name() / "langchain.ipynb"
    assert executed.exists()
    (cookbook.reports / "mine.txt").write_text("not the runner's")
    done = cookbook.run("openai-sdk")
    assert done.returncode == 0 and cookbook.status == {"openai-sdk": "passed"}
    assert not executed.exists() and (cookbook.reports / "mine.txt").exists()


def test_two_runs_at_a_time_do_not_mix(cookbook):
    cookbook.reports.mkdir()
    cookbook.write("b", "1 + 1")
    with claim(cookbook.reports, must=False) as mine:
        assert mine == cookbook.reports
        beside = cookbook.run("b")
        assert beside.returncode == 0 and f"Reports: {cookbook.reports}-2" in beside.stdout
        refused = cookbook.run("b", "--resume")
        assert refused.returncode == 1 and "Another run is using" in refused.stderr


def test_saving_keeps_outputs_unless_the_notebook_has_changed(cookbook):
    path = cookbook.write("quick", "print('fine')")
    itself = f"p = __import__('pathlib').Path({str(cookbook.notebooks / 'changed.ipynb')!r})"
    cookbook.write("changed", itself, "p.write_text(p.read_text().replace('old', 'new'))  # old")
    done = cookbook.run("quick", "changed", "--save")
    assert done.returncode == 1 and "changed.ipynb was changed while it ran" in done.stderr
    saved = nbformat.read(path, 4)
    assert saved.cells[1].outputs[0].text == "fine\n" and len(saved.cells) == 2
    assert "papermill" not in json.dumps(saved)


def test_live_lines_tell_notebook_cell_and_time():
    console = Console(width=100, force_terminal=True, file=io.StringIO())
    progress = Progress(console, 2)
    job = Job(Path("openai-sdk.ipynb"), "d", Path("o.ipynb"))
    result = Result(job, Status.RUNNING, began=time.monotonic() - 3, cell=4, cells=36)
    progress.show(result)
    with console.capture() as shown:
        console.print(progress._lines())
    assert shown.get().splitlines()[0].split() == ["openai-sdk", "d", "cell", "4/36", "3", "s"]
    result.status, result.error, result.seconds = Status.FAILED, "Error: x", 4.0
    with console.capture() as shown:
        progress.show(result)
        console.print(progress._lines())
    assert "[1/2] openai-sdk · d: FAILED in 4.0 s: Error: x" in shown.get() and "1 of 2 done, 1 failed" in shown.get()


def test_a_log_tells_now_and_then_what_runs():
    console = Console(width=100, file=io.StringIO())
    job = Job(Path("openai-sdk.ipynb"), "d", Path("o.ipynb"))
    with Progress(console, 1, quiet=0.01) as progress:
        progress.show(Result(job, Status.RUNNING, began=time.monotonic() - 3, cell=4, cells=36))
        while "cell" not in console.file.getvalue():
            time.sleep(0.01)
    assert "openai-sdk cell 4/36 (3 s)" in console.file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        {"source": "1 + 2"},
        {"parameters": {"model": "d", "count": 2}},
        {"deployment": "e"},
        {"endpoint": "endpoint 12345678"},
        {"code": "other"},
    ],
)
def test_a_fingerprint_changes_with_all_that_matters(cookbook, tmp_path, change):
    def of(source="1 + 1", parameters=None, deployment="d", endpoint="local endpoint", code="c"):
        job = Job(cookbook.write("a", source), deployment, tmp_path / "o", parameters or {"model": "d"})
        return fingerprint(job, endpoint, code)

    assert of() == of() != of(**change)


def test_a_fingerprint_does_not_change_with_outputs(cookbook, tmp_path):
    job = Job(cookbook.write("a", "1 + 1"), "d", tmp_path / "o")
    before = fingerprint(job, "e", "c")
    notebook = nbformat.read(job.notebook, 4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="2")]
    nbformat.write(notebook, job.notebook)
    assert fingerprint(job, "e", "c") == before


@pytest.mark.parametrize(
    ("kind", "message", "traceback", "line"),
    [
        ("ValueError", "one\n  two\n", [], "ValueError: one two"),
        ("CookbookError", "Set the key.", [], "Set the key."),
        ("KeyError", "", [], "KeyError"),
        ("AssertionError", "", ["\x1b[31m---->\x1b[0m 3 assert x"], "AssertionError: assert x"),
        ("E", "x" * 1000, [], f"E: {'x' * 399}…"),
    ],
)
def test_an_error_in_one_line(kind, message, traceback, line):
    assert one_line(kind, message, traceback) == line


def test_what_xml_cannot_hold_is_left_out():
    assert plain("a\x00\x1b[1mb\ud800\tc\n") == "ab\tc\n"


@pytest.mark.parametrize("text", ["##vso[task.complete]", "##[error]x", "::error::x", "a\n  ::set-output name=x::y"])
def test_what_an_endpoint_says_is_no_command_to_a_ci_system(text):
    assert "##" not in plain(text) and not any(line.strip().startswith("::") for line in plain(text).splitlines())


def test_packages_that_differ_from_the_lock(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(
        "# a comment\npytest==0.1\nnothing-like-it==1\nclick==0.1 ; python_version < '3'\n"
        f"nbformat=={nbformat.__version__}\n"
    )
    assert list(record.unlocked(lock)) == ["pytest"]
    assert "papermill" in record.installed()
