"""One thread for work that blocks: whatever waits for it is done in one go."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, Literal, TypeAlias, TypeVar

__all__ = ["Grouped"]

log = logging.getLogger("ragstone")

T = TypeVar("T")
Outcome: TypeAlias = Any
"""What came of an item, or the exception that its caller gets."""

MOST = 256  # items in one go


@dataclass(slots=True)
class _Item(Generic[T]):
    """What is to be done, and who waits for it."""

    what: T
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


_Waiting: TypeAlias = _Item[T] | Literal["wake", "end"]


class Grouped(Generic[T]):
    """Hands items to `work` from any event loop, as many as wait at a time; it gives an outcome for each, in order.

    An item that is no longer waited for is done all the same. The thread begins with the first item, and again with the
    first after `close`. Between two goes it calls `idle`, which does a little in the background and says whether more
    is left: then it is called again while nothing waits.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[Outcome]], *, name: str, idle: Callable[[], bool] | None = None
    ) -> None:
        self._work, self._name, self._idle = work, name, idle
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting = SimpleQueue[_Waiting[T]]()

    async def do(self, item: T) -> Any:
        """What comes of one item. It is in line when this is first awaited, also where the caller goes away then."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._put(_Item(item, loop, future))
        return await future

    def wake(self) -> None:
        """Has `idle` called, though there is nothing else to do."""
        self._put("wake")

    def close(self) -> None:
        """Returns when all that waits is done."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._waiting.put("end")
        if thread is not None:
            thread.join()

    def _put(self, item: _Waiting[T]) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # a forked child has none
                self._waiting = SimpleQueue[_Waiting[T]]()
                self._thread = threading.Thread(target=self._run, args=(self._waiting,), name=self._name, daemon=True)
                self._thread.start()
            self._waiting.put(item)

    def _run(self, waiting: SimpleQueue[_Waiting[T]]) -> None:
        more = False
        while True:
            found = list[_Waiting[T]]()
            with suppress(Empty):
                found.append(waiting.get(block=not more))
                while len(found) < MOST and found[-1] != "end":
                    found.append(waiting.get_nowait())
            if items := [item for item in found if not isinstance(item, str)]:
                self._done(items)
            if found and found[-1] == "end":
                return
            more = self._rested()

    def _rested(self) -> bool:
        """Whether there is more to do while nothing waits. A fault of ours ends that, and not the thread."""
        try:
            return self._idle is not None and self._idle()
        except Exception:
            log.exception("%s: what is done in the background has failed", self._name)
            return False

    def _done(self, items: Sequence[_Item[T]]) -> None:
        try:
            outcomes = self._work([item.what for item in items])
        except BaseException as error:  # a fault of ours, which must not leave anybody waiting
            outcomes = [error] * len(items)
        arrived = defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome]]](list)
        for item, outcome in zip(items, outcomes, strict=True):
            arrived[item.loop].append((item.future, outcome))
        for loop, pairs in arrived.items():
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(_tell, pairs)


def _tell(pairs: Sequence[tuple[asyncio.Future[Any], Outcome]]) -> None:
    for future, outcome in pairs:
        if future.done():
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
