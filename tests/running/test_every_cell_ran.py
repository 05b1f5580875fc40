"""Passed means that every code cell ran; the reason of a failure is one line, and a limit ends what passes it."""

from __future__ import annotations

import json
import time

import nbformat
import pytest

from commanding import Cookbook
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.running.papermilling import overwritten

NO_ANSWER = "The kernel gave no answer: AttributeError:"
ENDED = "The notebook ended itself in code cell 3 of"
GROUP = "raise ExceptionGroup('m', [ValueError('a'), ExceptionGroup('n', [TypeError('b')])])"
TASKS = """
import asyncio

async def fail():
    raise ValueError("a")

async with asyncio.TaskGroup() as group:
    group.create_task(fail())
    group.create_task(asyncio.sleep(300))
"""
SHOWN = "class Shown:\n    def {0}(self):\n        raise ValueError('no {0}')\n\nShown()"
RAW = "import os, subprocess, sys\nos.write(1, b'\\xff\\n')\n!printf '\\377\\n'"

PASSING = {
    "exit-last": ("1 + 1", "import sys; sys.exit(0)"),
    "reset": ("x = 1", "%reset -f", "print(1)"),
    "raw-bytes": (RAW, "print(1)"),
    "long-line": ("print('x' * 300_000)", "print('y' * 300_000, end='\\r')\nprint('z')"),
    # The notebook is saved every two seconds, when a cell has ended.
    "saved-on-the-way": ("import time; time.sleep(2.1)\nprint('y', end='\\r')\nprint('z')",),
    "short-lines": ("print('0123456\\n' * 2_500_000)",),
    "empty": ("", "# a comment", "print(1)"),
    "may-raise": ("1 / 0", "print(1)"),
    "may-raise-and-does-not": ("1 + 1", "print(1)"),
    "not-to-run": ("1 / 0", "print(1)"),
}
TAGS = {"may-raise": "raises-exception", "may-raise-and-does-not": "raises-exception", "not-to-run": "skip-execution"}
FAILING = {
    "exit": (("import sys; sys.exit(0)", "1", "2"), f"{ENDED} 5; 2 more cells did not run."),
    "exit-none": (("raise SystemExit", "1"), f"{ENDED} 4; 1 more cell did not run."),
    "exit-with-word": (("raise SystemExit('no')", "1"), "SystemExit: no"),
    "os-exit": (("import os; os._exit(0)", "1"), "The kernel died: it crashed, was killed or ran out of memory."),
    "no-such-magic": (("%nosuch", "1"), "UsageError: Line magic function `%nosuch` not found."),
    "group": ((GROUP, "1"), "ExceptionGroup: m (2 sub-exceptions) [ValueError: a; TypeError: b]"),
    "tasks": ((TASKS, "1"), "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception) [ValueError: a]"),
    "html": ((SHOWN.format("_repr_html_"), "1"), "ValueError: no _repr_html_"),
    "repr": ((SHOWN.format("__repr__"), "1"), "ValueError: no __repr__"),
    "no-stdout": (("import sys; sys.stdout = None", "1"), f"{NO_ANSWER} 'NoneType' object has no attribute 'write'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(request, tmp_path_factory) -> tuple[Cookbook, str, float]:
    """A run of the notebooks whose tests were chosen: most wait for `make test-all`."""
    cookbook = Cookbook(tmp_path_factory.mktemp("ran"))
    sources_of = {**PASSING, **{name: sources for name, (sources, _) in FAILING.items()}}
    of_this_file = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    for name in dict.fromkeys(item.callspec.params["name"] for item in of_this_file if "name" in item.callspec.params):
        path = cookbook.write(name, *sources_of[name])
        if name in TAGS:
            notebook = nbformat.read(path, 4)
            notebook.cells[1].metadata["tags"] = [TAGS[name]]
            nbformat.write(notebook, path)
    began = time.monotonic()
    done = cookbook.run()
    return cookbook, done.stdout, time.monotonic() - began


def cells(cookbook: Cookbook, name: str) -> list[dict]:
    executed = cookbook.reports / default_name() / f"{name}.ipynb"
    return json.loads(executed.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("name", PASSING)
def test_it_passes_with_every_cell_run(ran, name):
    cookbook, _, _ = ran
    assert cookbook.jobs[name]["error"] == "" and cookbook.status[name] == "passed"
    may_rest = ("empty", "not-to-run")
    assert all(cell["execution_count"] for cell in cells(cookbook, name)) or name in may_rest


@pytest.mark.parametrize("name", FAILING)
def test_it_fails_with_the_reason_in_one_line(ran, name):
    cookbook, output, _ = ran
    assert cookbook.jobs[name]["error"] == FAILING[name][1] and cookbook.status[name] == "failed"
    assert FAILING[name][1] in output
    assert "print(1)" not in cookbook.jobs[name]["cell_source"]
    assert max(cookbook.jobs[name]["cell_seconds"]) < 20  # it is told at once


def test_a_limit_ends_a_cell_that_prints_without_end(tmp_path):
    cookbook = Cookbook(tmp_path)
    cookbook.write("flood", "while True: print('x' * 50)", "1")
    said = "The cell did not end within 4 s (--cell-timeout)."
    assert said in cookbook.run("--cell-timeout", "4").stdout
    assert cookbook.jobs["flood"]["error"] == said and cookbook.status["flood"] == "failed"


@pytest.mark.parametrize("name", ["long-line"])
def test_of_a_long_line_nothing_is_lost_and_it_takes_no_time(ran, name):
    cookbook, _, _ = ran
    whole, over = ["".join(cell["outputs"][0]["text"]) for cell in cells(cookbook, name)[2:]]
    assert whole == "x" * 300_000 + "\n" and over == "z\n"
    began = time.process_time()
    assert overwritten("x" * 20_000_000 + "\r" + "y" * 20_000_000) == "y" * 20_000_000
    assert time.process_time() - began < 5


@pytest.mark.parametrize("name", ["saved-on-the-way"])
def test_what_is_saved_on_the_way_is_no_other_than_at_the_end(ran, name):
    (cell,) = cells(ran[0], name)[2:]
    assert "".join(cell["outputs"][0]["text"]) == "z\n"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("10 %\r20 %\r\n", "20 %\r\n"),
        ("10 %\r20 %\r", "20 %\r"),
        ("a\nb\rc\nd", "a\nc\nd"),
        ("ab\b\bc\n\bd", "c\nd"),
        ("plain\n", "plain\n"),
        ("", ""),
    ],
)
def test_a_stream_is_shown_as_a_terminal_shows_it(printed, shown):
    assert overwritten(printed) == shown
