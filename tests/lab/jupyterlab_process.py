"""JupyterLab, started as `make lab` starts it."""

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
