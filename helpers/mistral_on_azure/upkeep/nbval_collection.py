"""A pytest plugin: nbval verifies only notebooks that run in this Python environment, on its own kernels."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager

from mistral_on_azure.azure.children import Changes, apply, kernel_sockets, own_kernel
from mistral_on_azure.azure.files import ROOT, PrivateFolder
from mistral_on_azure.catalog.notebooks import ENDING, Kind, load
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running.jobs import absent_packages

_CONFIGURED = pytest.StashKey[tuple[PrivateFolder, Changes]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make nbval start kernels of this environment without the user's profile, with which outputs would differ."""
    folder = PrivateFolder()
    config.stash[_CONFIGURED] = folder, apply(own_kernel(folder.path))
    numbers = count(1)
    nbval.kernel.KernelManager = lambda **options: _with_sockets_in(folder.path / f"k{next(numbers)}", **options)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Restore the environment."""
    if found := config.stash.get(_CONFIGURED, None):
        folder, before = found
        nbval.kernel.KernelManager = KernelManager
        apply(before)
        folder.remove()


def _with_sockets_in(folder: Path, **options: Any) -> KernelManager:
    """A manager whose kernel has its sockets in a new folder."""
    folder.mkdir()
    return KernelManager(**kernel_sockets(folder), **options)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out hidden files, recipes whose packages are not installed, and notebooks in other languages.

    Notebooks in other languages would write files into their folder; tests/notebooks/beyond_python executes them in a
    copy and compares their outputs. `make test-all` installs the packages of all recipes.
    """
    if collection_path.suffix != ENDING:
        return None
    if collection_path.name.startswith("."):
        return True
    try:
        notebook = load(collection_path, ROOT / "notebooks")
    except CookbookError:
        return None  # nbval reports the error
    return True if notebook.kind is Kind.OTHER_LANGUAGE or absent_packages(notebook) else None
