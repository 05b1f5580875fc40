"""Whole runs: the walkthroughs on a real language model, and the recipes on the other kinds of deployment."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mistral_on_azure.catalog.notebooks import Kind, notebooks

ROOT = Path(__file__).resolve().parent.parent.parent
WALKTHROUGHS = list(notebooks(ROOT / "notebooks", Kind.GUIDE, Kind.CLIENT))
ALONE = ("recipes/quota",)  # it measures how much of a minute is used, and fails beside others
RECIPES = [name for name in notebooks(ROOT / "notebooks", Kind.RECIPE) if name not in ALONE]
pytestmark = [pytest.mark.all, pytest.mark.timeout(1800)]


def check(names: list[str], option: tuple[str, str], reports: Path) -> None:
    """Run notebooks with an option: each has to pass, and with all groups installed none is skipped."""
    command = [Path(sys.executable).with_name("cookbook"), "run", *names, *option, "--reports", reports]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((reports / "results.json").read_text(encoding="utf-8"))
    assert [job["status"] for job in results["jobs"]] == ["passed"] * len(names)


@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the embedded engine is not installed (make engine)")
def test_every_walkthrough_passes_on_the_embedded_model(tmp_path):
    check(WALKTHROUGHS, ("--engine", "embedded"), tmp_path / "run")


@pytest.mark.parametrize("kind", ["managed", "foundry"])
def test_every_recipe_passes(kind, tmp_path):
    check(RECIPES, ("--kind", kind), tmp_path / "run")
