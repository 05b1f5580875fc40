"""Files that are replaced in one step, and private folders that are removed when their process ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[3]  # the checkout's; meaningless where a wheel is installed

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")  # Windows has no files of these names
_LONGEST_PART = 120  # characters of a file's name, with room for what is put in front or behind


def is_checkout() -> bool:
    """Whether the package lies in a checkout of the repository, beside its notebooks."""
    return (ROOT / "notebooks" / "start-here.ipynb").is_file() and (ROOT / "Makefile").is_file()


# The cookbook's notebooks: the checkout's, or those that the wheel brings.
NOTEBOOKS = ROOT / "notebooks" if is_checkout() else Path(__file__).resolve().parents[1] / "notebooks"


def path_part(name: str) -> str:
    """A name as one part of a path that every operating system accepts; different names have different parts.

    A name of letters, digits, dots, underscores and hyphens stays, unless Windows reserves it. In any other name, each
    other character becomes a percent sign and two hexadecimal digits.
    """
    if _PLAIN.fullmatch(name) and not _DEVICE.fullmatch(name) and name[-1] != "." and len(name) <= _LONGEST_PART:
        return name
    part = quote(name, safe="").replace("~", "%7E")
    if part.startswith(".") or _DEVICE.fullmatch(part) or not part:
        part = f"%{ord(part[0]):02X}{part[1:]}" if part else "%"
    if part.endswith("."):
        part = f"{part[:-1]}%2E"
    if len(part) > _LONGEST_PART:
        part = f"{part[: _LONGEST_PART - 17]}%{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return part


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: a reader finds the old text or the new one, even if this process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:  # a full disk
        part.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    write_whole(path, laid_out(value) + "\n")


def laid_out(value: Any, width: int = 300, step: str = " ", indent: str = "") -> str:
    """JSON in which a value that fits on one line, and any list of numbers, stays on one line.

    Args:
        width: characters of a line.
        step: what each level is indented by.
        indent: what this value is indented by.
    """
    line = json.dumps(value, ensure_ascii=False)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if len(indent) + len(line) <= width or all(isinstance(each, int | float) for each in inner):
        return line
    deeper = indent + step
    parts = [laid_out(each, width, step, deeper) for each in inner]
    start, end = "[]"
    if isinstance(value, dict):
        start, end = "{}"
        parts = [f"{json.dumps(str(name))}: {part}" for name, part in zip(value, parts, strict=True)]
    return f"{start}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{end}"


def read_json(path: Path) -> Any:
    """The value in a JSON file; None for a file that is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


# A child process removes the folder, since a killed process could not. Its standard input ends when its parent ends.
_TIDY = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


# Bytes of a temporary folder's path. The paths of sockets below it have up to 45 more, and macOS allows 103 in all.
_LONGEST = 55


class PrivateFolder:
    """A new folder that only this user can read, with a path short enough for the sockets of kernels."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="cookbook-endpoint-", dir=temporary_folder()))
        self._tidying = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TIDY, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent
            env={name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "COOKBOOK_"))},
        )

    def remove(self) -> None:
        """Remove the folder now, without waiting for the end of this process."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._tidying.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._tidying.wait(2)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder, removed at the end. Its name is short: a socket's path may have 100 characters at most."""
    folder = PrivateFolder()
    try:
        yield folder.path
    finally:
        folder.remove()


def temporary_folder() -> str:
    """The user's temporary folder, or the system's where the user's has too long a path for sockets."""
    chosen = tempfile.gettempdir()
    if os.name == "nt" or len(os.fsencode(chosen)) <= _LONGEST:
        return chosen
    return next((each for each in ("/tmp", "/var/tmp") if os.access(each, os.W_OK | os.X_OK)), chosen)
