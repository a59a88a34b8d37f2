"""The values that were used last."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most so many values in memory, by key: those that were used last. Threads may share it.

    >>> kept = Recent[str, int](2)
    >>> kept.put({"a": 1, "b": 2})
    >>> kept.get(["a"])
    {'a': 1}
    >>> kept.put({"c": 3})
    >>> kept.get(["a", "b", "c"])
    {'a': 1, 'c': 3}
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: dict[K, V] = {}  # the one that was used longest ago stands first
        self._lock = threading.Lock()

    def get(self, keys: Iterable[K]) -> dict[K, V]:
        """The values that are there."""
        with self._lock:
            found = {key: self._values.pop(key) for key in dict.fromkeys(keys) if key in self._values}
            self._values |= found
        return found

    def put(self, values: Mapping[K, V]) -> None:
        """Keeps values, and drops those that were used longest ago."""
        with self._lock:
            for key, value in values.items():
                self._values.pop(key, None)
                self._values[key] = value
            while len(self._values) > self.most:
                del self._values[next(iter(self._values))]

    def clear(self) -> None:
        """Drops everything."""
        with self._lock:
            self._values.clear()
