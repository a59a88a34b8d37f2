"""The values that were used last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most so many values in memory, by key: those that were used last. Threads may share it.

    With `weigh` it is the sum of what that says of each key and value that may not be more, say of their bytes.

    >>> kept = Recent[str, int](2)
    >>> kept.put({"a": 1, "b": 2})
    >>> kept.get(["a"])
    {'a': 1}
    >>> kept.put({"c": 3})
    >>> kept.get(["a", "b", "c"])
    {'a': 1, 'c': 3}
    """

    def __init__(self, most: int, *, weigh: Callable[[K, V], int] = lambda key, value: 1) -> None:
        self.most = most
        self._weigh, self._weight = weigh, 0
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
                self._drop(key)
                self._values[key] = value
                self._weight += self._weigh(key, value)
            while self._weight > self.most:
                self._drop(next(iter(self._values)))

    def clear(self) -> None:
        """Drops everything."""
        with self._lock:
            self._values.clear()
            self._weight = 0

    def _drop(self, key: K) -> None:
        if key in self._values:
            self._weight -= self._weigh(key, self._values.pop(key))
