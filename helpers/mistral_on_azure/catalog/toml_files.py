"""Reads TOML files into types, and names the line of a wrong value, which the standard library's parser does not."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mistral_on_azure.errors import CookbookError

Keys = tuple[str | int, ...]
_Kind = TypeVar("_Kind")
_PARTS = re.compile(  # strings, comments, punctuation, and the rest: bare keys, numbers and the like
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'|#[^\n]*|[][{},=]|[^][{},=\s"\'#]+',
    re.DOTALL,
)


class WrongValue(ValueError):
    """A value that contradicts others of its table; `keys` lead from that table to the value."""

    def __init__(self, why: str, *keys: str | int) -> None:
        super().__init__(why)
        self.keys = keys


def read_toml(file: Path, kind: type[_Kind]) -> _Kind:
    """Read a TOML file as a type of msgspec.

    Raises:
        CookbookError: one line that names the file, the line and the key.
        FileNotFoundError: when there is none.
    """
    try:
        text = text_of(file)
        return msgspec.convert(tomllib.loads(text), kind)
    except FileNotFoundError:
        raise
    except msgspec.ValidationError as error:
        why, path = explained(error)
        raise CookbookError(f"{file}, line {line_of(text, path)}: {key_of(path)}{why}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CookbookError(f"{file} cannot be used: {error}.") from None


def text_of(file: Path) -> str:
    """The text of a file, without the byte order mark that some editors write.

    Raises:
        ValueError: for a file that is not UTF-8, with the line.
        OSError: for a file that cannot be read.
    """
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise ValueError(f"its line {line} is not UTF-8 (byte 0x{content[error.start]:02x})") from None


def explained(error: msgspec.ValidationError) -> tuple[str, list[str | int]]:
    """The reason of a validation error, and the keys that lead to the wrong value."""
    why, at = re.fullmatch(r"(.*?)(?: - at `\$([^`]*)`)?", str(error), re.DOTALL).groups("")
    path = [int(number) if number else name for number, name in re.findall(r"\[(\d+)\]|\.?([\w-]+)", at)]
    if missing := re.search(r"contains unknown field `(.*)`", why):
        return "there is no such key", [*path, missing[1]]
    if isinstance(error.__cause__, WrongValue):
        path += error.__cause__.keys
    return why[:1].lower() + why[1:], path


def key_of(path: Sequence[str | int]) -> str:
    """The keys that lead to a value, as `exchange 3, answers: `; tables are counted from 1."""
    words = [f" {each + 1}" if isinstance(each, int) else f", {each}" for each in path]
    return "".join(words).removeprefix(", ") + ": " if words else ""


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
