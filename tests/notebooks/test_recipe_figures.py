"""What recipes say beyond a script: the answers they keep are whole, and they run on the deployment they name."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.running.jobs import plan

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
RECIPES = FOLDER / "recipes"


def _taught(last: str) -> dict[str, Any]:
    """What the cells about rows define, up to one of them that calls no model."""
    cells = {each.id: each.source for each in load(RECIPES / "json-you-can-trust.ipynb", FOLDER).code}
    names: dict[str, Any] = {}
    for cell in ("say-what-a-row-is-1", "tell-three-failures-apart-1"):
        exec(cells[cell], names)
    exec(cells["ask-in-words-or-by-examples-2"].partition("responses = {}")[0], names)
    exec(cells[last].partition("\nprint(")[0], names)  # what it prints calls a model
    return names


def test_the_kept_answers_are_of_a_real_model_to_every_booking_with_the_settings():
    kept = json.loads((RECIPES / "bookings-measured.json").read_text(encoding="utf-8"))
    assert kept["model"] == "SmolLM2-135M-Instruct" and kept["rows"] == 40
    assert kept["max_tokens"] >= 100 and kept["temperature"] == 0 and kept["more_tries"] >= 1
    for way, answers in kept["answers"].items():
        assert len(answers) == kept["rows"], way
        for text, reason, tokens in answers:
            assert isinstance(text, str) and tokens > 0
            assert reason in ("stop", "length", "tool_calls")


def test_no_answer_in_words_would_have_been_a_row_with_a_higher_limit():
    kept = json.loads((RECIPES / "bookings-measured.json").read_text(encoding="utf-8"))
    assert all(re.search(r'"customer":\s*\{', text) for text, *_ in kept["answers"]["in words"])


def test_no_kept_answer_that_was_cut_has_been_sent_back():
    kept = json.loads((RECIPES / "bookings-measured.json").read_text(encoding="utf-8"))["answers"]
    cut = [
        (way, place)
        for way in ("in words", "by examples")
        for place, each in enumerate(kept[way])
        if each[1] == "length"
    ]
    assert len(cut) == 40
    for way, place in cut:
        assert kept[f"{way}, sent back"][place] == kept[way][place]


@pytest.mark.parametrize(("reason", "requests"), [("length", 1), ("stop", 3)])
def test_what_is_no_row_goes_back_unless_it_was_cut(reason, requests):
    names, asked = _taught("mend-it-or-send-it-back-3"), []
    names |= {"more_tries": 2, "ask": lambda turns: asked.append(turns) or names["Answer"]('{"customer":', reason, 7)}
    assert names["sent_back"]([]).tokens == 7 * len(asked) == 7 * requests


@pytest.mark.parametrize(
    ("message", "lessons", "kind"),
    [
        ("Five lessons of Finnish for Oskar, 200 euros", 5, "valid"),
        ("Oskar: five lessons of Finnish, 200 euros", 5, "valid"),
        ("Oskar: fifty lessons of Finnish, 200 euros", 5, "schema"),
        ("Oskar: two dozen lessons of Finnish, 200 euros", 24, "schema"),
    ],
)
def test_small_numbers_may_be_written_as_words(message, lessons, kind):
    names = _taught("look-each-value-up-1")
    row = {"customer": "Oskar", "language": "Finnish", "lessons": lessons, "euros": 200}
    assert names["check"](json.dumps(row), names["Checked"], message)[1] == kind


def test_a_rule_for_prices_refuses_three_of_the_four_false_rows_that_stand_in_their_messages():
    kept = json.loads((RECIPES / "bookings-measured.json").read_text(encoding="utf-8"))
    texts = [text for text, *_ in kept["answers"]["by examples, checked"]]
    rows = [json.loads(text) for text in texts if re.search('"customer":"(Marieke|Minji|Lucas|Sara)"', text)]
    assert {row["customer"]: 25 <= row["euros"] / row["lessons"] <= 60 for row in rows} == {
        "Marieke": True,
        "Minji": False,
        "Lucas": False,
        "Sara": False,
    }


def test_the_notebook_draws_the_kept_answers_alone_and_says_what_the_script_made_up():
    recipe = load(RECIPES / "json-you-can-trust.ipynb", FOLDER)
    outputs = [output for cell in recipe.code for output in cell.outputs]
    (measured,) = ("".join(each["data"]["text/plain"]) for each in outputs if "text/html" in each.get("data", {}))
    kept = json.loads((RECIPES / "bookings-measured.json").read_text(encoding="utf-8"))
    assert kept["model"] in measured and kept["date"] in measured
    assert measured.count(" to ") == len(kept["answers"])  # an interval each
    scripted = ["".join(each["text"]) for each in outputs if "made up by the script" in "".join(each.get("text", ""))]
    assert len(scripted) == 1 and scripted[0].count("tokens") == len(kept["answers"])


def test_the_table_of_clients_spells_json_mode_as_their_notebooks_do_and_names_what_they_raise():
    (table,) = (
        cell for cell in load(RECIPES / "json-you-can-trust.ipynb", FOLDER).cells if "| Client |" in cell.source
    )
    rows = re.findall(r"\| \[[\w -]+\]\(\.\./([\w-]+)\.ipynb.*?\) \| `(.+?)` \| .+? \| `(\w+)` \|", table.source)
    assert len(rows) == table.source.count("\n| [") and {name for name, *_ in rows} <= {*clients()}
    for name, spelled, error in rows:
        (cell,) = (each for each in load(FOLDER / f"{name}.ipynb", FOLDER).code if each.id == "ask-for-json-1")
        assert spelled.removeprefix("with_structured_output(").rstrip(")") in cell.source, name
        assert error in cell.source or error in json.dumps(cell.outputs), name


def test_every_booking_stands_once_with_its_truth():
    with (RECIPES / "bookings.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["message"] for row in rows}) == len(rows) == 40
    for row in rows:
        assert (
            row["language"] in row["message"] and row["customer"] in row["message"] and row["euros"] in row["message"]
        )


def test_a_recipe_runs_on_the_deployment_that_it_names(tmp_path):
    jobs = plan(FOLDER, Selection(names=["openai-sdk", "recipes/call-tools-in-a-loop"]), [], {}, tmp_path)
    with_tools = "mistralai-Mixtral-8x22B-Instruct-v0-1"
    assert {job.name: job.deployment for job in jobs} == {
        "openai-sdk": default_name(),
        "recipes/call-tools-in-a-loop": with_tools,
    }
    (chosen,) = plan(FOLDER, Selection(names=["recipes/call-tools-in-a-loop"]), [default_name()], {}, tmp_path)
    assert chosen.deployment == chosen.parameters["model"] == default_name()


def _dates(*cells: str) -> dict[str, Any]:
    """What these cells of the recipe on evaluation define."""
    found = {each.id: each.source for each in load(RECIPES / "which-model.ipynb", FOLDER).code}
    names: dict[str, Any] = {}
    for cell in cells:
        exec(found[cell], names)
    return names


def test_the_rule_that_needs_no_model_has_as_many_lines_as_the_recipe_says():
    recipe = load(RECIPES / "which-model.ipynb", FOLDER)
    (source,) = (cell.source for cell in recipe.code if cell.id == "by-rule")
    (rule,) = re.findall(r"^def by_rule.+?^    return [^\n]+", source, re.MULTILINE | re.DOTALL)
    assert len(rule.splitlines()) == 11 and "a rule of eleven lines" in " ".join(recipe.markdown[0].source.split())


def test_whoever_copies_the_evaluation_by_hand_installs_the_client_that_inspect_is_told_to_use():
    recipe = load(RECIPES / "which-model.ipynb", FOLDER)
    (installed,) = re.findall(r"`pip install ([^`]+)`", recipe.markdown[0].source)
    assert any('get_model(f"azureai/' in cell.source for cell in recipe.code)
    assert "azure-ai-inference" in installed.split()


def test_an_interval_draws_whole_groups_and_the_wider_one_doubts_a_perfect_score():
    names = _dates("score-what-a-real-model-said-3")
    np, interval, wilson, wider = (names[name] for name in ("np", "interval", "wilson", "wider"))
    hits, groups = np.repeat([1, 1, 1, 0], 6), np.arange(24).reshape(4, 6)
    assert list(interval(hits, groups)) == [0.25, 1] == list(wider(hits, groups))
    alone = interval(hits, np.arange(24).reshape(24, 1))  # questions that are not related
    assert abs(alone - wilson(hits)).max() < 0.05
    assert list(interval(np.ones(24), groups)) == [1, 1] and wider(np.ones(24), groups)[0] < 0.9
