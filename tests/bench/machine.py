"""Where and with what a benchmark ran: machine and versions, no name and no path."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("uvloop", "httptools", "msgspec", "sentencepiece", "mistral-common")


def describe() -> dict[str, str | int]:
    """The processor, the cores that this process may use, and the operating system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": _processor(), "cores": cores, "system": f"{platform.system()} {platform.machine()}"}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def versions(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Python and some packages: without any named, those that serve."""
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def node() -> dict[str, str]:
    """The version of Node.js, nothing without one."""
    try:
        done = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"Node.js": done.stdout.strip().removeprefix("v")}
