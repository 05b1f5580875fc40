"""The notebooks in other languages: their code is the programs', and executed anew they print what is committed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from commanding import Cookbook
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.notebooks import Kind, load, notebooks
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running.jobs import plan
from mistral_on_azure.running.plans import Options, plan_of
from mistral_on_azure.running.run_command import execute
from mistral_on_azure.running.saving import settled
from mistral_on_azure.upkeep.beyond_python import FOLDER, PROGRAMS, cells, fill

ROOT = Path(__file__).resolve().parents[3]
ALL = notebooks(FOLDER.parent, Kind.OTHER_LANGUAGE)
NAMES = list(ALL)


@pytest.fixture
def cookbook(tmp_path) -> Cookbook:
    return Cookbook(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_code_is_that_of_the_programs(name):
    """`make beyond-python` writes it anew. A notebook without a program is written by hand."""
    made, there = cells(ALL[name].path.stem), {cell.id: cell.source for cell in ALL[name].code}
    assert made == {id_: source for id_, source in there.items() if id_ in made}
    by_hand = [id_ for id_ in there if made and id_ not in made]
    beginnings = "set-up|connect-with-microsoft|complete-a-chat-same|handle-errors"
    assert all(re.match(beginnings, id_) for id_ in by_hand), by_hand


def test_a_notebook_of_a_language_without_a_program_is_left_as_it_is(tmp_path):
    go = shutil.copy(FOLDER / "javascript.ipynb", tmp_path / "go.ipynb")
    before = load(go).cells
    fill(go)
    assert cells("go") == {} and load(go).cells == before


def test_both_programs_in_javascript_define_the_same_tools():
    """The notebook has them once."""
    first, second = (PROGRAMS[client].parts()["Call tools"].split("\n\n")[0] for client in ("openai-sdk", "azure-sdk"))
    assert first == second


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_that_are_committed(name, tmp_path, request):
    """Executed by `cookbook run`, in a copy with the packages that this environment has."""
    folder = tmp_path / "notebooks"
    shutil.copytree(FOLDER, folder / FOLDER.name, ignore=shutil.ignore_patterns("node_modules"))
    if name.endswith("javascript"):
        packages = request.getfixturevalue("installed") / "node_modules"
        (folder / FOLDER.name / "node_modules").symlink_to(packages)
    else:
        request.getfixturevalue("curl")
    before = {path.name for path in (folder / FOLDER.name).iterdir()}
    options = Options(ROOT, folder, tmp_path / "reports", Selection(names=[name]))
    assert execute(options) == 0
    assert {path.name for path in (folder / FOLDER.name).iterdir()} == before, "it wrote files beside the notebook"
    executed = load(tmp_path / "reports" / default_name() / f"{name}.ipynb")
    found = {cell.id: settled(list(cell.outputs)) for cell in executed.code}
    kept = {cell.id: settled(list(cell.outputs)) for cell in ALL[name].code}
    assert {id_: found[id_] for id_ in kept} == kept and len(found) == len(kept) + 1  # papermill's, with the parameter


@pytest.mark.parametrize(
    ("name", "needs", "interpreter"),
    [("curl", "curl", ["bash"]), ("javascript", "installed", ["node", "--input-type=module", "-"])],
)
def test_what_a_notebook_gives_as_a_solution_does_what_was_asked(name, needs, interpreter, tmp_path, request):
    tools = request.getfixturevalue(needs)
    notebook = ALL[f"{FOLDER.name}/{name}"]
    (solution,) = re.findall(r"<details>.*?```\w+\n(.*?)```", "".join(cell.source for cell in notebook.markdown), re.S)
    for cell in (cell.source for cell in notebook.code if cell.source.startswith("%%writefile ")):
        first, _, text = cell.partition("\n")
        (tmp_path / first.removeprefix("%%writefile ")).write_text(text, encoding="utf-8")
    if needs == "installed":
        (tmp_path / "node_modules").symlink_to(tools / "node_modules")
    with start([key := new_key()]) as endpoint:
        variables = {**os.environ, ENDPOINT: endpoint.url, CREDENTIAL: key}
        done = subprocess.run(
            interpreter, input=solution, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "stop\n" if name == "curl" else len(re.findall("^- .+", done.stdout, re.M)) == 3, done.stdout


def test_without_their_tools_they_are_skipped_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    jobs = {job.name: job for job in plan(FOLDER.parent, Selection(), [], {}, tmp_path)}
    assert jobs["beyond-python/curl"].missing == "there is no bash and no curl and no jq"
    assert not jobs["openai-sdk"].missing
    with pytest.raises(CookbookError, match=r"beyond-python/javascript cannot run here: there is no bash and no node"):
        plan(FOLDER.parent, Selection(names=["javascript"]), [], {}, tmp_path)


def test_one_that_is_skipped_is_no_failure_and_is_told(cookbook, monkeypatch):
    cookbook.write("start-here", "1 + 1")
    cookbook.write("beyond-python/none", "%%bash\ncurl x")
    monkeypatch.setenv("PATH", str(cookbook.notebooks))
    done = cookbook.run()
    assert done.returncode == 0, done.stderr
    assert "Skipped beyond-python/none: there is no bash and no curl." in done.stdout
    assert "1 of 2 passed; 1 skipped" in done.stdout
    assert cookbook.status == {"start-here": "passed", "beyond-python/none": "skipped"}
    assert '<skipped message="there is no bash and no curl" />' in (cookbook.reports / "junit.xml").read_text()


def test_with_an_engine_they_are_run_only_when_named(cookbook, curl):
    cookbook.write("start-here", "1 + 1")
    cookbook.write("beyond-python/some", "%%bash\ncurl x")

    def planned(*names: str) -> dict[str, str]:
        asked = Options(ROOT, cookbook.notebooks, cookbook.reports, Selection(names=names), engine="embedded")
        return {job.name: job.missing for job in plan_of(asked).jobs(cookbook.reports)}

    unnamed = planned()
    assert unnamed["start-here"] == "" and "an engine may take longer; name it" in unnamed["beyond-python/some"]
    assert planned("some") == {"beyond-python/some": ""}
