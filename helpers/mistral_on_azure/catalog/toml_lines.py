"""The line of a value in a TOML file, which the standard library's parser does not report."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

Keys = tuple[str | int, ...]
_PARTS = re.compile(  # strings, comments, punctuation, and the rest: bare keys, numbers and the like
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'|#[^\n]*|[][{},=]|[^][{},=\s"\'#]+',
    re.DOTALL,
)


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line where a value begins, or its key where it has one, counted from 1.

    Args:
        text: a valid TOML file.
        path: the keys and indices that lead to the value; for a missing value, those that exist count.
    """
    best, line = 0, 1
    for at, statement in places(text):
        shared = next((n for n, pair in enumerate(zip(statement, path, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(statement), len(path)) if shared is None else shared
        if shared > best:
            best, line = shared, at
    return line


def places(text: str) -> Iterator[tuple[int, Keys]]:
    """The tables and values of a valid TOML file: the line where each begins, and its path.

    Each statement ends at the end of a line and is valid TOML by itself; its first lines alone are not.
    """
    table: Keys = ()
    counts: Counter[tuple[str | int, ...]] = Counter()
    begun, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not begun and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun, start = f"{begun}{line}\n", start or number
        try:
            read = tomllib.loads(begun)
        except tomllib.TOMLDecodeError:
            continue
        if begun.lstrip().startswith("["):
            table = _header(read, counts)
            yield start, table
        else:
            parts = (part for part in _PARTS.finditer(begun) if not part[0].startswith("#"))
            for at, path in _table(parts, table):
                yield start + begun.count("\n", 0, at), path
        begun, start = "", 0


def _table(parts: Iterator[re.Match[str]], path: Keys) -> Iterator[tuple[int, Keys]]:
    """The keys and values in an inline table or a statement: the offset where each begins, and its path."""
    keys: list[re.Match[str]] = []
    for part in parts:
        if part[0] == "}":
            return
        if part[0] == "=":
            below = (*path, *_keys(tomllib.loads("".join(key[0] for key in keys) + "=0")))
            yield keys[0].start(), below
            yield from _value(next(parts), parts, below)
        elif part[0] == ",":
            keys = []
        else:
            keys.append(part)


def _value(part: re.Match[str], parts: Iterator[re.Match[str]], path: Keys) -> Iterator[tuple[int, Keys]]:
    """The values inside of a value that begins with `part`; only an array or an inline table has any."""
    if part[0] == "{":
        yield from _table(parts, path)
    if part[0] != "[":
        return
    place = 0
    for each in parts:
        if each[0] == "]":
            return
        if each[0] == ",":
            place += 1
        else:
            yield each.start(), (*path, place)
            yield from _value(each, parts, (*path, place))


def _keys(read: dict[str, Any]) -> Keys:
    """The keys of a statement; a dotted key has several."""
    keys: list[str] = []
    value: Any = read
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        keys.append(key)
    return tuple(keys)


def _header(read: dict[str, Any], counts: Counter[Keys]) -> Keys:
    """The path of the table that a header opens, with the index of a table in an array."""
    path: Keys = ()
    value: Any = read
    while isinstance(value, dict) and value:
        ((key, value),) = value.items()
        path = (*path, key)
        if isinstance(value, list):
            counts[path] += 1
        if counts[path]:  # a header inside an array of tables belongs to its last table
            path = (*path, counts[path] - 1)
    return path
