"""The notebooks in other languages: their code is the programs', and executed anew they print what is committed."""

from __future__ import annotations

import re
from itertools import pairwise

import nbformat
import pytest

from mistral_on_azure.catalog.sections import headings, tasks
from mistral_on_azure.running.saving import settled
from mistral_on_azure.upkeep.beyond_python.cells import cells
from mistral_on_azure.upkeep.beyond_python.keeping import NOTEBOOKS, execute
from mistral_on_azure.upkeep.beyond_python.programs import FOLDER, PROGRAMS


def code(name: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(FOLDER / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_code_is_that_of_the_programs(name):
    """`make beyond-python` writes it anew."""
    made, there = cells(name), {cell.id: cell.source for cell in code(name)}
    assert made == {id_: source for id_, source in there.items() if id_ in made}
    by_hand = [id_ for id_ in there if id_ not in made]
    assert all(re.match("set-up|connect-with-microsoft|handle-errors", id_) for id_ in by_hand), by_hand


def test_both_programs_in_javascript_define_the_same_tools():
    """The notebook has them once."""
    first, second = (PROGRAMS[client].parts()["Call tools"].split("\n\n")[0] for client in ("openai-sdk", "azure-sdk"))
    assert first == second


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_as_the_others_are(name):
    document = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    assert headings(FOLDER / f"{name}.ipynb") == ["Set up", *tasks(FOLDER.parent), "What you can do now"]
    kinds = [cell.cell_type for cell in document.cells]
    assert kinds[0] == kinds[-1] == "markdown"
    assert not any(kinds[place : place + 3] == ["code"] * 3 for place in range(len(kinds)))
    levels = [
        len(mark)
        for cell in document.cells
        if cell.cell_type == "markdown"
        for mark in re.findall("^(#+) ", cell.source, re.MULTILINE)
    ]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    assert re.search(r"\d+ minutes", document.cells[0].source)
    assert [cell.execution_count for cell in code(name)] == list(range(1, len(code(name)) + 1))
    assert not any(
        output.get("name") == "stderr" or output.output_type == "error"
        for cell in code(name)
        for output in cell.outputs
    )
    assert not re.search(r"127\.0\.0\.1:\d|/tmp/|/home/|/root/|\x1b", nbformat.writes(document))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_lead_somewhere(name):
    for cell in nbformat.read(FOLDER / f"{name}.ipynb", 4).cells:
        for target in re.findall(r"\]\(([^)#\s]+)", cell.source if cell.cell_type == "markdown" else ""):
            assert target.startswith("https://") or (FOLDER / target).exists(), target


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_are_those_that_are_committed(name, tmp_path, request):
    packages = None
    if name == "javascript":
        packages = request.getfixturevalue("installed") / "node_modules"
    else:
        request.getfixturevalue("curl")
    executed = nbformat.read(execute(FOLDER / f"{name}.ipynb", tmp_path, packages), 4)
    found = {cell.id: settled(cell.outputs) for cell in executed.cells if cell.cell_type == "code"}
    assert found == {cell.id: settled(cell.outputs) for cell in code(name)}
