"""`make beyond-python`: make the notebooks' code cells, execute them, keep the outputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import scratch
from mistral_on_azure.running import papermilling
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.saving import save
from mistral_on_azure.upkeep.beyond_python.cells import cells
from mistral_on_azure.upkeep.beyond_python.programs import FOLDER

NOTEBOOKS = ("curl", "javascript")
_TIMEOUT = 200  # of a cell, in seconds; one installs packages
_WRITTEN = ("node_modules", "*-client.mjs", "tools.*", "connection.sh", "token.sh")  # by npm and by the notebooks


def fill(notebook: Path) -> None:
    """Write the cells that are made from programs into a notebook."""
    document, made = nbformat.read(notebook, 4), cells(notebook.stem)
    for cell in document.cells:
        cell.source = made.get(cell.id, cell.source)
    nbformat.write(document, notebook)


def execute(notebook: Path, into: Path, packages: Path | None = None) -> Path:
    """Execute a notebook on the local endpoint, in a copy of its folder.

    Args:
        into: an empty folder.
        packages: a folder `node_modules`; None lets the notebook install the packages.

    Returns:
        The executed notebook.
    """
    shutil.copytree(notebook.parent, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_WRITTEN))
    if packages:
        (into / "node_modules").symlink_to(packages)
    job = Job(into / notebook.name, deployment="", output=into / f"{notebook.stem}-executed.ipynb")
    with scratch() as sockets:
        papermilling.execute(job, _TIMEOUT, sockets, lambda *_: None)
    return job.output


def main() -> None:
    if not shutil.which("npm"):
        sys.exit("The notebooks in other languages need Node.js with npm, which is not installed here.")
    for name in (ENDPOINT, CREDENTIAL):
        os.environ.pop(name, None)
    subprocess.run(["npm", "ci", "--prefix", FOLDER, "--no-audit", "--no-fund", "--ignore-scripts"], check=True)
    for name in NOTEBOOKS:
        notebook = FOLDER / f"{name}.ipynb"
        fill(notebook)
        with tempfile.TemporaryDirectory() as folder:
            save(execute(notebook, Path(folder), FOLDER / "node_modules"), notebook)
        print(f"Kept the outputs of {notebook.name}")


if __name__ == "__main__":
    main()
