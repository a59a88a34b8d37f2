"""The resident memory of each part of the stack, and its use of the processor: of all its processes, once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
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
        self._busy: dict[str, list[tuple[float, float]]] = {name: [] for name in stack.names}

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
                    resident, worked = _used(self._stack.pid(name))
                    seen.append((time.time(), resident / MB))
                    self._busy[name].append((time.time(), worked))

    def cores(self, name: str) -> float:
        """How many cores a part kept busy on average, up to where its processes were replaced."""
        busy = self._busy[name]
        steps = [(later[0] - now[0], later[1] - now[1]) for now, later in pairwise(busy) if later[1] >= now[1]]
        seconds = sum(step[0] for step in steps)
        return round(sum(step[1] for step in steps) / seconds, 2) if seconds else 0.0


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


def _used(holder: int) -> tuple[int, float]:
    """Bytes that are resident, and seconds that were computed. What ends while it is looked at counts nothing."""
    resident, worked = 0, 0.0
    try:
        for process in psutil.Process(holder).children(recursive=True):
            try:
                resident += process.memory_info().rss
                spent = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            worked += spent.user + spent.system
    except psutil.NoSuchProcess:
        pass
    return resident, worked
