"""A plugin of pytest: nbval verifies the notebooks that need nothing but Python; the catalog lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistral_on_azure.azure.files import ROOT, PrivateFolder
from mistral_on_azure.azure.offline import Changes, apply, own_kernel
from mistral_on_azure.catalog.notebooks import ENDING, Kind, load
from mistral_on_azure.errors import CookbookError

_CONFIGURED = pytest.StashKey[tuple[PrivateFolder, Changes]]()


def pytest_configure(config: pytest.Config) -> None:
    """Start kernels of this environment, with nothing of the user's profile, whose display differs."""
    folder = PrivateFolder()
    config.stash[_CONFIGURED] = folder, apply(own_kernel(folder.path))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put the environment back."""
    if found := config.stash.get(_CONFIGURED, None):
        folder, before = found
        apply(before)
        folder.remove()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out hidden files, and notebooks in other languages: nbval would let these write into their folder.

    Those are executed, and their outputs compared, by tests/notebooks/beyond_python.
    """
    if collection_path.suffix != ENDING:
        return None
    if collection_path.name.startswith("."):
        return True
    try:
        kind = load(collection_path, ROOT / "notebooks").kind
    except CookbookError:
        return None  # nbval reports the error
    return True if kind is Kind.OTHER_LANGUAGE else None
