"""Environments with a few packages, kept in folders below build. A test without a package index is skipped."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from mistral_on_azure.package_index import pip_settings
from mistral_on_azure.setup_environment import LOCK

UV = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
UNREACHABLE = r"(?i)failed to fetch|error sending request|dns error|connection refused|timed out|no cache entries"


def environment(folder: Path, install: Sequence[str | Path]) -> Path:
    """The Python of an environment with these packages, at the versions of the lock; made if none is current."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "made-from"
    wanted = hashlib.sha256(f"{sys.version} {install} {LOCK.read_text(encoding='utf-8')}".encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        uv("venv", "--quiet", "--python", sys.executable, folder)
        uv("pip", "install", "--quiet", "--python", python, "--constraint", LOCK, *install)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def uv(*arguments: object) -> None:
    """Run uv; skip the test where it cannot reach a package index."""
    if not UV.exists():
        pytest.skip("uv is not installed")
    settings = {**os.environ, **index(), "UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "0"}
    done = subprocess.run([UV, *map(str, arguments)], env=settings, capture_output=True, encoding="utf-8", timeout=200)
    if done.returncode and re.search(UNREACHABLE, done.stderr):
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr


@cache
def index() -> dict[str, str]:
    """Where packages come from. Asking pip takes as long as an installation."""
    return pip_settings()
