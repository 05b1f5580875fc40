"""All starters, tasks by clients, made from the notebooks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.sections import CLIENTS, tasks
from helpers.snippets.formatting import formatted
from helpers.snippets.starter import composed

Starters = dict[str, dict[str, str]]  # programs, by client, then by task


def starters(folder: Path) -> Starters:
    """The programs.

    Args:
        folder: where the notebooks are.
    """
    known = tasks(folder)
    # Composed in one thread: several that parse programs can trip Python 3.11 ("recursion depth mismatch").
    made = {client: {task: composed(folder, task, client) for task in known} for client in CLIENTS}
    with ThreadPoolExecutor() as pool:  # each waits for a formatter
        return {client: dict(zip(of, pool.map(formatted, of.values()), strict=True)) for client, of in made.items()}
