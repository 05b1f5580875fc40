"""Measurements that the repository keeps, and their pages: `make bench`, `make engines`, `make foreign`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.files import read_json, write_json, write_whole

FOLDER = Path(__file__).parent
Results = dict[str, Any]


def keep(name: str, page: Callable[[Results], str], folder: Path, results: Results | None = None) -> None:
    """Write results to NAME.json, and the page that is made from them to NAME.md.

    Args:
        results: None keeps those that are there, and makes their page again.
    """
    if results is not None:
        write_json(folder / f"{name}.json", results)
    write_whole(folder / f"{name}.md", page(read_json(folder / f"{name}.json")))
