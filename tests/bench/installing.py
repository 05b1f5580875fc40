"""The rivals, installed at pinned versions into build/bench, and the commands that start them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from mistral_on_azure.package_index import pip_settings

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "bench"
MOCKTOPUS, AIMOCK, MOCK_OPENAI_API, NBMAKE = "0.2.0", "1.43.0", "1.0.3", "1.5.5"
AS_LOCKED = ("--compile-bytecode", "--constraint", str(ROOT / "requirements.lock"))  # options of uv pip install
_TIMEOUT = 180  # seconds for one installation


class Missing(Exception):
    """A rival that cannot be had here; the message is one line."""


def mocktopus() -> Path:
    """Install mocktopus; returns its command."""
    return python_package("mocktopus", MOCKTOPUS) / "mocktopus"


def aimock() -> Path:
    """Install @copilotkit/aimock; returns its script for node."""
    return node_package("aimock", "@copilotkit/aimock", AIMOCK) / "dist" / "cli.js"


def python_package(name: str, version: str, extra: str = "") -> Path:
    """Install a package into an environment of its own; returns the folder of its commands.

    Raises:
        Missing: when that fails.
    """
    if _distributions(CACHE / name).get(name) != version:
        environment(name, f"{name}[{extra}]=={version}" if extra else f"{name}=={version}")
    return CACHE / name / "bin"


def environment(name: str, *install: str) -> Path:
    """Make an environment anew with what uv is told to install; returns its Python.

    Raises:
        Missing: when that fails.
    """
    python, uv = CACHE / name / "bin" / "python", [sys.executable, "-m", "uv"]
    run_installer(name, [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(CACHE / name)])
    run_installer(name, [*uv, "pip", "install", "--python", str(python), *install])
    return python


def node_package(name: str, package: str, version: str) -> Path:
    """Install a package of npm into a folder of its own; returns the package's folder.

    Raises:
        Missing: when that fails, or without Node.js.
    """
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing(f"{name} is left out: it needs Node.js and npm.")
    folder = CACHE / name
    made = folder / "node_modules" / package
    if _package_version(made) != version:
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--fetch-retries=1"]
        run_installer(name, ["npm", "install", *quiet, "--prefix", str(folder), f"{package}@{version}"])
    return made


def nbmake() -> Path:
    """Install nbmake into an environment with the project's own packages, byte code and all; returns its Python.

    Raises:
        Missing: when that fails.
    """
    if _distributions(CACHE / "nbmake").get("nbmake") == NBMAKE:
        return CACHE / "nbmake" / "bin" / "python"
    packages = [f"nbmake=={NBMAKE}", "pytest-xdist", "--editable", f"{ROOT}[notebooks]"]
    return environment("nbmake", *AS_LOCKED, *packages)


def variables_kept() -> dict[str, str]:
    """This process's variables without an endpoint of the user's, and without what makes Python compile in each run."""
    left_out = ("AZURE_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def versions_of_mocktopus() -> dict[str, str]:
    """mocktopus and the server library it runs on, as they are installed."""
    found = _distributions(CACHE / "mocktopus")
    return {name: found[name] for name in ("mocktopus", "aiohttp") if name in found}


def _distributions(folder: Path) -> dict[str, str]:
    packages = [str(path) for path in folder.glob("lib/python*/site-packages")]
    return {found.name: found.version for found in importlib.metadata.distributions(path=packages)}


def _package_version(package: Path) -> str | None:
    try:
        return json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError):
        return None


def run_installer(name: str, command: list[str]) -> None:
    """Run an installer in silence: its words may name this machine's registry."""
    try:
        environment = {**os.environ, **pip_settings()}  # uv is to find the registry that pip is set to
        subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT, cwd=ROOT, env=environment)
    except (OSError, subprocess.SubprocessError):
        raise Missing(f"{name} is left out: it could not be installed. Is its package registry reachable?") from None
