"""Bounds on the work that clients can cause: one background thread for long requests, and caches of limited size."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import Any, TypeVar

LARGE = 16 * 1024  # bytes: a longer request body is processed in the background thread
LONG = 40_000  # characters: longer completions, with their log probabilities, are written in the background thread

_Made = TypeVar("_Made")
_under_way: set[object] = set()  # futures of the work that runs or waits in the background thread
Key, Value = TypeVar("Key", bound=Hashable), TypeVar("Value")


async def in_background(work: Callable[..., _Made], *given: Any) -> _Made:
    """Call `work` in the background thread and return its result. Cancelling prevents the call unless it has begun."""
    future = _thread().submit(work, *given)
    _under_way.add(future)
    future.add_done_callback(_under_way.discard)
    return await asyncio.wrap_future(future)


def busy() -> bool:
    """Whether the background thread has work left. The interpreter would wait for it on exit."""
    return bool(_under_way)


def in_event_loop() -> bool:
    """Whether the current thread runs an event loop, which long work would block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def count_of(value: Any, most: int) -> int:
    """The number of values in decoded JSON. Counting stops once it exceeds `most`."""
    count, waiting = 0, [value]
    while waiting and count <= most:
        each = waiting.pop()
        count += 1
        if isinstance(each, dict | list):
            waiting += islice(each.values() if isinstance(each, dict) else each, most + 1)
    return count


def shortened(value: Any, most: int) -> Any:
    """Decoded JSON of which each list and each object has its first `most` members only."""
    if isinstance(value, dict):
        return {name: shortened(each, most) for name, each in islice(value.items(), most)}
    return [shortened(each, most) for each in value[:most]] if isinstance(value, list) else value


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "long-requests")


class BoundedCache(dict[Key, Value]):
    """A cache that is limited in bytes. When a new entry does not fit, all entries are dropped.

    Args:
        most: bytes that all entries together may take.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.size = most, 0
        self._lock = threading.Lock()

    def keep(self, key: Key, value: Value, size: int) -> Value:
        """Store a value and return it. A value that takes more than a quarter of the cache is not stored.

        Args:
            size: upper bound of the bytes that the key and the value take.
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
