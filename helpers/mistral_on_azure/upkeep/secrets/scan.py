"""Files read as lines of text, each with its place, and what was found in them told without showing it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.secrets.detecting import ALLOWED, detector

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


def scan(root: Path, named: Iterable[Path]) -> int:
    """Look for credentials in files and folders; print a line for each one found.

    Args:
        named: what to look at; empty is every file of the project that git knows or would add.

    Returns:
        The exit status: 0 if there is no credential.

    Raises:
        CookbookError: for a file that cannot be read.
    """
    named = list(named)
    files = [file for path in named for file in _files(path)] if named else _of_git(root)
    found = list(findings(files))
    print(*found, sep="\n", end="\n" * bool(found))
    if not found:
        print(f"No credential in {len(files)} {'file' if len(files) == 1 else 'files'}.")
        return 0
    print(
        "Take them out, and renew a credential that was shared. Where it is none, end the line with a comment: "
        f"{ALLOWED}"
    )
    return 1


def findings(files: Iterable[Path]) -> Iterator[str]:
    """A line for each credential: the file, the place in it, and its kind."""
    detect = detector()
    for file in files:
        try:
            told = {f"{file}: {place}: {kind}": None for place, line in lines(file) for kind in detect(line)}
        except OSError as error:
            raise CookbookError(f"{file} cannot be read: {error.strerror}.") from None
        yield from told


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _of_git(root: Path) -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        raise CookbookError("Only git can tell which files belong to the project: name the files to look at.") from None
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]
