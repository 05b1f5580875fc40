"""All starters, tasks by clients, made from the notebooks."""

from __future__ import annotations

from pathlib import Path

from helpers.sections import CLIENTS, tasks
from helpers.snippets.starter import starter

Starters = dict[str, dict[str, str]]  # programs, by client, then by task


def starters(folder: Path) -> Starters:
    """The programs.

    Args:
        folder: where the notebooks are.
    """
    return {client: {task: starter(folder, task, client) for task in tasks(folder)} for client in CLIENTS}
