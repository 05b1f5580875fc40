"""The recipes' exercises: open when a recipe is opened, plain about a wrong answer, solved by the folded solution."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path

import pytest

from exercises import OPEN, Exercise, exercises
from mistral_on_azure.catalog.notebooks import Kind, load, notebooks
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.running import targets
from mistral_on_azure.running.history import History
from mistral_on_azure.running.jobs import plan
from mistral_on_azure.running.pool import Limits, run
from mistral_on_azure.running.results import Result
from mistral_on_azure.snippets.starter import formatted
from selected import asked

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
ALL = {name: found for name, each in notebooks(NOTEBOOKS, Kind.RECIPE).items() if (found := exercises(each))}
# For each recipe a wrong answer to its exercise, and what the check says of it.
WRONG = {
    "a-million-prompts": ("tokens_twice = 256 * 1_200", "there were three"),
    "app-regressions": ("refused = list(cases)", "Ada is not newly refused: 4 guests."),
    "before-you-deploy": ('smallest = "Standard_NC24ads_A100_v4"', "does not hold them"),
    "call-tools-in-a-loop": ("worth_it = lambda name, arguments: True", "it should say False"),
    "chat-with-memory": ('safe = lambda document: ("^", datamarked(document))', "take another"),
    "errors": (
        "def ask_stream(request, limit):\n"
        "    read(openai_client.chat.completions.create(**request, stream=True), limit)",
        "see FAILURES",
    ),
    "json-you-can-trust": ("class Priced(Booking):\n    pass", "'euros': 20.0} it is valid"),
    "long-documents": ("fewest = lambda goal: 20", "not the smallest"),
    "moving-off-azure-ai-inference": (
        'extra = {"safe_prompt": True}\n'
        'messages = [{"role": "user", "content": prompt}]\n'
        "twin = lambda new: new.chat.completions.create(model=model, messages=messages, extra_body=extra)",
        "['header', 'stop']",
    ),
    "quota": ("smaller = 0.5", "more than needed"),
    "see-what-happens": ("asked_for = []", "Nothing found"),
    "test-your-own-app": ('noticing = "def test_nothing():\\n    pass\\n"', "with your colleague's app, too"),
    "tokens-context-and-cost": ("room = lambda messages: context - count(messages, version)", "no negative room"),
    "which-client": ("mine = fits(retries=True)", "Ask for both"),
    "which-langchain-class": (
        "renamed = lambda messages: [each.model_copy() for each in messages]",
        "Still refused 400",
    ),
    "which-model": ("blind = set()", "are missing"),
}
# The same for further mistakes that a check knows.
MORE_WRONG = {
    "errors": [
        (
            "FAILURES = (*FAILURES, Broken)\n"
            "def ask_stream(request, limit):\n"
            "    return read(openai_client.chat.completions.create(**request, stream=True, timeout=limit), limit)",
            "see `stream_options`",
        ),
        (
            "def ask_stream(request, limit):\n"
            "    count = {'stream_options': {'include_usage': True}}\n"
            "    return read(openai_client.chat.completions.create(**request, **count, stream=True), limit)",
            "see `timeout`",
        ),
    ],
}
# nbval executes every recipe as it is opened; with its solution, most wait for `make test-all`.
RUNS = [pytest.param(name, marks=() if name == "recipes/before-you-deploy" else pytest.mark.all) for name in ALL]


def _wrong(name: str) -> list[tuple[str, str]]:
    """The wrong answers to a recipe's exercise, each with what the check says of it."""
    return [WRONG[name], *MORE_WRONG.get(name, [])]


def _tried(cells: list[dict], exercise: Exercise, wrong: list[tuple[str, str]]) -> list[dict]:
    """A recipe's cells with wrong answers, the check of each, and the solution in the reader's cell."""
    tried = []
    for cell in cells:
        if "exercise" in cell["metadata"].get("tags", []):
            check = textwrap.indent(exercise.check, "    ")
            caught = f"try:\n{check}\nexcept AssertionError as error:\n    print(error)"
            for place, (answer, _) in enumerate(wrong):
                tried.append({**cell, "id": f"wrong-{place}", "source": f"{exercise.place}\n{answer}\n{caught}"})
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
        notebook["cells"] = _tried(notebook["cells"], exercise, _wrong(path.stem))
        path.write_text(json.dumps(notebook), encoding="utf-8")
    results = [Result(job) for job in plan(folder, Selection(names), [], {}, folder / "run")]
    with targets.local(len(results)) as target:
        run(results, Limits(), target, History(folder / "history.json"), lambda _: None)
    return {result.job.name: result for result in results}


def test_each_recipe_with_an_exercise_has_a_wrong_answer_here():
    assert {f"recipes/{name}" for name in WRONG} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_is_open_and_has_a_check_and_a_solution(name):
    """The committed outputs are those of the recipe as it is opened: nbval compares them."""
    (exercise,) = ALL[name]
    assert exercise.printed == OPEN
    assert formatted(exercise.solution) == exercise.solution
    assert len(exercise.solution.splitlines()) <= 20


@pytest.mark.timeout(900)  # the first of them waits for all
@pytest.mark.parametrize("name", RUNS)
def test_the_check_says_what_is_wrong_and_takes_the_solution(tried, name):
    assert tried[name].passed, f"{tried[name].error}\n{tried[name].source}"
    cells = [cell for cell in load(tried[name].job.output).code if cell.id.startswith("wrong-") or "check" in cell.tags]
    *wrong, solved = ("".join("".join(each.get("text", "")) for each in cell.outputs) for cell in cells)
    for printed, (_, words) in zip(wrong, _wrong(name.removeprefix("recipes/")), strict=True):
        assert words in printed and "Solved" not in printed
    assert solved == "Solved.\n"
