"""Starting the local endpoint as a child process that ends with its parent."""

from __future__ import annotations

import atexit
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.errors import CookbookError

_START_TIMEOUT = 30.0  # seconds


@dataclass(slots=True)
class LocalEndpoint:
    """A running local endpoint."""

    url: str
    keys: Sequence[str]
    process: subprocess.Popen

    def stop(self) -> None:
        """End the process; safe to call twice."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def __enter__(self) -> LocalEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def new_key() -> str:
    """A key as Azure makes them: 32 characters."""
    return secrets.token_hex(16)


def start(keys: Sequence[str] = (), port: int = 0) -> LocalEndpoint:
    """Start the local endpoint on loopback and wait until it listens.

    The child reads its standard input, a pipe that the system closes when this process ends in whatever way, and
    ends then.

    Args:
        keys: the keys it accepts, each a virtual endpoint of its own; without any, one is made.
        port: 0 takes a free one.

    Raises:
        CookbookError: when it does not start.
    """
    keys = list(keys) or [new_key()]
    environment = {**os.environ, "COOKBOOK_LOCAL_KEYS": ",".join(keys), "COOKBOOK_LOCAL_PORT": str(port)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # without byte code every start compiles everything again
    process = subprocess.Popen(
        [sys.executable, "-m", "helpers.endpoint"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches the parent, which ends the child in its own time
    )
    url = _first_line(process)
    if not url.startswith("http"):
        process.kill()
        raise CookbookError("The local endpoint did not start. Run `cookbook serve` to see why.")
    started = LocalEndpoint(url, keys, process)
    atexit.register(started.stop)
    return started


def _first_line(process: subprocess.Popen) -> str:
    """The child's first line of output, empty if it takes too long."""
    timer = threading.Timer(_START_TIMEOUT, process.kill)
    timer.start()
    line = process.stdout.readline().strip()
    timer.cancel()
    return line
