"""A run of which every process can be found, whatever becomes of its parent."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from pathlib import Path

import psutil

MARK = "COOKBOOK_TEST_MARK"


class Marked:
    """A run in a process group of its own, with a variable in the environment of all its processes."""

    def __init__(self, command: list[str]) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, MARK: self.mark},
            start_new_session=True,
        )

    def wait_for(self, file: Path) -> None:
        deadline = time.monotonic() + 200
        while not file.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, self.process.communicate()[0]
            time.sleep(0.05)

    def alive(self) -> dict[int, str]:
        """What still runs: the commands by process id."""
        found = {}
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = " ".join(process.cmdline())
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def all_gone(self, within: float) -> bool:
        """Whether nothing runs any more, waiting at most `within` seconds for that."""
        deadline = time.monotonic() + within
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        return not self.alive()
