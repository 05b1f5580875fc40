"""Bounds on what clients make this process do: one long request at a time, and caches with a number of bytes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

LARGE = 16 * 1024  # bytes of a request that is worked on in the background
LONG = 40_000  # characters of answers, and of their alternatives, that are written there

_Made = TypeVar("_Made")
_under_way: set[object] = set()  # what the thread has not come back from, and what waits for it
Key, Value = TypeVar("Key", bound=Hashable), TypeVar("Value")


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


class BoundedCache(dict[Key, Value]):
    """Values by their keys. It forgets everything when there is no room for one more.

    Args:
        most: bytes of all entries together.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.size = most, 0
        self._lock = threading.Lock()

    def keep(self, key: Key, value: Value, size: int) -> Value:
        """Keep a value, unless it alone would take more than a quarter of the room, and return it.

        Args:
            size: bytes that the key and the value take, at most.
        """
        if size > self.most // 4:
            return value
        with self._lock:
            if self.size + size > self.most:
                self.clear()
                self.size = 0
            if key not in self:
                self.size += size
            self[key] = value
        return value
