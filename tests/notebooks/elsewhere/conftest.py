"""The committed notebooks, as other programs read them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from mistral_on_azure.catalog.notebooks import notebooks

_ALL = notebooks(Path(__file__).resolve().parents[3] / "notebooks")


@pytest.fixture(params=_ALL.values(), ids=_ALL)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param.path


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    """As it is in the file: not brought up to date by the way."""
    return nbformat.read(path, nbformat.NO_CONVERT)


@pytest.fixture
def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
