"""A shell script: the cells of a section that are bash."""

from __future__ import annotations

from pathlib import Path

from helpers.errors import CookbookError
from helpers.sections import CLIENTS, tasks
from helpers.snippets.cells import read
from helpers.snippets.choosing import slug
from helpers.snippets.header import header

_NEEDS = "Needs bash and curl."


def shell_tasks(folder: Path, client: str) -> list[str]:
    """The tasks that a client's notebook shows in the shell."""
    notebook = read(folder / f"{client}.ipynb")
    return [task for task in tasks(folder) if notebook.shell(task)]


def shell_script(folder: Path, task: str, client: str) -> str:
    """The script for a task.

    Args:
        folder: where the notebooks are.
        task: the heading of the section.
        client: the notebook's name.

    Raises:
        CookbookError: when the notebook has no shell cells for it.
    """
    notebook = read(folder / f"{client}.ipynb")
    cells = notebook.shell(task)
    if not cells:
        there = "; ".join(
            f"{name}: {', '.join(map(slug, found))}" for name in CLIENTS if (found := shell_tasks(folder, name))
        )
        raise CookbookError(f"There is no shell script for {slug(task)} with {client}. There are, for {there}.")
    code = "\n\n".join(cell.source.strip("\n") for cell in cells)
    return f"#!/usr/bin/env bash\n{header(notebook.title, task, [_NEEDS], code)}\nset -euo pipefail\n\n{code}\n"
