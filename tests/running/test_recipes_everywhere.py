"""The recipes on the kinds of deployment that are not the usual one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mistral_on_azure.catalog.notebooks import Kind, notebooks

ROOT = Path(__file__).resolve().parent.parent.parent
ALONE = ("recipes/quota",)  # it measures how much of a minute is used, and fails beside others
NAMES = [name for name in notebooks(ROOT / "notebooks", Kind.RECIPE) if name not in ALONE]


@pytest.mark.all
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["managed", "foundry"])
def test_every_recipe_passes(kind: str, tmp_path: Path):
    command = [Path(sys.executable).with_name("cookbook"), "run", *NAMES, "--kind", kind, "--reports", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3500)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    left = {job["notebook"]: job["status"] for job in results["jobs"] if job["status"] != "passed"}
    assert not left, f"With all groups installed (make test-all) nothing is skipped: {left}"
