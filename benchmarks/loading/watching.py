"""The resident memory of each part of the stack, once a second: of its process and all their children."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from statistics import median

import psutil

from stack import Stack

__all__ = ["SPREAD", "Watching", "memory"]

EVERY = 1.0  # seconds
SPREAD = 0.10
SLACK = 24.0  # MB
MB = 1_000_000


class Watching:
    """Looks from the `with` on until its end. `seen` has the pairs of time and MB of each part."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._over = stack, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.seen: dict[str, list[tuple[float, float]]] = {name: [] for name in stack.names}

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            for name, seen in self.seen.items():
                if self._stack.running(name):
                    seen.append((time.time(), _resident(self._stack.pid(name)) / MB))


def memory(seen: Sequence[tuple[float, float]], *, restarted: bool) -> Mapping[str, float | bool | None]:
    """MB in the second and in the last quarter of a run, as medians, the most, and whether that is flat.

    The first quarter is left out: models and caches are loaded by who needs them first. Flat is what has grown by no
    more than a tenth and 24 MB. What was restarted in between is not judged.
    """
    values = [mb for _, mb in seen]
    quarter = len(values) // 4
    if not quarter:
        return {"early": None, "late": None, "most": max(values, default=None), "flat": None}
    early, late = median(values[quarter : 2 * quarter]), median(values[-quarter:])
    flat = None if restarted else late <= early * (1 + SPREAD) + SLACK
    return {"early": round(early), "late": round(late), "most": round(max(values)), "flat": flat}


def _resident(holder: int) -> int:
    """Bytes. What ends while it is looked at counts nothing."""
    total = 0
    try:
        for process in psutil.Process(holder).children(recursive=True):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        pass
    return total
