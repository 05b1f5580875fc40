"""Asking the local endpoint to take its time, as a deployment does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from helpers import http
from helpers.connecting import current
from helpers.errors import CookbookError
from helpers.urls import CREDENTIAL


@contextmanager
def imitate_pace() -> Iterator[None]:
    """Within the block, let the local endpoint answer at a pace that imitates the deployment's; then as before.

    Any other endpoint has a pace of its own and is not asked.
    """
    _set_timing("imitate")
    try:
        yield
    finally:
        _set_timing("before")


def _set_timing(timing: str) -> None:
    connection = current()
    if not connection.local:
        return
    answer = http.request("POST", f"{connection.url}/local/timing", os.environ[CREDENTIAL], {"timing": timing})
    if answer.status != 200:
        raise CookbookError(answer.message)
