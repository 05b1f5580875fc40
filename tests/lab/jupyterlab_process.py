"""JupyterLab, started as `make lab` starts it, in the home of a person who has used Jupyter before in other ways."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_TIMEOUT = 120.0  # seconds, on a machine with much else to do
_END_TIMEOUT = 30.0
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


@dataclass(slots=True)
class Lab:
    """A running JupyterLab: its address with the token, what it wrote, and its process."""

    url: str
    said: list[str]
    pid: int


@contextmanager
def jupyterlab(root: Path, served: Path, environment: dict[str, str]) -> Iterator[Lab]:
    """Run `make lab` on a copy of the project, without a browser."""
    arguments = f"ARGS=--no-browser -- --LabApp.expose_app_in_browser=True --ServerApp.root_dir='{served}'"
    process = subprocess.Popen(
        ["make", "--no-print-directory", "lab", arguments],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    try:
        url = _address(process, said)
        threading.Thread(target=said.extend, args=(process.stdout,), daemon=True).start()
        yield Lab(url, said, _server(Path(environment["HOME"])))
    finally:
        _end(process)


def _address(process: subprocess.Popen, said: list[str]) -> str:
    timer = threading.Timer(_START_TIMEOUT, os.killpg, (process.pid, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+/\S+", line):
                return found.group()
    finally:
        timer.cancel()
    raise AssertionError(f"`make lab` told no address:\n{''.join(said)}")


def _server(home: Path) -> int:
    """The server's process number, from the file in which it tells other Jupyter commands of itself."""
    (told,) = (home / ".local" / "share" / "jupyter" / "runtime").glob("jpserver-*.json")
    return json.loads(told.read_text(encoding="utf-8"))["pid"]


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


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
