"""Files that are replaced in one step, and private folders that are removed when their process ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]  # of the checkout


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: a reader finds the old text or the new one, even if this process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file; None for a file that is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


# A process of its own removes the folder, since a killed one cannot. Its standard input ends with its parent.
_TIDY = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


class PrivateFolder:
    """A new folder that only this user can read."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="cookbook-endpoint-"))
        self._tidying = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TIDY, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent
        )

    def remove(self) -> None:
        """Remove it now."""
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
