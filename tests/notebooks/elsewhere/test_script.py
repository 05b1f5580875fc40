"""`jupyter nbconvert --to script` makes a Python program of every notebook."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mistral_on_azure.catalog.notebooks import notebooks

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    found = [each.path for each in notebooks(Path(__file__).resolve().parents[3] / "notebooks").values()]
    command = [BIN / "jupyter", "nbconvert", "--to", "script", "--output-dir", folder, *found]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return folder


def test_it_compiles(scripts, path):
    source = (scripts / f"{path.stem}.py").read_text(encoding="utf-8")
    compile(source, path.stem, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize(
    ("name", "suffix"),
    # IPython takes `await` outside a function in .ipy files only.
    [pytest.param("start-here", ".py", marks=pytest.mark.all), ("openai-sdk", ".ipy")],
)
def test_it_runs_under_ipython(scripts, local, tmp_path, name, suffix):
    script = (tmp_path / name).with_suffix(suffix)
    script.write_bytes((scripts / f"{name}.py").read_bytes())
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path), "NO_COLOR": "1"}
    command = [BIN / "ipython", "--no-banner", "--colors=nocolor", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "Local endpoint, serving" in done.stdout and "Traceback" not in done.stdout
