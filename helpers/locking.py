"""The lock and the conda environment, both made from the dependencies in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from helpers.errors import CookbookError

GROUPS = ("test", "gallery", "tools")
_HEADER = "# Made from pyproject.toml by `make lock`; do not edit.\n"


def write(root: Path) -> None:
    """Resolve the newest allowed versions and write requirements.lock and environment.yml.

    Raises:
        CookbookError: when uv is not there or finds no versions that go together; it says why by itself.
    """
    groups = [word for group in GROUPS for word in ("--group", group)]
    command = ["uv", "pip", "compile", "pyproject.toml", *groups, "--universal", "--upgrade"]
    quiet = ["--no-annotate", "--no-header", "--no-emit-index-url", "--quiet", "--output-file", "requirements.lock"]
    try:
        subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:], *quiet], cwd=root, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise CookbookError("Nothing was locked. What uv says above tells why; without uv, run `make setup`.") from None
    lock = root / "requirements.lock"
    lock.write_text(_HEADER + lock.read_text(encoding="utf-8"), encoding="utf-8")
    (root / "environment.yml").write_text(conda_environment(root), encoding="utf-8")


def conda_environment(root: Path) -> str:
    """The text of environment.yml: Python from conda, everything else as the lock pins it, and the project itself."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"""{_HEADER}name: {project["name"]}
channels:
  - conda-forge
dependencies:
  - python{project["requires-python"]}
  - pip
  - pip:
      - --requirement requirements.lock
      - --editable .
"""
