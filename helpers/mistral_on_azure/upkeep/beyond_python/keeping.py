"""`make beyond-python`: make the notebooks' code cells, execute them with the runner, keep the outputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import ROOT
from mistral_on_azure.catalog.notebooks import Kind, notebooks
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.running.command import execute
from mistral_on_azure.running.run_options import Options
from mistral_on_azure.upkeep.beyond_python.cells import cells
from mistral_on_azure.upkeep.beyond_python.programs import FOLDER


def fill(notebook: Path) -> None:
    """Write the cells that are made from programs into a notebook."""
    document, made = nbformat.read(notebook, 4), cells(notebook.stem)
    for cell in document.cells:
        cell.source = made.get(cell.id, cell.source)
    nbformat.write(document, notebook)


def main() -> None:
    if not shutil.which("npm"):
        sys.exit("The notebooks in other languages need Node.js with npm, which is not installed here.")
    for name in (ENDPOINT, CREDENTIAL):
        os.environ.pop(name, None)
    subprocess.run(["npm", "ci", "--prefix", FOLDER, "--no-audit", "--no-fund", "--ignore-scripts"], check=True)
    chosen = notebooks(ROOT / "notebooks", Kind.OTHER_LANGUAGE)
    for notebook in chosen.values():
        fill(notebook.path)
    selection = Selection(names=list(chosen))
    sys.exit(execute(Options(ROOT, ROOT / "notebooks", ROOT / "build" / "beyond-python-run", selection, save=True)))


if __name__ == "__main__":
    main()
