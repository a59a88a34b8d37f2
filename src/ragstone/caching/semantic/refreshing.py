"""What is brought up to date in the background, so that no request waits for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from ragstone.caching.semantic import quiet
from ragstone.caching.semantic.background import Background

__all__ = ["PATIENCE", "Refreshed"]

EVERY = 3.0  # seconds at least between two times
PATIENCE = 0.05  # seconds that the first request waits, which would find nothing without


class Refreshed:
    """Calls `refresh` again and again, as long as somebody asks whether it is current, and never twice at once."""

    def __init__(
        self,
        refresh: Callable[[], Awaitable[None]],
        *,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refresh, self._every, self._clock = refresh, every, clock
        self._background = Background()
        self._due, self._known, self._awaited = float("-inf"), False, False

    async def current(self) -> bool:
        """Whether it was ever brought up to date. It begins to be so now, if that is due."""
        if self._background.free and self._clock() >= self._due:
            self._due = self._clock() + self._every
            self._background.begin(self._once)
        if not (self._known or self._awaited):  # a cache that never answers delays nobody but those who come first
            await self._background.settled(PATIENCE)
            self._awaited = True
        return self._known

    async def settled(self) -> None:
        """Waits for what is under way."""
        await self._background.settled()

    async def close(self) -> None:
        """Begins nothing any more, and ends what is under way."""
        await self._background.close()

    async def _once(self) -> None:
        try:
            await self._refresh()
            self._known = True
        except Exception as error:  # a cache may fail in ways of its own, and nobody waits for this
            quiet.warn("what is remembered of questions cannot be read", error)
