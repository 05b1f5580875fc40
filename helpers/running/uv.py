"""uv, for environments beside the project's own: where it finds packages, and what it says."""

from __future__ import annotations

import os
import subprocess

from helpers.setup_environment import BIN, ROOT, pip_settings


def variables() -> dict[str, str]:
    """The environment variables for uv and for what it installs: they keep the byte code that they compile."""
    environment = {**os.environ, **pip_settings()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def uv(environment: dict[str, str], *command: object) -> str:
    """What uv says, run in the project's folder, where it finds what pyproject.toml overrides.

    Raises:
        CalledProcessError: with what it says, when it fails.
        FileNotFoundError: when it is not installed.
    """
    words = [str(part) for part in (BIN / "uv", *command)]
    return subprocess.run(words, check=True, env=environment, cwd=ROOT, capture_output=True, text=True).stdout
