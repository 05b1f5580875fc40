"""Building the gallery: what it refuses, and that running the programs again comes to the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mistral_on_azure import cli
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import notebooks, tasks
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.gallery.build import mirror, render
from mistral_on_azure.gallery.pages import SUMMARIES, front_page, wire_views
from mistral_on_azure.gallery.runs import Programs, runs
from mistral_on_azure.snippets.starter import ENTRA_ID, KEY, starter

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
AGAIN = (ENTRA_ID, "Stream the answer", "Call asynchronously")


@pytest.fixture(scope="module")
def some() -> Programs:
    """Programs of the client that starts fastest."""
    return {"webrequests": {task: starter(NOTEBOOKS, task, "webrequests") for task in AGAIN}}


def test_programs_run_without_the_users_proxy(some, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    stream = {"webrequests": {AGAIN[1]: some["webrequests"][AGAIN[1]]}}
    assert runs(stream, tmp_path / "runs.json")["webrequests"][AGAIN[1]].printed


def test_programs_run_again_come_to_the_same(some, tmp_path):
    views = []
    for name in ("first", "second"):
        made = runs(some, tmp_path / name)["webrequests"]
        views.append({task: (run.printed, wire_views(task, run)) for task, run in made.items()})
    assert views[0] == views[1]
    sent = {task: "\n".join(text for _, text in exchanges) for task, (_, exchanges) in views[0].items()}
    assert all("authorization: Bearer ***" in text for text in sent.values())
    assert "more events …" in sent["Stream the answer"]


def test_runs_are_kept_until_something_changes(some, tmp_path):
    kept = tmp_path / "runs.json"
    made, written = runs(some, kept), kept.stat().st_mtime_ns
    assert runs(some, kept) == made and kept.stat().st_mtime_ns == written
    changed = {"webrequests": {AGAIN[1]: some["webrequests"][AGAIN[1]] + "print('changed')\n"}}
    assert runs(changed, kept)["webrequests"][AGAIN[1]].printed.endswith("changed\n")


def test_a_program_that_fails_is_named(tmp_path):
    with pytest.raises(CookbookError, match=r"A starter of litellm failed: ZeroDivisionError: division by zero"):
        runs({"litellm": {"Complete a chat": "1 / 0"}}, tmp_path / "runs.json")


def test_every_task_has_its_line():
    assert SUMMARIES.keys() >= set(tasks(NOTEBOOKS))
    assert all(client.reason for client in clients().values())


def test_what_notebooks_link_to_comes_along(tmp_path):
    pages = mirror(ROOT, tmp_path)
    assert {"README", "notebooks/start-here", "helpers/mistral_on_azure/endpoint/models/README"} <= set(pages)
    assert (tmp_path / "LICENSE").is_file()


def test_a_recipe_has_a_card_and_a_place_in_the_navigation(tmp_path):
    """It is copied into a project that has notebooks and none of them is a recipe, and then has one."""
    project, programs = tmp_path / "project", {client: {KEY: "# Install: pip install it\n"} for client in clients()}
    shutil.copytree(NOTEBOOKS, project / "notebooks", ignore=shutil.ignore_patterns("recipes", "node_modules"))
    fronts = []
    for name in ("none", "recipes/ask-twice"):
        if name != "none":
            cell = {"cell_type": "markdown", "source": "# Ask twice\n\nA story.", "metadata": {}}
            path = project / "notebooks" / f"{name}.ipynb"
            path.parent.mkdir()
            path.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
            path.with_suffix(".toml").write_text('about = "Two answers are better."', encoding="utf-8")
        pages = mirror(project, tmp_path / "sources")
        fronts.append(front_page(notebooks(project / "notebooks"), tasks(NOTEBOOKS), programs, pages))
    assert (tmp_path / "sources" / "notebooks" / "recipes" / "ask-twice.ipynb").is_file()
    assert "ecipes" not in fronts[0]
    assert "**Ask twice**\n\nTwo answers are better.\n" in fronts[1]
    assert ":caption: Recipes\n:hidden:\n\nnotebooks/recipes/ask-twice\n:::" in fronts[1]


@pytest.mark.filterwarnings("ignore:.* is deprecated")  # what themes and extensions still use
def test_a_link_that_leads_nowhere_stops_the_build(tmp_path, capsys):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "index.md").write_text("# Front\n\n[there](nowhere.md)\n", encoding="utf-8")
    with pytest.raises(CookbookError, match="Sphinx gave warnings"):
        render(tmp_path / "sources", tmp_path)
    assert "nowhere.md" in capsys.readouterr().err


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    done = CliRunner().invoke(cli.main, ["gallery", "--output", str(tmp_path)])
    assert done.exit_code == 1 and len(done.output.strip().splitlines()) == 1 and "no gallery" in done.output
    assert (tmp_path / "thesis.txt").exists()


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """In a background job, Ctrl-C does nothing."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupted_it_begins_no_further_program(tmp_path, monkeypatch, heeds_ctrl_c):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # one at a time, the last client first
    ends = f"import os, signal, time\nos.kill({os.getpid()}, signal.SIGINT)\ntime.sleep(3)\n"
    writes = f"from pathlib import Path\nPath({str(tmp_path / 'begun')!r}).touch()\n"
    with pytest.raises(KeyboardInterrupt):
        runs({"litellm": {"Complete a chat": writes}, "webrequests": {"Complete a chat": ends}}, tmp_path / "runs.json")
    assert list(tmp_path.iterdir()) == []
