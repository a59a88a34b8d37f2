"""The cache of one machine, in a file that all its processes share.

kind: cache
type: sqlite
path: .ragstone/answers.db
size: 1000

A pipeline that names no cache has this one. `size` are megabytes of values: what was not used for longest makes room
for what is new. `largest` are megabytes of one value: a larger one is not kept.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from ragstone.errors import ConfigError
from ragstone.protocols import Cache
from ragstone.state.cached import READERS, Act, CacheFile
from ragstone.state.grouped import Grouped
from ragstone.stored import Found, Lease, Stats, Stored
from ragstone.types import Context

__all__ = ["SqliteCache"]

DEFAULT = Path(".ragstone/answers.db")
MEGABYTE = 1_000_000
ALONE = 200  # keys that one thread reads; of more, two read a half each, while SQLite holds no lock of Python's

T = TypeVar("T")

_MADE: WeakSet[SqliteCache] = WeakSet()  # by this process, or by the one that it was forked from


class SqliteCache(Cache):
    """Keeps bytes in a file of SQLite, or in memory where `path` is None.

    One thread writes all that waits in one transaction, and removes what is old a little at a time. Others read beside
    it. They are the cache's own: a hit never waits for a text that is being parsed or embedded. A process that is
    forked opens the file for itself; without a file it begins with nothing.

    >>> cache = SqliteCache(Path(".ragstone/answers.db"))
    >>> await cache.put("calls", {b"key": Stored(value=b"said", seconds=60)}, context=context)
    >>> (await cache.get("calls", [b"key"], context=context))[b"key"].value
    b'said'
    """

    def __init__(self, path: Path | None = DEFAULT, size: int = 1000, largest: int = 5) -> None:
        for name, given in (("size", size), ("largest", largest)):
            if given < 1:
                raise ConfigError(f"`{name}` is too small", expected="1 megabyte or more", found=str(given))
        self._given = path, size * MEGABYTE, largest * MEGABYTE
        self._begin()
        _MADE.add(self)

    def _begin(self) -> None:
        """Without any threads, and with a file that is not open yet."""
        path, size, largest = self._given
        self.file = CacheFile(path, size=size, largest=largest)
        self._writing = Grouped[Act](lambda acts: self.file.act(acts), name="cache", idle=lambda: self.file.idle())
        self._reading: ThreadPoolExecutor | None = None

    async def close(self) -> None:
        """Writes down what was used, and closes the file."""
        reading, self._reading = self._reading, None
        if reading is not None:
            await asyncio.to_thread(reading.shutdown)
        await asyncio.to_thread(self._writing.close)
        await asyncio.to_thread(self.file.close)

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        """Those that are there and whose time is not over."""
        half = len(keys) if len(keys) <= ALONE else (len(keys) + 1) // 2
        parts = [keys[first : first + half] for first in range(0, len(keys), half)] if keys else [keys]
        halves = await asyncio.gather(*(self._read(partial(self.file.get, room, part)) for part in parts))
        found = halves[0] if len(halves) == 1 else {**halves[0], **halves[1]}
        if self.file.due:
            self._writing.wake()
        return found

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        """Keeps or replaces entries. Raises CacheUnavailable where one of them is too large."""
        await self._writing.do(self.file.put(room, dict(entries), lease=lease))

    async def remove(self, room: str, keys: Sequence[bytes], *, context: Context) -> None:
        """Removes entries."""
        await self._writing.do(self.file.remove(room, list(keys)))

    async def forget(self, tags: Sequence[str], *, context: Context) -> int:
        """Removes whatever has one of these tags, portion by portion."""
        return await self._removed(self.file.forget(tags))

    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        """The keys of a room's entries that have a tag, the oldest first."""
        return await self._read(lambda: self.file.tagged(room, tag))

    async def clear(self, rooms: Sequence[str] = (), *, context: Context) -> int:
        """Removes everything from these rooms, portion by portion, or from all at once."""
        return await self._removed(self.file.clear(rooms))

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        """Takes a key, or holds it longer."""
        return await self._writing.do(self.file.claim(key, owner=owner, seconds=seconds))

    async def release(self, lease: Lease, *, context: Context) -> None:
        """Gives a key back."""
        await self._writing.do(self.file.release(lease))

    async def count(self, figures: Mapping[str, int], *, context: Context) -> None:
        """Adds to figures by name."""
        await self._writing.do(self.file.count(dict(figures)))

    async def stats(self, *, context: Context) -> Stats:
        """What it holds, and what was counted."""
        return await self._read(self.file.stats)

    async def _read(self, work: Callable[[], T]) -> T:
        if self._reading is None:
            self._reading = ThreadPoolExecutor(READERS, "cache")
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    async def _removed(self, portion: Act) -> int:
        removed, more = 0, True
        while more:
            found, more = await self._writing.do(portion)
            removed += found
        return removed


# ── Forks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# No connection may cross a fork. The child would take the parent's locks for its own: it would open the file anew
# without any, and when the parent closes it, the parent would delete the log into which the child writes. So a file is
# closed while a process forks, and the parent opens it again with its next call. Of threads and their locks the child
# has copies that nobody serves, and makes its own.


def _hold() -> None:
    _HELD.extend(made.file for made in _MADE)
    for file in _HELD:
        file.hold()


def _let_go() -> None:
    while _HELD:
        _HELD.pop().let_go()


def _begin_anew() -> None:
    _HELD.clear()
    for made in _MADE:
        made._begin()  # pyright: ignore[reportPrivateUsage]


_HELD: list[CacheFile] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_begin_anew)
