"""Measurements that the repository keeps, and their pages: `make bench`, `make engines`, `make foreign`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
Results = dict[str, dict[str, Any]]


def load(folder: Path, name: str) -> Results:
    """The results in NAME.json; empty where there is no such file."""
    file = folder / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def save(results: Results, page: str, folder: Path, name: str) -> None:
    """Write results to NAME.json, and the page that is made from them to NAME.md."""
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    (folder / f"{name}.md").write_text(page, encoding="utf-8")
