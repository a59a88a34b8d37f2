"""How many requests one model is given at once, and how many may wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ragstone.errors import ModelBusy, ModelTimeout

__all__ = ["CONCURRENCY", "QUEUE", "Gate"]

CONCURRENCY, QUEUE = 64, 512


class Gate:
    """Lets `concurrency` requests through; `queue` more wait for their turn, and others are shed at once."""

    def __init__(self, concurrency: int = CONCURRENCY, queue: int = QUEUE) -> None:
        self.concurrency, self.queue = concurrency, queue
        self.running, self.waiting = 0, 0
        self._free = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def entered(self, within: float | None) -> AsyncGenerator[float]:
        """A turn, and the seconds that were waited for it. Raises ModelBusy, or ModelTimeout after `within` seconds."""
        if self._free.locked() and self.waiting >= self.queue:
            raise ModelBusy(
                "it is busy",
                expected=f"at most {self.queue} that wait",
                found=f"{self.running} at work, {self.waiting} waiting",
                again=False,
            )
        begun = time.perf_counter()
        self.waiting += 1
        try:
            async with asyncio.timeout(within):
                await self._free.acquire()
        except TimeoutError as error:
            raise ModelTimeout("the time for this call was over before its turn came", again=False) from error
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            yield time.perf_counter() - begun
        finally:
            self.running -= 1
            self._free.release()
