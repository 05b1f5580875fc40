"""Asking the local endpoint to fail or to take its time, to see what a client does then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mistral_on_azure.notebook.connecting import current


def fail_next(status: int | None = None, times: int = 1, retry_after: int | None = None, **fault: Any) -> bool:
    """Ask the local endpoint to answer the next chat completions with an error.

    Args:
        status: the HTTP status, such as 429; None for a fault that is no error answer.
        times: how many requests in a row.
        retry_after: seconds in the `Retry-After` header; None sends no such header.
        fault: what else goes wrong, such as first_token=3, reset="within" or answer="truncated"; the table is in
            helpers/endpoint/faults.py.

    Returns:
        False on any other endpoint, which cannot be asked to fail.
    """
    connection = current()
    if not connection.local:
        print("Only the local endpoint can be asked to fail; this cell does nothing here.")
        return False
    wanted = {"status": status, "count": times, "retry_after": retry_after, **fault}
    connection.ask("POST", "/local/faults", wanted)
    return True


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
