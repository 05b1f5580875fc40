"""From an empty folder to the first executed notebook: what a newcomer waits for."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from installing import CACHE, ROOT
from ways import Failed, environment

_TIMEOUT = 900  # seconds


def measure() -> dict[str, float]:
    """Set up twice, first with nothing downloaded and then with everything.

    Returns:
        Seconds from `make run` in a fresh copy of the project to "Set up." and to the first executed notebook.

    Raises:
        Failed: when it does not come to that.
    """
    caches = {"UV_CACHE_DIR": str(CACHE / "cache" / "uv"), "PIP_CACHE_DIR": str(CACHE / "cache" / "pip")}
    shutil.rmtree(CACHE / "cache", ignore_errors=True)
    measured = {}
    try:
        for packages in ("cold", "warm"):
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:  # on the caches' disk, so that uv can link
                ready, executed = _set_up(Path(folder) / "cookbook", caches)
                measured |= {f"{packages}, set up": ready, f"{packages}, first notebook": executed}
    finally:
        shutil.rmtree(CACHE / "cache", ignore_errors=True)
    return measured


def _set_up(folder: Path, caches: dict[str, str]) -> tuple[float, float]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    kept = {name: value for name, value in environment().items() if not name.startswith(("MAKE", "MFLAGS", "VIRTUAL"))}
    began, ready = time.perf_counter(), 0.0
    command = ["timeout", str(_TIMEOUT), "make", "run", "ARGS=webrequests"]
    process = subprocess.Popen(
        command, cwd=folder, env=kept | caches, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        for line in process.stdout:
            if line.startswith("Set up."):
                ready = time.perf_counter() - began
            if ": passed in " in line:
                return ready, time.perf_counter() - began
    raise Failed("setting up in an empty folder did not lead to an executed notebook")
