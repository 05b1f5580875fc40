"""Work in the background: one long request after the other in one thread, while the event loop answers others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

LARGE = 16 * 1024  # bytes of a request that is worked on in the background
LONG = 40_000  # characters of answers, and of their alternatives, that are written there

_Made = TypeVar("_Made")
_under_way: set[object] = set()  # what the thread has not come back from, and what waits for it


async def in_background(work: Callable[..., _Made], *given: Any) -> _Made:
    """Do work in the background thread. A caller that is cancelled takes the work back, unless it has begun."""
    future = _thread().submit(work, *given)
    _under_way.add(future)
    future.add_done_callback(_under_way.discard)
    return await asyncio.wrap_future(future)


def busy() -> bool:
    """Whether the thread still works, which the process's end would wait for."""
    return bool(_under_way)


def in_event_loop() -> bool:
    """Whether this thread runs an event loop, which long work would block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "long-requests")
