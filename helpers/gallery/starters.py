"""All starters, tasks by clients, made from the notebooks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.sections import CLIENTS, tasks
from helpers.snippets.starter import starter

Starters = dict[str, dict[str, str]]  # programs, by client, then by task


def starters(folder: Path) -> Starters:
    """The programs.

    Args:
        folder: where the notebooks are.
    """
    known = tasks(folder)
    with ThreadPoolExecutor() as pool:  # each waits for a formatter
        made = {client: {task: pool.submit(starter, folder, task, client) for task in known} for client in CLIENTS}
    return {client: {task: program.result() for task, program in of.items()} for client, of in made.items()}
