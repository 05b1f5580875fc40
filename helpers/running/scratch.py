"""A folder for what only a run itself needs: private, gone with the run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from helpers.endpoint.folder import PrivateFolder


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder with a short name: a socket's path may have 100 characters at most."""
    folder = PrivateFolder()
    try:
        yield folder.path
    finally:
        folder.remove()
