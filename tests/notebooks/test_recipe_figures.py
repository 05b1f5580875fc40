"""What recipes say beyond a script: the figures they keep are whole, and they run on the deployment they name."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.running.jobs import plan

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
RECIPES = FOLDER / "recipes"
OUTCOMES = ("right", "false", "schema", "syntax")


def test_the_kept_figures_are_of_a_real_model_and_count_every_booking():
    kept = json.loads((RECIPES / "bookings-measured.json").read_text(encoding="utf-8"))
    assert kept["model"] == "SmolLM2-135M-Instruct" and kept["rows"] >= 20
    for name, counts in kept["figures"].items():
        assert sum(counts[each] for each in OUTCOMES) == kept["rows"], name
        assert counts["tokens"] > 0


def test_the_notebook_shows_the_kept_figures_with_intervals_and_the_scripts_without():
    recipe = load(RECIPES / "json-you-can-trust.ipynb", FOLDER)
    texts = ["".join(output.get("data", {}).get("text/plain", "")) for cell in recipe.code for output in cell.outputs]
    scripted, measured = (text for text in texts if text.startswith("What became of"))
    kept = json.loads((RECIPES / "bookings-measured.json").read_text(encoding="utf-8"))
    assert "made up by the script" in scripted and " to " not in scripted
    assert kept["date"] in measured and measured.count(" to ") == len(kept["figures"])


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
