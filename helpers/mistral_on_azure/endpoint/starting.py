"""Starts the local endpoint as a child process that ends with its parent."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.azure import children
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.endpoint import KEYS, OPTIONS


@dataclass(slots=True)
class LocalEndpoint:
    """A local endpoint that runs in a child process. As a context manager, it ends the process on exit."""

    url: str
    keys: Sequence[str] = field(repr=False)
    process: subprocess.Popen

    def stop(self) -> None:
        """End the process. May be called twice."""
        children.stop(self.process)

    def __enter__(self) -> LocalEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(keys: Sequence[str] = (), port: int = 0, **options: Any) -> LocalEndpoint:
    """Start the local endpoint on loopback and wait until it listens.

    Args:
        keys: the keys that it accepts, each with a session of its own; without any, one key is made.
        port: 0 takes a free one.
        options: the other fields of `mistral_on_azure.endpoint.options.Options`.

    Raises:
        CookbookError: when the endpoint does not start, for example because of a wrong option.
    """
    return begin(keys, port, **options)()


def begin(keys: Sequence[str] = (), port: int = 0, **options: Any) -> Callable[[], LocalEndpoint]:
    """Start the local endpoint without waiting for it. The arguments are those of `start`.

    Returns:
        A function that waits until the endpoint listens and returns it, or raises a CookbookError if it does not start.
    """
    keys = list(keys) or [new_key()]
    handed = {KEYS: ",".join(keys), OPTIONS: json.dumps({"port": port, **options})}
    process = children.begin("mistral_on_azure.endpoint.server_process", {**os.environ, **handed})
    atexit.register(children.stop, process)
    otherwise = "The local endpoint did not start; see the error above, or run `cookbook serve`."
    return lambda: LocalEndpoint(children.address(process, otherwise), keys, process)
