"""`cookbook secrets`: the files to search, their texts (notebooks by cell and output), and the lines it prints."""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep.secrets.credential_rules import ASSIGNED
from mistral_on_azure.upkeep.secrets.detecting import ALLOWED, detect

_PICTURES = ("image/png", "image/jpeg", "image/gif", "application/pdf")  # base64, in a notebook's outputs
_PICTURE = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF")  # the first bytes of such files
_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x80-\xff]")
_LOOK = 8192  # bytes of a file by which its encoding is recognised
_MOSTLY = 0.3  # in UTF-16, the least share of null bytes at even or odd places; the other places have a tenth at most


class Text(NamedTuple):
    """A text of a file, its place (empty for the whole file), and its context."""

    place: str
    text: bytes
    about: bytes = b""


def texts(path: Path) -> Iterator[Text]:
    """The texts of a file; a binary file has none.

    Raises:
        OSError: when it cannot be read.
    """
    content = _decoded(path.read_bytes())
    if content is None:
        return
    if path.suffix == ".ipynb":
        try:
            yield from list(_notebook(json.loads(content)))
            return
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass  # it is not a notebook, so it is read as text
    yield Text("", content)


def _decoded(content: bytes) -> bytes | None:
    """A file's text, converted to UTF-8 from any encoding; None for a binary file."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content if encoding == "utf-8" else content.decode(encoding, "replace").encode()
    head = content[:_LOOK]
    if b"\0" not in head:
        return content
    even, odd = (head[place::2].count(0) / max(1, len(head) // 2) for place in (0, 1))
    if odd > _MOSTLY and even < odd / 10:
        return content.decode("utf-16-le", "replace").encode()
    if even > _MOSTLY and odd < even / 10:
        return content.decode("utf-16-be", "replace").encode()
    without = head.replace(b"\0", b"")  # UTF-32 of most languages, or a log with a null character somewhere
    return None if _BINARY.search(without) else content.replace(b"\0", b"")


def _notebook(notebook: dict[str, Any]) -> Iterator[Text]:
    """The texts of a notebook. It is not read by the catalog, which refuses damaged files and leaves out parts."""
    for number, cell in enumerate(notebook["cells"], 1):
        source = "".join(cell["source"])
        yield from _placed(f"cell {number}", source)
        outputs = cell.get("outputs", [])
        yield from _placed(f"cell {number}, output", outputs, source.encode())
        streams = ["".join(each["text"]) for each in outputs if each.get("output_type") == "stream"]
        if len(streams) > 1:
            yield from _placed(f"cell {number}, output", "".join(streams), source.encode())
        rest = {name: value for name, value in cell.items() if name not in ("source", "outputs")}
        yield from _placed(f"cell {number}, metadata", rest)
    yield from _placed("metadata", {name: value for name, value in notebook.items() if name != "cells"})


def _placed(place: str, value: Any, about: bytes = b"") -> Iterator[Text]:
    return (Text(place, text, about) for text in _leaves(value))


def _leaves(value: Any, name: str = "") -> Iterator[bytes]:
    """All texts in a JSON value. A text that is a member of an object has the member's name in front: `key: text`."""
    if isinstance(value, dict):
        labels = [each for field in ("description", "placeholder", "name") if isinstance(each := value.get(field), str)]
        if value.get("model_name") == "PasswordModel" and isinstance(value.get("state"), dict):
            value = {**value, "state": {"name": "password", **value["state"]}}  # a widget whose kind is its name
        for inner, each in value.items():
            if inner in _PICTURES:
                yield from _no_picture(each)
            elif inner == "value" and isinstance(each, str):  # of a widget, whose other members have its name
                yield from _leaves(each, " ".join([*labels, inner]))
            else:
                yield from _leaves(each, inner)
                yield from _leaves(inner)
    elif isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            yield from _leaves("".join(value), name)  # a text in lines, as notebooks keep it
        else:
            for each in value:
                yield from _leaves(each, name)
    elif isinstance(value, str):
        shown = name if name and "/" not in name and name not in ("text", "evalue", "source") else ""
        yield (f"{shown}: {value}" if shown else value).encode("utf-8", "surrogatepass")


def _no_picture(value: Any) -> Iterator[bytes]:
    """The text of an output that is declared as a picture and is none."""
    text = "".join(value) if isinstance(value, list) else str(value)
    try:
        content = base64.b64decode("".join(text[:40].split())[:32])
    except (binascii.Error, ValueError):
        content = b""
    if not content.startswith(_PICTURE):
        yield text.encode("utf-8", "surrogatepass")


def scan(root: Path, named: Iterable[Path]) -> int:
    """Look for credentials in files and folders; print a line for each one found.

    Args:
        named: the files and folders; empty means every file of the project that git tracks or would add.

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
        "Remove them, and renew a credential that was shared. If a line has none, end it with a comment: "
        f"{ALLOWED.decode()}"
    )
    return 1


def findings(files: Iterable[Path]) -> Iterator[str]:
    """A line for each credential: the file, the place in it, and its kind."""
    for file in files:
        try:
            found = {
                (text.place or f"line {line}", kind): None
                for text in texts(file)
                for line, kind in sorted(detect(text.text, text.about))
            }
        except OSError as error:
            raise CookbookError(f"{file} cannot be read: {error.strerror}.") from None
        better = {place for place, kind in found if kind != ASSIGNED}  # the places where the kind is known
        yield from (f"{file}: {place}: {kind}" for place, kind in found if kind != ASSIGNED or place not in better)


def _files(path: Path) -> list[Path]:
    """The files of a folder, without git's packed objects, whose text is compressed."""
    if not path.is_dir():
        return [path]
    found = (each for each in path.rglob("*") if each.is_file())
    return sorted(each for each in found if ".git" not in each.parts or "objects" not in each.parts)


def _of_git(root: Path) -> list[Path]:
    """The files that git tracks or would add, and those of nested repositories, which git lists as folders."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        raise CookbookError("Only git can tell which files belong to the project: name the files to look at.") from None
    named = [root / os.fsdecode(name) for name in listed.split(b"\0") if name]
    nested = [path for path in named if path.is_dir() and not path.is_symlink()]
    inside = [file for path in nested for file in (_of_git(path) if (path / ".git").exists() else _files(path))]
    return [path for path in named if path.is_file()] + inside
