"""How many requests one model is given at once, how many may wait, and whose turn it is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from ragstone.errors import ModelBusy, ModelTimeout
from ragstone.inference.speed import moved

__all__ = ["CONCURRENCY", "QUEUE", "Gate"]

CONCURRENCY, QUEUE = 64, 512


class Gate:
    """Lets `concurrency` requests through; `queue` more wait for their turn, and others are shed at once.

    Who waits stands in the line of their tenant, and the tenants take turns: the thousand requests of one delay
    another's by one turn at most. Nor does a full queue keep anybody out: room is made in the longest line, at its end.
    A gate may be used from several event loops. `clock` counts seconds.
    """

    def __init__(
        self, concurrency: int = CONCURRENCY, queue: int = QUEUE, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.concurrency, self.queue = concurrency, queue
        self.running, self.waiting = 0, 0
        self.taken: float | None = None  # seconds that a request is at work, on average of late
        self._lines: dict[str, deque[_Waiter]] = {}  # by tenant; the next turn is that of the first line
        self._clock, self._lock = clock, threading.Lock()

    @asynccontextmanager
    async def entered(
        self, tenant: str = "", *, within: float | None = None, patience: float | None = None
    ) -> AsyncGenerator[float]:
        """A turn, and the seconds that were waited for it.

        Raises ModelTimeout where it does not come `within` the seconds that the whole call has left, and ModelBusy
        where it does not within those of one's `patience`, or where too many wait.
        """
        waited = await self._enter(tenant, within, patience)
        begun = self._clock()
        try:
            yield waited
        finally:
            with self._lock:
                self.taken = moved(self.taken, self._clock() - begun)
                self._pass_on()

    @property
    def expected(self) -> float | None:
        """Seconds until who comes now has a turn, as fast as things have gone of late; None while nothing is known."""
        if self.taken is None:
            return None
        return 0.0 if self.running < self.concurrency else self.taken * (self.waiting + 1) / self.concurrency

    async def _enter(self, tenant: str, within: float | None, patience: float | None) -> float:
        with self._lock:
            if self.running < self.concurrency:  # then nobody waits: a turn that is over is passed on
                self.running += 1
                return 0.0
            waiter = self._queued(tenant)
        begun = self._clock()
        try:
            async with asyncio.timeout(min((s for s in (within, patience) if s is not None), default=None)):
                await waiter.woken
        except BaseException as error:
            self._gone(tenant, waiter)
            if not isinstance(error, TimeoutError):
                raise
            if patience is not None and (within is None or patience < within):
                raise self._busy(f"its turn did not come within {patience:g} s") from error
            raise ModelTimeout("the time for this call was over before its turn came", again=False) from error
        if not waiter.called:
            raise self._busy("more requests wait for it than may")
        return self._clock() - begun

    def _queued(self, tenant: str) -> _Waiter:
        """One more at the end of a tenant's line. Raises ModelBusy where there is no room, and none can be made."""
        if self.waiting >= self.queue:
            longest = max(self._lines, key=lambda name: len(self._lines[name]), default=tenant)
            if len(self._lines.get(longest, ())) <= len(self._lines.get(tenant, ())) + 1:
                raise self._busy("more requests wait for it than may")
            self._lines[longest].pop().call(turn=False)
            self.waiting -= 1
        waiter = _Waiter()
        self._lines.setdefault(tenant, deque()).append(waiter)
        self.waiting += 1
        return waiter

    def _gone(self, tenant: str, waiter: _Waiter) -> None:
        """Who waited has left; if the turn came at the same moment, the next one has it."""
        with self._lock:
            if waiter.called:
                self._pass_on()
            elif waiter.called is None:
                line = self._lines[tenant]
                line.remove(waiter)
                self.waiting -= 1
                if not line:
                    del self._lines[tenant]

    def _pass_on(self) -> None:
        """Gives a turn that is over to the next one of the next tenant."""
        while self._lines:
            tenant, line = next(iter(self._lines.items()))
            waiter = line.popleft()
            self.waiting -= 1
            del self._lines[tenant]
            if line:
                self._lines[tenant] = line  # behind all others
            if waiter.call(turn=True):
                return
        self.running -= 1

    def _busy(self, message: str) -> ModelBusy:
        return ModelBusy(
            message,
            expected=f"at most {self.queue} that wait",
            found=f"{self.running} at work, {self.waiting} waiting",
            retry_after=self.expected,
            again=False,
        )


class _Waiter:
    """One who waits, on the loop that it runs on. `called` says whether a turn came (True), or that it was shed."""

    __slots__ = ("_loop", "called", "woken")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.woken: asyncio.Future[None] = self._loop.create_future()
        self.called: bool | None = None

    def call(self, *, turn: bool) -> bool:
        """Wakes it, from whichever thread. False where its loop has ended, and it with that."""
        self.called = turn  # before it wakes, on a thread of its own perhaps
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            self.called = False
            return False
        return True

    def _wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)
