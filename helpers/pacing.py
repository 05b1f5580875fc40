"""Asking the local endpoint to take its time, as a deployment does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from helpers.connecting import current


@contextmanager
def imitate_pace() -> Iterator[None]:
    """Within the block, let the local endpoint answer at a pace that imitates the deployment's; then as before.

    Any other endpoint has a pace of its own and is not asked.
    """
    connection = current()
    if not connection.local:
        yield
        return
    before = connection.ask("POST", "/local/timing", {"timing": "imitate"})["before"]
    try:
        yield
    finally:
        connection.ask("POST", "/local/timing", {"timing": before})
