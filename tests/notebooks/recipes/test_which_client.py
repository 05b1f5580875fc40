"""The recipe on clients shows the medians of `make bench-clients`, and counts calls of many at once."""

from __future__ import annotations

import copy
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.notebook.kept_measurements import kept
from mistral_on_azure.snippets.starter import starter

FOLDER = Path(__file__).resolve().parents[3] / "notebooks"
RECIPE = load(FOLDER / "recipes" / "which-client.ipynb")
CELLS = [f"look-at-a-larger-measurement-{number}" for number in ("1", "2b", "3", "5", "7")]
JOBS = [f"choose-for-your-job-{number}" for number in (1, 2)]
AT_ONCE = {  # as `make bench-clients` writes them
    "first": {"title": "Its first text", "unit": "ms", "digits": 2},
    "many": {"title": "192 completions", "unit": "ms", "digits": 2},
    "many_cpu": {"title": "Processor time of that", "unit": "ms", "digits": 2},
    "body": {"title": "Body of its request", "unit": "bytes", "digits": 0},
}


def _costs(measured: bool) -> dict[str, Any]:
    """What is kept, with the measures of many at once or without them."""
    costs = copy.deepcopy(kept("clients"))
    for measure, about in AT_ONCE.items():
        costs["measures"].pop(measure, None)
        for values in costs["values"].values():
            values.pop(measure, None)
        if measured:
            costs["measures"][measure] = about
            for place, client in enumerate(name for name in names() if name in costs["values"]):
                costs["values"][client][measure] = [4.0, 2.5 + place, 8.0 + place]
    return costs


@pytest.fixture(params=[False, True], ids=["in turn", "at once"])
def told(request, capsys) -> dict[str, Any]:
    """The pictures that the cells draw, what they print, and their names."""
    costs, pictures = _costs(request.param), []
    taught = {
        "kept": lambda name: costs if name == "clients" else kept(name),
        "plot_bars": lambda values, label, digits: pictures.append((values, label)),
        "faults": kept("faults")["measured"],
        "model_seconds": 1.0,
    }
    sources = {cell.id: cell.source for cell in RECIPE.code}
    for cell in (*CELLS, *JOBS):
        exec(sources[cell], taught)
    return {**taught, "measured": request.param, "pictures": pictures, "printed": capsys.readouterr().out}


def test_the_table_has_the_medians_of_what_is_kept(told):
    found = re.findall(r"^(\S.{19})((?: +[\d.]+){4})$", told["printed"], re.MULTILINE)
    rows = {name.strip(): [float(cell) for cell in cells.split()] for name, cells in found}
    for client, name in told["NAMES"].items():
        values = {measure: statistics.median(each) for measure, each in told["costs"]["values"][client].items()}
        work = values["many_cpu"] if told["measured"] and "many_cpu" in values else values["call_cpu"]
        expected = [values["start"], 1000 / work, values["memory"], values.get("packages", 0)]
        assert rows[name] == pytest.approx(expected, abs=0.51), name
        assert rows[name][0] == pytest.approx(values["start"], abs=0.0051)
    assert ("its first text" in told["printed"]) is told["measured"]


def test_a_core_carries_what_was_measured_at_once(told):
    carried, (drawn, label) = told["carried"], told["pictures"][-1]
    work = told["medians"]("call_cpu")
    assert carried["Python alone"] == 1000 / work["Python alone"]
    assert drawn["httpx"] == carried["requests"] and {"requests", "Python alone"}.isdisjoint(drawn)
    assert label.endswith("32 at once")
    assert carried["litellm"] == pytest.approx(1000 / (7.5 if told["measured"] else work["litellm"]))
    assert ("litellm" in told["fits"](calls=1000 / 7.4)) is (not told["measured"] and work["litellm"] <= 7.4)


def test_the_program_that_measures_an_import_says_what_is_not_installed(tmp_path):
    (tmp_path / "it.py").write_text(starter(FOLDER, "Measure in a fresh process", "recipes/which-client"), "utf-8")
    (tmp_path / "openai.py").write_text("raise ModuleNotFoundError('No module named openai')", "utf-8")
    paths = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "it.py"], cwd=tmp_path, env=paths, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("ModuleNotFoundError: No module named openai") == 2
