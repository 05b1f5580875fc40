"""Measurements that the repository keeps, and their pages: `make bench`, `make engines`, `make foreign`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
Results = dict[str, dict[str, Any]]


def load(folder: Path, name: str) -> Results:
    """What is kept as NAME.json, empty where nothing is."""
    file = folder / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def save(results: Results, page: str, folder: Path, name: str) -> None:
    """Keep results as NAME.json, and the page made from them as NAME.md."""
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    (folder / f"{name}.md").write_text(page, encoding="utf-8")
