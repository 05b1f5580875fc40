"""The clients by name, and the sections that all their notebooks share, read from the notebooks themselves."""

from __future__ import annotations

from pathlib import Path

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import load

CLIENTS = {client.key: client.name for client in clients().values()}


def headings(notebook: Path) -> list[str]:
    """The `##` headings of a notebook, in order."""
    return list(load(notebook).sections)


def tasks(folder: Path) -> list[str]:
    """The sections of the client notebooks that are tasks: all between setting up and the exercises."""
    first = headings(folder / next(iter(clients().values())).notebook)
    return first[first.index("Set up") + 1 : first.index("Exercises")]


def anchor(heading: str) -> str:
    """The fragment by which Jupyter and GitHub link to a heading."""
    return heading.replace(" ", "-")
