"""Where a value stands in a TOML file, which the standard library's reader does not tell."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

Keys = tuple[str | int, ...]


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, counted from 1, of the statement that a value stands in.

    Args:
        text: a valid file.
        path: the keys and places that lead to the value; of one that is not there, what leads the furthest counts.
    """
    best, line = 0, 1
    for at, statement in statements(text):
        shared = next((n for n, pair in enumerate(zip(statement, path, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(statement), len(path)) if shared is None else shared
        if shared > best:
            best, line = shared, at
    return line


def statements(text: str) -> Iterator[tuple[int, Keys]]:
    """The statements of a valid file: the line where each begins, and the path of what it sets.

    A statement ends with a line, and is a valid file by itself; the first lines of one are none.
    """
    table: Keys = ()
    counts: Counter[tuple[str | int, ...]] = Counter()
    begun, start = "", 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not begun and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun, start = begun + line, start or number
        try:
            read = tomllib.loads(begun)
        except tomllib.TOMLDecodeError:
            continue
        if begun.lstrip().startswith("["):
            table = _header(read, counts)
            yield start, table
        else:
            yield start, (*table, *_keys(read))
        begun, start = "", 0


def _keys(read: dict[str, Any]) -> Keys:
    """The keys of a statement, dotted ones among them."""
    keys: list[str] = []
    value: Any = read
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        keys.append(key)
    return tuple(keys)


def _header(read: dict[str, Any], counts: Counter[Keys]) -> Keys:
    """The path of the table that a header opens; tables of an array are counted."""
    path: Keys = ()
    value: Any = read
    while isinstance(value, dict) and value:
        ((key, value),) = value.items()
        path = (*path, key)
        if isinstance(value, list):
            counts[path] += 1
        if counts[path]:  # the last one of the array is meant
            path = (*path, counts[path] - 1)
    return path
