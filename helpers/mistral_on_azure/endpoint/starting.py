"""Starting the local endpoint as a child process that ends with its parent."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.azure import children
from mistral_on_azure.endpoint import KEYS, OPTIONS


@dataclass(slots=True)
class LocalEndpoint:
    """A running local endpoint."""

    url: str
    keys: Sequence[str] = field(repr=False)
    process: subprocess.Popen

    def stop(self) -> None:
        """End the process; safe to call twice."""
        children.stop(self.process)

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
    return begin(keys, port, **options)()


def begin(keys: Sequence[str] = (), port: int = 0, **options: Any) -> Callable[[], LocalEndpoint]:
    """Start the local endpoint as `start` does, and do something else until it listens.

    Returns:
        What waits until it listens, and raises a CookbookError when it does not.
    """
    keys = list(keys) or [new_key()]
    handed = {KEYS: ",".join(keys), OPTIONS: json.dumps({"port": port, **options})}
    process = children.begin("mistral_on_azure.endpoint", {**os.environ, **handed})
    atexit.register(children.stop, process)
    otherwise = "The local endpoint did not start. What it says above, or `cookbook serve`, tells why."
    return lambda: LocalEndpoint(children.address(process, otherwise), keys, process)
