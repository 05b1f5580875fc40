"""A copy of the project to add notebooks and clients to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = "from mistral_on_azure.cli import main; main()"
_FILES = ("README.md", "pyproject.toml", "requirements.lock", "Makefile")


class Copy:
    """A copy of what `cookbook` works on, without tests and builds.

    Attributes:
        root: its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        left_out = shutil.ignore_patterns("node_modules", "__pycache__", ".ipynb_checkpoints")
        for folder in ("helpers", "notebooks"):
            shutil.copytree(ROOT / folder, root / folder, ignore=left_out)
        for name in _FILES:
            shutil.copyfile(ROOT / name, root / name)

    def python(self, *arguments: str, **environment: str) -> str:
        """What Python prints there; it must succeed."""
        path = os.pathsep.join([str(self.root / "helpers"), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cookbook(self, *arguments: str) -> str:
        """What the command prints."""
        return self.python("-c", _COMMAND, *arguments)

    def files(self) -> dict[str, bytes]:
        """All files but those that Python and a run make, by path."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in found
            if not {"__pycache__", "build", ".pytest_cache"} & set(path.parts)
        }


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("project"))
