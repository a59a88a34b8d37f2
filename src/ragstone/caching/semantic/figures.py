"""Counts without making anyone wait."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping

from ragstone.caching.semantic import quiet
from ragstone.protocols import Cache
from ragstone.types import Context

__all__ = ["Figures"]

FLUSHED = 3.0  # seconds at least between two times that figures are handed on


class Figures:
    """Collects figures in memory, and hands them to the cache in the background and at the end."""

    def __init__(self, cache: Cache, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.cache, self._clock = cache, clock
        self._figures = Counter[str]()
        self._flushed = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def count(self, figures: Mapping[str, int]) -> None:
        """Adds to figures by name."""
        self._figures.update(figures)
        if self._clock() - self._flushed >= FLUSHED and (self._task is None or self._task.done()):
            self._flushed = self._clock()
            self._task = asyncio.create_task(self._flush())

    async def close(self) -> None:
        """Hands on the last ones."""
        if self._task is not None:
            await asyncio.wait({self._task})
        await self._flush()

    async def _flush(self) -> None:
        figures, self._figures = self._figures, Counter[str]()
        try:
            if figures:
                await self.cache.count(figures, context=Context())
        except Exception as error:  # a cache may fail in ways of its own, and nobody waits for this
            quiet.warn("figures of remembered questions cannot be counted", error)
