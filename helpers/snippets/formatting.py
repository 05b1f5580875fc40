"""Formatting Python with ruff, where there is ruff."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

_LINE_LENGTH = 100  # as in the notebooks' cells
_TIMEOUT = 60  # seconds, of which ruff takes hundredths


def formatted(source: str) -> str:
    """The program as `ruff format` writes it; unchanged where ruff is not installed or fails."""
    folders = [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
    ruff = shutil.which("ruff", path=os.pathsep.join(folders))
    if not ruff:
        return source
    command = [ruff, "format", "--isolated", f"--line-length={_LINE_LENGTH}", "-"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=_TIMEOUT)
    return done.stdout.decode() if done.returncode == 0 else source
