"""One call for all who ask for the same at once.

    flight, leads = flights.join(key, begin)
    async with flight.held():
        async for delta in flight.read(): ...

The call runs in a task of its own, so that whoever began it may leave while others still read. It is stopped when the
last of them has left.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from ragstone.errors import ModelTimeout, ModelUnavailable
from ragstone.types import Context, Delta

__all__ = ["Flight", "Flights"]

log = logging.getLogger("ragstone")

T = TypeVar("T")

LATE = "the time for this call was over before it had answered"
BESIDE = 8  # at most go on in the background
REST = 10.0  # seconds that nothing is begun there after something went wrong
LAST = 5.0  # seconds that work in the background has when all is closed


class Flight(Generic[T]):
    """A call under way: what it has said so far, and in the end its `result` or its `error`."""

    def __init__(self, work: Callable[[Flight[T]], Awaitable[T]], context: Context, ended: Callable[[], None]) -> None:
        self.context = context  # of who began it
        self.result: T | None = None
        self.error: BaseException | None = None
        self._said: list[str] = []  # since it began anew
        self._era = 0  # how often it has begun anew
        self._over, self._readers = False, 0
        self._news, self._ended = asyncio.Event(), ended
        self._task = asyncio.get_running_loop().create_task(self._run(work))

    def say(self, delta: Delta) -> None:
        """Passes a piece on to everyone."""
        if delta.restart:
            self._said, self._era = [], self._era + 1
        if delta.text:
            self._said.append(delta.text)
        self._wake()

    @property
    def silent(self) -> bool:
        """Whether it has said nothing: all of it is in the result."""
        return not self._said

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Keeps the call going. Where the last one leaves it before its end, it is stopped, and has ended on return."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers and not self._over:
                self._ended()  # who comes now begins another one
                self._task.cancel()
                await asyncio.wait({self._task})

    async def read(self, *, context: Context | None = None) -> AsyncGenerator[Delta]:
        """What it says, from its beginning, until it is over. Raises ModelTimeout at the deadline of the context."""
        at, era = 0, self._era
        while True:
            if era != self._era:
                void, at, era = at > 0, 0, self._era
                if void:
                    yield Delta("", restart=True)
            elif at < len(self._said):
                at += 1
                yield Delta(self._said[at - 1])
            elif self._over:
                return
            else:
                await self._moved(None if context is None else context.remaining())

    async def _moved(self, within: float | None) -> None:
        timer = asyncio.timeout(within)
        try:
            async with timer:
                await self._news.wait()
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise ModelTimeout(LATE, again=False) from error

    async def _run(self, work: Callable[[Flight[T]], Awaitable[T]]) -> None:
        try:
            self.result = await work(self)
        except Exception as error:
            self.error = error
        except BaseException:
            self.error = ModelUnavailable("the call was stopped", again=False)
            raise
        finally:
            self._over = True
            self._ended()
            self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


_Loops: TypeAlias = "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Flight[Any]]]"


class Flights:
    """The calls under way, by what they are for, and what goes on in the background. Each event loop has its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: _Loops = WeakKeyDictionary()
        self._background = set[asyncio.Task[None]]()
        self._failed = -REST

    def join(
        self, name: Hashable, work: Callable[[Flight[T]], Awaitable[T]], *, context: Context
    ) -> tuple[Flight[T], bool]:
        """The call of that name, and whether it was begun by this."""
        with self._lock:
            under_way = self._under_way.setdefault(asyncio.get_running_loop(), {})
        if (found := under_way.get(name)) is not None:
            return found, False

        def ended() -> None:
            if under_way.get(name) is made:
                del under_way[name]

        made = under_way[name] = Flight(work, context, ended)
        return made, True

    @property
    def busy(self) -> int:
        """How much goes on in the background."""
        return len(self._background)

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Goes on with it in the background, unless too much goes on there, or something went wrong a moment ago.

        That is logged, and no one's problem.
        """
        if self.busy >= BESIDE or time.monotonic() - self._failed < REST:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(self._tried(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Waits a while for what goes on in the background, then stops it."""
        here = asyncio.get_running_loop()
        for task in list(self._background):
            if (loop := task.get_loop()) is not here:
                self._background.discard(task)
                if not loop.is_closed():
                    loop.call_soon_threadsafe(task.cancel)
        if self._background:
            _, late = await asyncio.wait(set(self._background), timeout=LAST)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _tried(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed = time.monotonic()
            log.warning("an answer that is kept could not be made anew: %s", error)
