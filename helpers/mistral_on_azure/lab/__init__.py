"""Opens JupyterLab on the start-here notebook, with this environment's kernel and without pop-ups.

Settings that never change are in configuration files of Jupyter's, in this folder: `jupyter_server_config.py` for the
server, `labconfig` for defaults of the page, `custom` for its style. They override the user's own files, whose other
settings stay.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mistral_on_azure.azure.children import apply, own_kernel
from mistral_on_azure.errors import CookbookError

# Variables that would make Jupyter ignore these files, or start another environment's JupyterLab.
_LEFT_OUT = {"JUPYTER_NO_CONFIG", "JUPYTERLAB_DIR"}


def open_lab(root: Path, port: int | None, browser: bool, arguments: Sequence[str]) -> None:
    """Replace this process by JupyterLab.

    Args:
        root: the project's folder, or another folder with `notebooks` in it.
        port: the port to listen on; if it is taken, the next free one. None begins at 8888.
        browser: whether to open a browser.
        arguments: further arguments for `jupyter lab`.
    """
    command = [sys.executable, "-P", "-m", "jupyterlab"]
    if port is not None:
        command.append(f"--port={port}")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    os.execve(sys.executable, [*command, *arguments], _environment(root))


def copied(notebooks: Path, folder: Path) -> Path:
    """Copy the notebooks to a folder of the user's, unless they are there. No file in the folder is changed.

    Returns:
        The folder, with all of `notebooks` in it: a copy that is broken off leaves nothing.

    Raises:
        CookbookError: when the folder cannot be written, lies in the notebooks, or has another `notebooks`, without
            `start-here.ipynb`.
    """
    target = folder / "notebooks"
    try:
        if folder.resolve().is_relative_to(notebooks.resolve()):
            raise CookbookError(f"{folder} is a folder of the notebooks themselves. Choose another --folder.")
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".", dir=folder) as beside:
                whole = Path(beside, "notebooks")
                shutil.copytree(notebooks, whole, ignore=shutil.ignore_patterns("__pycache__", ".*"))
                whole.rename(target)
        elif not (target / "start-here.ipynb").is_file():
            raise CookbookError(f"{target} exists and has no start-here.ipynb. Choose another folder.")
    except OSError as error:
        why = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror or error
        raise CookbookError(f"The notebooks cannot be copied to {folder} ({why}). Choose another --folder.") from None
    return folder


def _environment(root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    changes = own_kernel(root / "build" / "lab")  # without the user's settings of Python and IPython
    apply({name: value for name, value in changes.items() if not name.startswith(("JUPYTER", "JPY_"))}, kept)
    return {
        **kept,
        "COOKBOOK_LAB_FOLDER": str(root.resolve()),
        "JUPYTER_CONFIG_PATH": _before(Path(__file__).parent, kept.get("JUPYTER_CONFIG_PATH")),
        # The notebooks' kernel is called python3, as almost every kernel is. This environment's comes first.
        "JUPYTER_PATH": _before(Path(sys.prefix, "share", "jupyter"), kept.get("JUPYTER_PATH")),
        "JUPYTERLAB_WORKSPACES_DIR": str(_no_workspaces(root)),
    }


def _before(first: Path, others: str | None) -> str:
    return os.pathsep.join(filter(None, [str(first), others]))


def _no_workspaces(root: Path) -> Path:
    """An empty folder for layouts: each start shows start-here, not the tabs of last time or of another project."""
    folder = root / "build" / "lab" / "workspaces"
    shutil.rmtree(folder, ignore_errors=True)
    return folder
