"""Makes the local endpoint fail or answer slowly, so that a notebook can show what a client does then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mistral_on_azure.notebook.connecting import current


def fail_next(status: int | None = None, times: int = 1, retry_after: int | None = None, **fault: Any) -> bool:
    """Make the local endpoint answer the next chat completions with an error.

    Args:
        status: the HTTP status, such as 429; None for a fault that is no error answer.
        times: the number of requests that fail; 0 cancels earlier faults.
        retry_after: seconds in the `Retry-After` header; None sends no such header.
        fault: other faults, such as first_token=3 (seconds), reset="within", answer="empty", retry_after_ms=500 or
            model_status=503 (inside of 424); all are listed in mistral_on_azure/endpoint/fault.py.

    Returns:
        True on the local endpoint; False on any other endpoint, where nothing happens.
    """
    connection = current()
    if not connection.local:
        print("Only the local endpoint can be asked to fail; this cell does nothing here.")
        return False
    if times:
        wanted = {"status": status, "count": times, "retry_after": retry_after, **fault}
        connection.ask("POST", "/local/faults", wanted)
    else:
        connection.ask("DELETE", "/local/faults")
    return True


@contextmanager
def imitate_pace() -> Iterator[None]:
    """Within the block, the local endpoint imitates the deployment's pace. Afterwards its pace is as before.

    On any other endpoint nothing happens.
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
