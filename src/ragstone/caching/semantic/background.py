"""One piece of work at a time beside the requests, for which none of them waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["CLOSING", "Background"]

CLOSING = 1.0  # seconds that what is under way has to end


class Background:
    """Has room for one piece of work, until it is closed."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def free(self) -> bool:
        """Whether a piece of work would begin now."""
        return not self._closed and (self._task is None or self._task.done())

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begins it, unless another one is under way."""
        if self.free:
            self._task = asyncio.create_task(work())

    async def settled(self, seconds: float | None = None) -> None:
        """Waits for what is under way, or for so long."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    async def close(self) -> None:
        """Begins nothing any more, and breaks off what does not end soon."""
        self._closed = True
        await self.settled(CLOSING)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
