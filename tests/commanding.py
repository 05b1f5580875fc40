"""Small notebooks, and the command that runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

COOKBOOK = Path(sys.executable).with_name("cookbook")
PARAMETERS = 'model: str = "x"  # the deployment\nprompt: str = "Hello"  # what to say\ncount: int = 1  # how often\n'

needs_a_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full: it is of Linux")


class Cookbook:
    """`cookbook run` on the notebooks of a folder."""

    def __init__(self, folder: Path) -> None:
        self.reports, self.notebooks = folder / "reports", folder / "notebooks"

    def write(self, name: str, *sources: str, tags: tuple[str, ...] = ()) -> Path:
        """Write a notebook of code cells, a `parameters` cell first."""
        first = nbformat.v4.new_code_cell(PARAMETERS, id="p", metadata={"tags": ["parameters"]})
        cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(sources)]
        path = self.notebooks / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"tags": list(tags)} if tags else {}
        nbformat.write(nbformat.v4.new_notebook(cells=[first, *cells], metadata=metadata), path)
        return path

    def command(self, *arguments: str) -> list[str]:
        folders = ["--notebooks", str(self.notebooks), "--reports", str(self.reports)]
        return [str(COOKBOOK), "run", *folders, *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=280, env={**os.environ, **environment}
        )

    @property
    def results(self) -> dict:
        return json.loads((self.reports / "results.json").read_text(encoding="utf-8"))

    @property
    def jobs(self) -> dict[str, dict]:
        return {job["notebook"]: job for job in self.results["jobs"]}

    @property
    def status(self) -> dict[str, str]:
        return {name: job["status"] for name, job in self.jobs.items()}
