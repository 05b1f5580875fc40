"""Executing a notebook to its end whatever fails on the way, to tell which of its sections an engine can serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from mistral_on_azure.running.worker import one_line

_CELL_TIMEOUT = 120  # seconds; a cell over it is interrupted and counts as failed
_BEGINNING = "Set up"


def errors_by_section(notebook: Path, parameters: dict[str, Any]) -> dict[str, str]:
    """The first error in each section of a notebook, empty for a section in which every cell passed."""
    content = load_notebook_node(str(notebook))
    content = parameterize_notebook(content, parameters, kernel_name="python3", language="python")
    settings = {"timeout": _CELL_TIMEOUT, "interrupt_on_timeout": True, "shutdown_kernel": "immediate"}
    where = {"metadata": {"path": str(notebook.parent)}}
    NotebookClient(content, kernel_name="python3", allow_errors=True, resources=where, **settings).execute()
    section, errors = _BEGINNING, {}
    for cell in content.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            section = cell.source.splitlines()[0].removeprefix("## ")
        errors.setdefault(section, "")
        if cell.cell_type == "code":
            errors[section] = errors[section] or _error(cell)
    return errors


def _error(cell: Any) -> str:
    for output in cell.outputs:
        if output.output_type == "error":
            return one_line(output.ename, output.evalue, output.traceback)
    return ""
