"""Files: written in one step, and private folders that go when their process ends."""

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
    """Replace a file in one step: whoever reads it, at whatever moment we are killed, finds the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file, None where there is no such file or it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


# A process of its own, because whoever is killed can tidy up nothing. Its standard input ends when its parent does.
_TIDY = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


# Bytes of a temporary folder's path. Sockets are made below it with up to 45 more, and macOS takes 103 in all.
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
        )

    def remove(self) -> None:
        """Remove it now."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._tidying.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._tidying.wait(2)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder that is removed on leaving."""
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
