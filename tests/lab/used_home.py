"""The home of a person who has used Jupyter before, for other work and in other ways."""

from __future__ import annotations

import json
import os
from pathlib import Path

_SERVER = """
c.ServerApp.ip = "0.0.0.0"
c.ServerApp.root_dir = "/"
c.LabApp.default_url = "/lab"
"""
_OTHER_KERNEL = {"argv": ["/no/such/python"], "display_name": "Python of another project", "language": "python"}
_OTHER_TAB = {"data": {"path": "other-project.ipynb", "factory": "Notebook"}}
_OTHER_LAYOUT = {
    "metadata": {"id": "default"},
    "data": {
        "layout-restorer:data": {
            "main": {
                "dock": {"type": "tab-area", "currentIndex": 0, "widgets": ["notebook:other-project.ipynb"]},
                "current": "notebook:other-project.ipynb",
            },
            "left": {"collapsed": True, "widgets": []},
        },
        "notebook:other-project.ipynb": _OTHER_TAB,
        "file-browser-filebrowser:cwd": {"path": "other-project"},
    },
}
# The tests look at all of a notebook; JupyterLab draws all of it, and no empty window after it.
_DRAWING = {"windowingMode": "none", "scrollPastLastCell": False}


def furnish(home: Path, root: Path) -> dict[str, str]:
    """Fill a home with another kernel of the same name, server settings, and a layout; return the environment.

    Args:
        home: an empty folder.
        root: the project's folder, where an earlier JupyterLab has left a layout too.
    """
    config = home / ".jupyter"
    elsewhere = home / "jupyter-path"
    _write(config / "jupyter_server_config.py", _SERVER)
    _write(config / "jupyter_lab_config.py", _SERVER)
    _write(config / "lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings", _DRAWING)
    for data in (home / ".local" / "share" / "jupyter", elsewhere):
        _write(data / "kernels" / "python3" / "kernel.json", _OTHER_KERNEL)
    for workspaces in (config / "lab" / "workspaces", root / "build" / "lab" / "workspaces"):
        _write(workspaces / "default-37a8.jupyterlab-workspace", _OTHER_LAYOUT)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "AZURE_", "MAKE"))}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(Path.home() / ".cache"),  # a new one would make matplotlib look for fonts again
        "JUPYTER_PATH": str(elsewhere),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "JUPYTERLAB_DIR": str(home / "another-jupyterlab"),
    }


def _write(path: Path, content: str | dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
