"""`python -m helpers.running.newest`: the notebooks on the newest versions that pyproject.toml allows, not the lock's.

It tells early what the next `make lock` would break. The environment is one of its own, in build/newest; the
summary lists every package that differs from the lock. Arguments go to `cookbook run`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from helpers import setup_environment
from helpers.setup_environment import BIN, ROOT

FOLDER = ROOT / "build" / "newest"


def main(arguments: Sequence[str]) -> None:
    """Install, then become `cookbook run`."""
    environment = {**os.environ, **setup_environment.pip_settings()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    made = FOLDER / "environment"
    print("Installing the newest allowed versions into build/newest/environment", flush=True)
    uv(environment, "venv", "--quiet", "--clear", "--python", sys.executable, made)
    python = made / BIN.name / Path(sys.executable).name
    uv(environment, "pip", "install", "--quiet", "--upgrade", "--python", python, "--editable", ROOT)
    command = [str(python.with_name("cookbook")), "run", "--reports", str(FOLDER / "run"), *arguments]
    os.chdir(ROOT)
    os.execve(command[0], command, environment)


def uv(environment: dict[str, str], *command: object) -> None:
    """Run uv in the project's folder, where it finds what pyproject.toml overrides."""
    subprocess.run([str(part) for part in (BIN / "uv", *command)], check=True, env=environment, cwd=ROOT)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError:
        sys.exit("The newest allowed versions cannot be installed together; uv says above which ones.")
    except FileNotFoundError:
        sys.exit("There is no environment to install from yet. Run `make setup` first.")
