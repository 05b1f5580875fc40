"""Installing the embedded engine, which is optional: `cookbook engine`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from helpers.errors import CookbookError


def install(root: Path) -> None:
    """Install the packages of the group `engine` into this environment, without what they depend on.

    Args:
        root: the project's folder.

    Raises:
        CookbookError: when uv is not there or cannot install them; it says why by itself.
    """
    groups = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    command = [Path(sys.executable).with_name("uv"), "pip", "install", "--python", sys.executable, "--no-deps"]
    try:
        subprocess.run([*command, *groups["engine"]], check=True)
    except (OSError, subprocess.CalledProcessError):
        raise CookbookError(
            "The engine was not installed. What uv says above tells why; without uv, run `make setup`."
        ) from None
