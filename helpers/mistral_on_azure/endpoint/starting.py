"""Starting the local endpoint as a child process that ends with its parent."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.azure.children import spawn, stop
from mistral_on_azure.endpoint import KEYS, OPTIONS


@dataclass(slots=True)
class LocalEndpoint:
    """A running local endpoint."""

    url: str
    keys: Sequence[str] = field(repr=False)
    process: subprocess.Popen

    def stop(self) -> None:
        """End the process; safe to call twice."""
        stop(self.process)

    def __enter__(self) -> LocalEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def new_key() -> str:
    """A key as Azure makes them: 32 characters."""
    return secrets.token_hex(16)


def start(keys: Sequence[str] = (), port: int = 0, **options: Any) -> LocalEndpoint:
    """Start the local endpoint on loopback and wait until it listens.

    Args:
        keys: the keys it accepts, each a virtual endpoint of its own; without any, one is made.
        port: 0 takes a free one.
        options: the other choices of `mistral_on_azure.endpoint.options.Options`.

    Raises:
        CookbookError: when it does not start.
    """
    keys = list(keys) or [new_key()]
    handed = {KEYS: ",".join(keys), OPTIONS: json.dumps({"port": port, **options})}
    otherwise = "The local endpoint did not start. What it says above, or `cookbook serve`, tells why."
    process, url = spawn("mistral_on_azure.endpoint", {**os.environ, **handed}, otherwise)
    started = LocalEndpoint(url, keys, process)
    atexit.register(started.stop)
    return started
