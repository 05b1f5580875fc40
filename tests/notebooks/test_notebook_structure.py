"""Every notebook obeys the rules of its kind; the prompts are those of the script; a copy elsewhere helps itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import Cell, Kind, Notebook, load, notebooks, tasks
from mistral_on_azure.catalog.rules import RULES, broken
from mistral_on_azure.endpoint.models.script_files import own

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
ALL = notebooks(FOLDER)
SECTIONS = (
    "Set up",
    "Connect with a key",
    "Connect with Microsoft Entra ID",
    "Ask what is deployed",
    "Complete a chat",
    "Send a system message",
    "Hold a conversation",
    "Stream the answer",
    "Shape the answer with parameters",
    "Ask for JSON",
    "Call tools",
    "Pass extra parameters",
    "Call asynchronously",
    "Handle errors and retries",
    "Know the limits of this client",
    "Exercises",
    "What you can do now",
)
PAIRS = [(name, rule) for name, notebook in ALL.items() for rule in RULES[notebook.kind]]


def test_every_client_has_its_notebook():
    assert all((FOLDER / client.notebook).is_file() for client in clients().values())
    assert [name for name, each in ALL.items() if each.kind is Kind.CLIENT] == sorted(clients())
    assert [name for name, each in ALL.items() if each.kind is Kind.GUIDE] == ["start-here", "your-endpoint"]


@pytest.mark.parametrize(("name", "rule"), PAIRS, ids=[f"{name}-{rule.__name__}" for name, rule in PAIRS])
def test_a_notebook_obeys_the_rules_of_its_kind(name, rule):
    assert list(rule(ALL[name], ALL)) == []


def test_every_request_by_hand_has_a_time_limit():
    """Without one, `requests` waits for ever. A call with `**` gets it from there."""
    for name, notebook in ALL.items():
        code = [cell.source for cell in notebook.code if not cell.source.startswith("%%")]
        calls = re.findall(r"(?:requests|session)\.(?:get|post)\((?:[^()]|\([^()]*\))*\)", "\n".join(code))
        assert [call for call in calls if "timeout=" not in call and "**" not in call.partition("{")[0]] == [], name


def test_the_shared_sections_are_these():
    first = next(iter(clients()))
    assert ALL[first].sections == SECTIONS


def test_an_empty_cell_is_no_heading(tmp_path):
    cells_of_a_draft = [{"cell_type": "markdown", "source": source} for source in ([], ["## One\n", "and more"])]
    (tmp_path / "draft.ipynb").write_text(json.dumps({"cells": cells_of_a_draft}), encoding="utf-8")
    assert load(tmp_path / "draft.ipynb").sections == ("One",)


def test_a_heading_below_the_finding_of_the_last_section_is_one(tmp_path):
    words = "It worked.\n\n## Two\n\nThe next\nthing.\n\n```python\n## a comment\n```"
    cells = [{"cell_type": "markdown", "source": source} for source in ("# T\n\n## One", words)]
    (tmp_path / "draft.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    draft = load(tmp_path / "draft.ipynb")
    assert (draft.sections, draft.lead("Two"), draft.lead("None")) == (("One", "Two"), "The next\nthing.", "")
    assert [cell.section for cell in draft.cells] == ["One", "Two"]


def test_tasks_are_what_lies_between_setting_up_and_the_exercises():
    assert tasks(FOLDER) == list(SECTIONS[1:-2])


def test_parameters_explain_themselves():
    from papermill import inspect_notebook

    inspected = inspect_notebook(str(ALL["openai-sdk"].path))
    assert set(inspected) == set(ALL["openai-sdk"].parameters)
    assert all(row["help"] and row["inferred_type_name"] != "None" for row in inspected.values())


def test_prompts_are_those_of_the_script():
    prompts = [each.prompt for each in own().exchange]
    parameters = ALL["openai-sdk"].parameters
    assert parameters["prompt"].default == prompts[0]
    assert parameters["model"].default == default_name()
    others = "\n".join(_joined(each) for each in ALL.values() if each.kind is Kind.OTHER_LANGUAGE)
    for prompt in prompts[1:]:
        users = [client for client in clients() if prompt in _joined(ALL[client])]
        assert users == list(clients()) or (not users and prompt in others), f"{prompt!r} is used by {users} only"


def _joined(notebook: Notebook) -> str:
    """The sources of all cells of code; a string that goes over two lines is one."""
    return "\n".join(cell.source for cell in notebook.code).replace('"\n    "', "")


def test_nothing_is_deprecated_in_the_sources():
    for notebook in ALL.values():
        for cell in notebook.code:
            assert "from langchain.chains" not in cell.source and "mistralai_azure" not in cell.source


@pytest.mark.parametrize("name", ALL)
def test_a_copy_elsewhere_says_in_one_line_what_to_install(name, tmp_path):
    """Its first cell with the package, in a Python that does not have it."""
    source = next(cell.source for cell in ALL[name].code if "mistral_on_azure" in cell.source)
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-I", "-S", "-c", source], capture_output=True, text=True, env=bare)
    *_, last = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert last == "ModuleNotFoundError: First run: %pip install FOLDER (the cookbook's folder)"
    assert "No module named" not in done.stderr


def _with(notebook: Notebook, number: int, **changes: object) -> Notebook:
    """A notebook in which one cell is different."""
    cells = tuple(replace(cell, **changes) if cell.number == number else cell for cell in notebook.cells)
    return replace(notebook, cells=cells)


def _cell(notebook: Notebook, *tags: str, code: bool = True) -> Cell:
    found = (cell for cell in notebook.cells if (cell.type == "code") is code and set(tags) <= set(cell.tags))
    return list(found)[-1]


OPENAI, START, BATCH = ALL["openai-sdk"], ALL["start-here"], ALL["recipes/a-million-prompts"]
CODE, SNIPPET, WORDS = _cell(OPENAI), _cell(OPENAI, "snippet"), OPENAI.markdown[3]
PLAIN = next(cell for cell in OPENAI.markdown if not re.search("^#", cell.source, re.MULTILINE))
LEAD = next(cell for cell in OPENAI.markdown if cell.source.startswith("## Call tools"))
PARAMETERS = _cell(OPENAI, "parameters")
IMAGE = ({"output_type": "display_data", "data": {"text/html": '<img src="x.png">', "text/plain": ""}},)
ERROR = ({"output_type": "error", "ename": "E", "evalue": "", "traceback": []},)
STDERR = ({"output_type": "stream", "name": "stderr", "text": "!"},)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (_with(OPENAI, WORDS.number, source="# Again"), "one title"),
        (_with(OPENAI, 1, source="# A title without a time"), "how many minutes"),
        (_with(OPENAI, 1, source="# A title, 5 minutes"), "link to the terms"),
        (_with(OPENAI, WORDS.number, source="#### Deep"), "skips a level"),
        (_with(OPENAI, CODE.number, id=OPENAI.cells[0].id), "id of its own"),
        (_with(OPENAI, CODE.number, id="no id!"), "id of its own"),
        (replace(OPENAI, cells=OPENAI.cells[:-1] + OPENAI.code[-1:]), "the last cell must be Markdown"),
        (replace(OPENAI, cells=(*OPENAI.cells[:2], *OPENAI.code[:3], *OPENAI.cells[2:])), "follow each other"),
        (_with(OPENAI, CODE.number, source="1\n" * 21), "has 21 lines, 20 at most"),
        (_with(OPENAI, CODE.number, execution_count=None), "not of one run"),
        (_with(OPENAI, CODE.number, outputs=ERROR), "raises an error"),
        (_with(OPENAI, CODE.number, outputs=STDERR), "something on stderr"),
        (_with(OPENAI, CODE.number, tags=("raises-exception",)), "is to raise an error and does not"),
        (replace(OPENAI, cells=tuple(replace(cell, outputs=()) for cell in OPENAI.cells)), "have no output"),
        (replace(OPENAI, metadata={"papermill": {}}), "its metadata must be"),
        (_with(OPENAI, CODE.number, metadata={"collapsed": True}), "metadata other than tags"),
        (_with(OPENAI, CODE.number, source="open('/home/me/x')"), "names a place of one machine"),
        (_with(OPENAI, CODE.number, source="api_key = 'abcdefgh12345'"), "has a credential in it"),
        (_with(OPENAI, CODE.number, outputs=IMAGE), "without an alt text"),
        (_with(OPENAI, CODE.number, outputs=IMAGE), "without plain text beside it"),
        (_with(OPENAI, CODE.number, source='axes.plot(color="#1f5fa8")'), "has a colour of its own"),
        (_with(OPENAI, WORDS.number, source="![](x.png)"), "picture without an alt text"),
        (_with(OPENAI, WORDS.number, source="[a](nowhere.md)"), "links to nowhere.md, which is not there"),
        (_with(OPENAI, WORDS.number, source="[a](start-here.ipynb#No)"), "start-here.ipynb#No, which is not there"),
        (_with(OPENAI, PARAMETERS.number, tags=()), "one cell with the tag parameters, not 0"),
        (_with(OPENAI, PARAMETERS.number, source=f"{PARAMETERS.source}\nunused: int = 1"), "unused is never used"),
        (_with(OPENAI, PARAMETERS.number, source=f"{PARAMETERS.source}\nclient: int = 1"), "client needs a comment"),
        (
            _with(OPENAI, PARAMETERS.number, source=f"{PARAMETERS.source}\nclient: int = 1"),
            "its parameters cell differs",
        ),
        (_with(START, PARAMETERS.number, source='model: str = "another"  # its name'), "its parameters cell differs"),
        (_with(OPENAI, PARAMETERS.number, source="model: str ="), "is not Python"),
        (_with(OPENAI, SNIPPET.number, source="import mistral_on_azure"), "is a snippet and uses mistral_on_azure"),
        (_with(OPENAI, CODE.number, source="import mistral_on_azure.azure.http"), "imports from below"),
        (_with(OPENAI, OPENAI.code[1].number, source="import mistral_on_azure"), "must say what to install"),
        (_with(OPENAI, PLAIN.number, source="## Another section"), "its sections are not those"),
        (_with(OPENAI, LEAD.number, source="## Call tools\n\nAs you saw, it can."), "does not have: 'As you saw'"),
        (
            replace(OPENAI, cells=tuple(cell for cell in OPENAI.cells if not cell.source.startswith("## Call tools"))),
            "has no section 'Call tools'",
        ),
        (
            replace(OPENAI, cells=tuple(replace(c, tags=()) if c.section == "Call tools" else c for c in OPENAI.cells)),
            "'Call tools' has no cell with the tag snippet",
        ),
        (replace(OPENAI, kind=Kind.RECIPE, cells=OPENAI.cells[:-1]), "its last section must be 'What you can do now'"),
        (
            replace(OPENAI, kind=Kind.RECIPE, cells=tuple(replace(cell, tags=()) for cell in OPENAI.cells)),
            "no cell has the tag snippet",
        ),
        (replace(OPENAI, kind=Kind.RECIPE, cells=OPENAI.cells[:41]), "has 41 cells, 40 at most"),
        (_with(BATCH, 1, source=BATCH.cells[0].source.replace("pip install", "get")), "the command `pip install`"),
        (_with(BATCH, 1, source=BATCH.cells[0].source.replace("NAME=batch", "")), "`make group NAME=batch`"),
        (replace(OPENAI, kind=Kind.OTHER_LANGUAGE), "without the exercises"),
    ],
)
def test_a_rule_that_is_broken_is_told(changed, said):
    assert any(re.search(re.escape(said), line) for line in broken(changed, ALL)), broken(changed, ALL)


def test_the_catalog_reads_what_nbformat_reads():
    for notebook in ALL.values():
        theirs = nbformat.read(notebook.path, 4)
        assert [cell.source for cell in notebook.cells] == [cell.source for cell in theirs.cells]
        assert [cell.id for cell in notebook.cells] == [cell.id for cell in theirs.cells]
        assert [list(cell.tags) for cell in notebook.cells] == [cell.metadata.get("tags", []) for cell in theirs.cells]
