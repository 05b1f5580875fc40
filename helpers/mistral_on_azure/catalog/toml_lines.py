"""Where a value stands in a TOML file, which the standard library's reader does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

Keys = tuple[str | int, ...]
_PARTS = re.compile(  # strings, comments, what structures a value, and what is left
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'|#[^\n]*|[][{},=]|[^][{},=\s"\'#]+',
    re.DOTALL,
)


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, counted from 1, where a value begins, or its key where it has one.

    Args:
        text: a valid file.
        path: the keys and places that lead to the value; of one that is not there, what leads the furthest counts.
    """
    best, line = 0, 1
    for at, statement in places(text):
        shared = next((n for n, pair in enumerate(zip(statement, path, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(statement), len(path)) if shared is None else shared
        if shared > best:
            best, line = shared, at
    return line


def places(text: str) -> Iterator[tuple[int, Keys]]:
    """The tables and values of a valid file: the line where each begins, and its path.

    A statement ends with a line, and is a valid file by itself; the first lines of one are none.
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
    """The keys of an inline table or of a statement, and what is in their values: where each begins, and its path."""
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
    """The places inside of a value that begins with a part: only an array or an inline table has some."""
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
