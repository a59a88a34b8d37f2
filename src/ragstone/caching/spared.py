"""A cache that is down, slow, full or corrupt fails and delays nobody: it is left alone for a while, and that is said.

cache = SparedCache(SqliteCache(path))
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ragstone.caching.rest import Rest, in_time
from ragstone.errors import CacheUnavailable
from ragstone.protocols import Cache
from ragstone.stored import Found, Lease, Stats, Stored
from ragstone.types import Context
from ragstone.wrapped import WrappedCache

__all__ = ["SparedCache"]

log = logging.getLogger("ragstone")

T = TypeVar("T")

PATIENCE = 0.05  # seconds that a request waits for a cache
PATIENT = 2.0  # seconds that an ingestion waits: to make hundreds of vectors again takes longer
TOGETHER = 500  # keys that may take as long again
UNHURRIED = 100  # times as long has what nobody waits for
SAID = 60.0  # seconds between two lines of the log
COUNTED = 3.0  # seconds between two writes of the figures
MOST, MOST_BYTES = 1000, 64_000_000  # writes that wait, and what they hold together
LAST, STARTED, SOON = 5.0, 1.0, 0.1  # seconds that they have when the cache is closed, is starting, was down
STARTING = ("load", "close")  # need no cache that has started
OWN = "large"  # the reason that is an entry's own, and none to leave the cache alone
BYPASSED = -1  # the fence of a lease that was given by nobody

INSTEAD = "the cache is left alone for now, and what it would hold is made anew"


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """What is true of an entry until it is written: it is there, or without `found` it is gone."""

    found: Found | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Write:
    verb: str
    work: Callable[[], Awaitable[object]]
    size: int = 0
    entries: Mapping[tuple[str, bytes], _Held] = field(default_factory=dict[tuple[str, bytes], _Held])


class SparedCache(WrappedCache):
    """The cache, where what goes wrong with it is a miss.

    A read has `patience` seconds, 0.05 where that is not given, and 2 where the context is patient. Writes go on by
    themselves, in order, and are read from memory until they are done. After a failure the cache is left alone for a
    second, and longer each time, unless an entry was too large. Every call that it does not serve is counted, by why:
    `bypassed.down`, `slow`, `full`, `corrupt`, `large`. What an operator asks for (`clear`, `stats`) raises as it does
    without this. `clock` counts seconds and never goes back.
    """

    def __init__(
        self, cache: Cache, *, patience: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(cache)
        self._patience, self._clock = patience, clock
        self._reads, self._lists, self._writes = Rest(clock), Rest(clock), Rest(clock)
        self._figures, self._bypassed = Counter[str](), 0
        self._counted, self._said = clock(), -SAID
        self._queue, self._bytes = deque[_Write](), 0
        self._waiting: dict[tuple[str, bytes], _Held] = {}
        self._writer: asyncio.Task[None] | None = None
        self._asking: dict[tuple[object, str, bytes], asyncio.Future[Mapping[bytes, Found]]] = {}
        self._loading: asyncio.Task[None] | None = None
        self._late = False

    @property
    def patience(self) -> float:
        """The seconds that a read has."""
        return PATIENCE if self._patience is None else self._patience

    @property
    def bypassed(self) -> int:
        """How many calls the cache was not asked for, or did not answer in time, since this was made."""
        return self._bypassed

    def begin(self) -> None:
        """Has the cache start beside other work, once: to connect takes longer than a read may."""
        self._begun()

    async def load(self) -> None:
        """Starts the cache. One that cannot be reached is asked again later."""
        await asyncio.shield(self._begun())

    async def close(self) -> None:
        """Waits a while for what is still to be written, then closes the cache; one that was down is not waited for."""
        self._count_soon()
        await self.drained(self._last)
        if (writer := self._write_on()) is not None:
            writer.cancel()
            await asyncio.wait({writer})
        self._queue.clear()
        self._waiting.clear()
        self._bytes = 0
        seconds = self._last
        loading, self._loading, self._late = self._loading, None, False
        if loading is not None and loading.get_loop() is asyncio.get_running_loop():
            loading.cancel()
            await asyncio.wait({loading})
        await self._spared(Rest(self._clock), "close", self.cache.close, None, seconds)

    @property
    def _last(self) -> float:
        """The seconds that the cache has when it is closed."""
        if self._reads.resting or self._writes.resting:
            return SOON
        return STARTED if self._loading is not None and not self._loading.done() else LAST

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        """Those that are there, also what is still to be written; none where the cache cannot be asked."""
        waiting = {key: self._waiting[room, key].found for key in keys if (room, key) in self._waiting}
        asked = [key for key in keys if key not in waiting] if waiting else keys
        held = {key: found for key, found in waiting.items() if found is not None}
        if not asked:
            return held
        if len(keys) == 1:
            return await self._one(room, keys[0], context)
        found = await self._several(room, asked, context)
        return {**found, **held} if held else found

    async def _several(self, room: str, keys: Sequence[bytes], context: Context) -> Mapping[bytes, Found]:
        least = PATIENT if context.patient else 0.0
        patience = max(self.patience, least) * (1 + len(keys) // TOGETHER)
        none: Mapping[bytes, Found] = {}
        return await self._spared(
            self._reads, "get", lambda: self.cache.get(room, keys, context=context), none, patience
        )

    async def _one(self, room: str, key: bytes, context: Context) -> Mapping[bytes, Found]:
        """What many want at once is asked for once: a crowd before a cache would make it look slow."""
        name = asyncio.get_running_loop(), room, key
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.ensure_future(self._several(room, [key], context))
            asking.add_done_callback(lambda _: self._asking.pop(name, None))
        return await asyncio.shield(asking)

    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        """The keys with a tag, the oldest first; none where the cache cannot be asked.

        There may be tens of thousands, and no request waits for them: that this takes its time says nothing of a read.
        """
        held = {key: each for (of, key), each in self._waiting.items() if of == room}
        none: Sequence[bytes] = ()
        found = await self._spared(
            self._lists, "tagged", lambda: self.cache.tagged(room, tag, context=context), none, self._unhurried
        )
        kept = [key for key in found if key not in held]
        return [*kept, *(key for key, each in held.items() if tag in each.tags)]

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        """A lease. Where the cache cannot be asked everyone gets one, so that work goes on."""
        own = Lease(key, owner, BYPASSED)
        return await self._spared(self._reads, "claim", lambda: self._claimed(key, owner, seconds), own, self.patience)

    async def _claimed(self, key: bytes, owner: str, seconds: float) -> Lease | None:
        """A lease, which is given back where it comes too late: nobody holds it, and others would wait for its end."""
        claiming = asyncio.ensure_future(self.cache.claim(key, owner=owner, seconds=seconds, context=Context()))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(self._given_back)
            raise

    def _given_back(self, claiming: asyncio.Future[Lease | None]) -> None:
        if claiming.cancelled() or claiming.exception() is not None:
            return
        if (lease := claiming.result()) is not None:
            self._soon(_Write("release", lambda: self.cache.release(lease, context=Context())))

    async def stats(self, *, context: Context) -> Stats:
        """What it holds, with all that was counted by now."""
        self._count_soon()
        await self.drained()
        found = await self.cache.stats(context=context)
        return replace(found, figures=Counter(found.figures) + self._figures)

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        """Has them kept soon."""
        given = None if lease is not None and lease.fence == BYPASSED else lease
        size, now = sum(len(entry.value) for entry in entries.values()), time.time()
        held: dict[tuple[str, bytes], _Held] = {}
        for key, entry in entries.items():
            until = None if entry.seconds is None else now + entry.seconds
            held[room, key] = _Held(Found(entry.value, now, until), entry.tags)

        async def work() -> None:
            await self.cache.put(room, entries, lease=given, context=context)

        self._soon(_Write("put", work, size, held))
        if self._clock() - self._counted >= COUNTED:
            self._count_soon()

    async def remove(self, room: str, keys: Sequence[bytes], *, context: Context) -> None:
        """Has them removed soon."""
        gone = {(room, key): _Held() for key in keys}
        self._soon(_Write("remove", lambda: self.cache.remove(room, keys, context=context), entries=gone))

    async def release(self, lease: Lease, *, context: Context) -> None:
        """Gives it back, behind what was written before."""
        if lease.fence != BYPASSED:
            self._soon(_Write("release", lambda: self.cache.release(lease, context=context)))

    async def count(self, figures: Mapping[str, int], *, context: Context) -> None:
        """Adds to the figures, which are written together every few seconds."""
        self._figures.update(figures)
        if self._clock() - self._counted >= COUNTED:
            self._count_soon()

    async def forget(self, tags: Sequence[str], *, context: Context) -> int:
        """Removes whatever has one of these tags, and says how many entries that were; 0 where it cannot be asked."""
        await self.drained()
        return await self._spared(
            self._writes, "forget", lambda: self.cache.forget(tags, context=context), 0, self._unhurried
        )

    async def clear(self, rooms: Sequence[str] = (), *, context: Context) -> int:
        """Removes everything from these rooms, or from all, and says how many entries that were."""
        await self.drained()
        return await self.cache.clear(rooms, context=context)

    async def drained(self, seconds: float = LAST) -> None:
        """Waits until all is written, so many seconds at most."""
        if (writer := self._write_on()) is not None:
            await asyncio.wait({writer}, timeout=seconds)

    # ── Underneath ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _unhurried(self) -> float:
        return UNHURRIED * self.patience

    async def _spared(
        self, rest: Rest, verb: str, work: Callable[[], Awaitable[T]], otherwise: T, patience: float
    ) -> T:
        """What the cache gives within that time, or the other thing."""
        if verb not in STARTING and not await self._ready(rest, patience):
            self._bypass("slow")
            return otherwise
        entry = rest.enter()
        if entry is None:
            if verb != "count":
                self._bypass(rest.why)
            return otherwise
        try:
            given = await in_time(work, patience)
        except Exception as error:
            why = reason(error)
            rest.note(entry, failed="" if why == OWN else why)
            self._bypass(why)
            self._say(verb, error, patience)
            return otherwise
        except BaseException:
            rest.leave(entry)
            raise
        rest.note(entry)
        return given

    def _bypass(self, why: str) -> None:
        self._figures[f"bypassed.{why}"] += 1
        self._bypassed += 1

    def _begun(self) -> asyncio.Task[None]:
        """The task that starts the cache, which the first call begins."""
        loop, task = asyncio.get_running_loop(), self._loading
        if task is None or task.cancelled() or not (task.done() or task.get_loop() is loop):
            task = self._loading = loop.create_task(
                self._spared(self._writes, "load", self.cache.load, None, self._unhurried)
            )
        return task

    async def _ready(self, rest: Rest, patience: float) -> bool:
        """Whether it has started. To import a client and to connect takes longer than a read may: that is no failure.

        Of the reads the first one waits for it, and the others go on at once.
        """
        loading = self._begun()
        if not loading.done():
            await asyncio.wait({loading}, timeout=0 if self._late and rest is self._reads else patience)
            self._late = not loading.done()
        return loading.done()

    def _say(self, verb: str, error: Exception, patience: float) -> None:
        if self._clock() - self._said < SAID:
            return
        self._said = self._clock()
        late = f"it took longer than {1000 * patience:.0f} ms" if isinstance(error, TimeoutError) else ""
        why = late or f"{error}".rstrip(".") or type(error).__name__
        log.warning("%s: %s (%s): %s", self.name or "cache", INSTEAD, verb, why)

    def _soon(self, write: _Write) -> None:
        """Puts it behind the other writes, unless there are too many of them."""
        if len(self._queue) >= MOST or self._bytes + write.size > MOST_BYTES:
            self._bypass("slow")
            return
        self._queue.append(write)
        self._bytes += write.size
        self._waiting |= write.entries
        self._write_on()

    def _count_soon(self) -> None:
        """Has the figures written, once, however full the queue is."""
        self._counted = self._clock()
        if self._figures and not any(write.verb == "count" for write in self._queue):
            self._queue.append(_Write("count", self._write_figures))
            self._write_on()

    async def _write_figures(self) -> None:
        figures, self._figures = self._figures, Counter[str]()
        try:
            await self.cache.count(figures, context=Context())
        except BaseException:
            self._figures.update(figures)
            raise

    def _write_on(self) -> asyncio.Task[None] | None:
        """The task that writes, on this event loop; None where there is nothing to write."""
        loop = asyncio.get_running_loop()
        if self._writer is None or self._writer.done() or self._writer.get_loop() is not loop:
            self._writer = loop.create_task(self._written()) if self._queue else None
        return self._writer

    async def _written(self) -> None:
        while self._queue:
            write = self._queue.popleft()
            try:
                await self._spared(self._writes, write.verb, write.work, None, self._unhurried)
            except BaseException:
                self._queue.appendleft(write)  # for the next one, which may run on another event loop
                raise
            self._bytes -= write.size
            for name, held in write.entries.items():
                if self._waiting.get(name) is held:
                    del self._waiting[name]


def reason(error: Exception) -> str:
    """Why a cache was bypassed, in one word.

    >>> reason(TimeoutError())
    'slow'
    """
    if isinstance(error, CacheUnavailable):
        return error.reason
    return "slow" if isinstance(error, TimeoutError) else "down"
