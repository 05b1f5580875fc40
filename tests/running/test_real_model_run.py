"""The walkthroughs on a real language model, where `make engine` has installed one. It takes some minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mistral_on_azure.catalog.notebooks import Kind, notebooks

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.all
@pytest.mark.timeout(1800)
@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the embedded engine is not installed (make engine)")
def test_every_walkthrough_passes_on_the_embedded_model(tmp_path):
    names = list(notebooks(ROOT / "notebooks", Kind.GUIDE, Kind.CLIENT))
    options = ["--engine", "embedded", "--reports", tmp_path / "run"]
    command = [Path(sys.executable).with_name("cookbook"), "run", *names, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert [job["status"] for job in results["jobs"]] == ["passed"] * len(names)
