"""A file as lines of text, each with the place to look for it: a line number, or a notebook's cell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BINARY = b"\0"
_PICTURES = ("image/png", "image/jpeg", "image/gif", "application/pdf")  # base64, in a notebook's outputs

Line = tuple[str, str]  # place and text


def lines(path: Path) -> Iterator[Line]:
    """The lines of a file; none of one that is binary.

    Raises:
        OSError: when it cannot be read.
    """
    content = path.read_bytes()
    if _BINARY in content[:8192]:
        return
    text = content.decode("utf-8", "replace")
    if path.suffix == ".ipynb":
        try:
            yield from list(_notebook(json.loads(text)))
            return
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # no notebook after all, so it is read as text
    yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines(), 1))


def _notebook(notebook: dict[str, Any]) -> Iterator[Line]:
    for number, cell in enumerate(notebook["cells"], 1):
        yield from _placed(f"cell {number}", cell["source"])
        yield from _placed(f"cell {number}, output", cell.get("outputs", []))
        rest = {name: value for name, value in cell.items() if name not in ("source", "outputs")}
        yield from _placed(f"cell {number}, metadata", rest)
    yield from _placed("metadata", {name: value for name, value in notebook.items() if name != "cells"})


def _placed(place: str, value: Any) -> Iterator[Line]:
    return ((place, line) for text in _texts(value) for line in text.splitlines())


def _texts(value: Any, name: str = "") -> Iterator[str]:
    """All texts in a value. One that has a name is told with it, as in `key: text`, for a name says what it is."""
    if isinstance(value, dict):
        for inner, each in value.items():
            if inner not in _PICTURES:
                yield from _texts(each, inner)
    elif isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            yield "".join(value)  # a text in lines, as notebooks keep it
        else:
            for each in value:
                yield from _texts(each)
    elif isinstance(value, str):
        yield f"{name}: {value}" if name else value
