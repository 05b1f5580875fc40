"""A private folder for certificates, which goes when its process ends, even if that is killed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# A process of its own, because whoever is killed can tidy up nothing. Its standard input ends when its parent does.
_TIDY = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


class PrivateFolder:
    """A new folder that only this user can read."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="cookbook-endpoint-"))
        self._tidying = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TIDY, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent
        )

    def remove(self) -> None:
        """Remove it now."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._tidying.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._tidying.wait(2)
