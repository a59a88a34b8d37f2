"""Keeps the event loop free while a long text is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

__all__ = ["Breaths", "apart"]

T = TypeVar("T")

LONG = 4_000  # characters; with fewer a thread costs more than the work
BREATH = 0.01  # seconds after which others have their turn


async def apart(length: int, work: Callable[[], T]) -> T:
    """What comes of work on a text of that length: done at once where it is short, and in a thread where it is long."""
    return work() if length <= LONG else await asyncio.to_thread(work)


class Breaths:
    """Lets others have their turn while many short pieces of work follow each other."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def take(self) -> None:
        """Comes between two pieces."""
        if perf_counter() - self._since > BREATH:
            await asyncio.sleep(0)
            self._since = perf_counter()
