"""The recipes' exercises: open when a recipe is opened, plain about a wrong answer, solved by the folded solution."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from exercises import OPEN, Exercise, exercises
from mistral_on_azure.catalog.notebooks import Kind, load, notebooks
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.catalog.sidecar import Mistake
from mistral_on_azure.running import targets
from mistral_on_azure.running.history import History
from mistral_on_azure.running.jobs import plan
from mistral_on_azure.running.pool import Limits, run
from mistral_on_azure.running.results import Result
from mistral_on_azure.snippets.starter import formatted
from selected import asked

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
RECIPES = notebooks(NOTEBOOKS, Kind.RECIPE)
ALL = {name: found for name, each in RECIPES.items() if (found := exercises(each))}
# nbval executes every recipe as it is opened; with its solution, most wait for `make test-all`.
RUNS = [pytest.param(name, marks=() if name == "recipes/before-you-deploy" else pytest.mark.all) for name in ALL]


def _tried(cells: list[dict], exercise: Exercise, mistakes: Sequence[Mistake]) -> list[dict]:
    """A recipe's cells with wrong answers, the check of each, and the solution in the reader's cell."""
    tried = []
    for cell in cells:
        if "exercise" in cell["metadata"].get("tags", []):
            check = textwrap.indent(exercise.check, "    ")
            caught = f"try:\n{check}\nexcept AssertionError as error:\n    print(error)"
            for place, mistake in enumerate(mistakes):
                source = f"{exercise.place}\n{mistake.code}\n{caught}"
                tried.append({**cell, "id": f"wrong-{place}", "source": source})
            cell = {**cell, "source": f"{exercise.place}\n{exercise.solution}"}
        tried.append(cell)
    return tried


@pytest.fixture(scope="module")
def tried(tmp_path_factory, request) -> dict[str, Result]:
    """The results of the recipes that a test of this run looks at, executed with both answers."""
    folder = tmp_path_factory.mktemp("solved")
    shutil.copytree(NOTEBOOKS / "recipes", folder / "recipes")
    names = asked(request, "name")
    for name in names:
        path, (exercise,) = folder / f"{name}.ipynb", ALL[name]
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["cells"] = _tried(notebook["cells"], exercise, RECIPES[name].sidecar.mistake)
        path.write_text(json.dumps(notebook), encoding="utf-8")
    results = [Result(job) for job in plan(folder, Selection(names), [], {}, folder / "run")]
    with targets.local(len(results)) as target:
        run(results, Limits(), target, History(folder / "history.json"), lambda _: None)
    return {result.job.name: result for result in results}


@pytest.mark.parametrize("name", ALL)
def test_each_is_open_and_has_a_check_and_a_solution(name):
    """The committed outputs are those of the recipe as it is opened: nbval compares them."""
    (exercise,) = ALL[name]
    assert exercise.printed == OPEN
    assert formatted(exercise.solution) == exercise.solution
    assert len(exercise.solution.splitlines()) <= 20
    assert RECIPES[name].sidecar.mistake, (
        "a recipe's TOML file has a wrong answer to its exercise, and what the check says"
    )


@pytest.mark.timeout(900)  # the first of them waits for all
@pytest.mark.parametrize("name", RUNS)
def test_the_check_says_what_is_wrong_and_takes_the_solution(tried, name):
    assert tried[name].passed, f"{tried[name].error}\n{tried[name].source}"
    cells = [cell for cell in load(tried[name].job.output).code if cell.id.startswith("wrong-") or "check" in cell.tags]
    *wrong, solved = ("".join("".join(each.get("text", "")) for each in cell.outputs) for cell in cells)
    for printed, mistake in zip(wrong, RECIPES[name].sidecar.mistake, strict=True):
        assert mistake.says in printed and "Solved" not in printed
    assert solved == "Solved.\n"
