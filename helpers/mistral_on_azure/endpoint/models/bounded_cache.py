"""A cache that is bounded by bytes: clients decide how large its entries are, so a number of them bounds nothing."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import TypeVar

Key, Value = TypeVar("Key", bound=Hashable), TypeVar("Value")


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
