"""A folder for what only a run itself needs: private, gone with the run."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from helpers.endpoint.folder import private_folder


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder with a short name: a socket's path may have 100 characters at most."""
    folder = private_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
