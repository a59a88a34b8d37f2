"""What is brought up to date in the background, so that no request waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from ragstone.caching.semantic import quiet

__all__ = ["PATIENCE", "Refreshed"]

EVERY = 3.0  # seconds at least between two times
PATIENCE = 0.05  # seconds that the first request waits, which would find nothing without
CLOSING = 1.0  # seconds that one which is under way has to end


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
        self._task: asyncio.Task[None] | None = None
        self._due, self._known, self._closed = float("-inf"), False, False

    async def current(self) -> bool:
        """Whether it was ever brought up to date. It begins to be so now, if that is due."""
        if not self._closed and self._clock() >= self._due and (self._task is None or self._task.done()):
            self._due = self._clock() + self._every
            self._task = asyncio.create_task(self._once())
        if not self._known and self._task is not None:
            await asyncio.wait({self._task}, timeout=PATIENCE)
        return self._known

    async def settled(self) -> None:
        """Waits for what is under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Begins nothing any more, and ends what is under way."""
        self._closed = True
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=CLOSING)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _once(self) -> None:
        try:
            await self._refresh()
            self._known = True
        except Exception as error:  # a cache may fail in ways of its own, and nobody waits for this
            quiet.warn("what is remembered of questions cannot be read", error)
