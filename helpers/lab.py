"""Opening JupyterLab: on the start-here notebook, with the right kernel, without pop-ups."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

_SETTINGS = {
    # Asking about news opens a pop-up and looks something up on the network.
    "apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
}


def open_lab(root: Path, arguments: tuple[str, ...] = ()) -> None:
    """Replace this process by JupyterLab.

    Args:
        root: the project's folder.
        arguments: further arguments for `jupyter lab`.
    """
    settings = root / ".venv" / "lab-settings"
    for name, value in _SETTINGS.items():
        path = settings / "@jupyterlab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(settings)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={root / 'notebooks'}",
        "--LabApp.default_url=/lab/tree/start-here.ipynb",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(("--allow-root",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()),
        *arguments,
    ]
    os.execve(sys.executable, command, environment)
