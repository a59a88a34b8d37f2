"""A cache in memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ragstone.errors import CacheUnavailable
from ragstone.protocols import Cache
from ragstone.stored import Found, Lease, Stats, Stored
from ragstone.types import Context

__all__ = ["MemoryCache"]


@dataclass(slots=True)
class _Entry:
    stored: Stored
    made: float
    used: float
    order: int  # the number of the call that made it


class MemoryCache(Cache):
    """A dict with expiry, and with eviction where there is `size`: what a cache must come to, said in the plainest way.

    `size` are the bytes of all values together; `clock` gives the seconds since the epoch. `asked` counts its calls.
    CacheUnavailable is raised for a value that is larger than the whole cache.

    >>> cache = MemoryCache()
    >>> await cache.put("calls", {b"key": Stored(value=b"said")}, context=context)
    >>> (await cache.get("calls", [b"key"], context=context))[b"key"].value
    b'said'
    """

    def __init__(self, *, size: int | None = None, clock: Callable[[], float] = time.time) -> None:
        self.size, self.clock = size, clock
        self.asked = Counter[str]()
        self._entries: dict[tuple[str, bytes], _Entry] = {}
        self._figures = Counter[str]()
        self._leases: dict[bytes, tuple[str, float, float]] = {}  # owner, begun, until
        self._fences = Counter[bytes]()
        self._calls = 0

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        """Those that are there and whose time is not over."""
        self._begin("get")
        found: dict[bytes, Found] = {}
        for key in keys:
            entry = self._entries.get((room, key))
            if entry is not None:
                entry.used = self.clock()
                found[key] = Found(entry.stored.value, entry.made, self._until(entry))
        return found

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        """Keeps or replaces entries, and lets those make room that were not used for longest."""
        self._begin("put")
        if any(self.size is not None and len(stored.value) > self.size for stored in entries.values()):
            raise CacheUnavailable("an entry is too large to be kept", expected=f"at most {self.size} bytes")
        if lease is not None and self._fences[lease.key] != lease.fence:
            return
        for key, stored in entries.items():
            self._entries[room, key] = _Entry(stored, self.clock(), self.clock(), self._calls)
        while self.size is not None and self._bytes() > self.size:
            del self._entries[min(self._entries, key=self._last_use)]

    async def remove(self, room: str, keys: Sequence[bytes], *, context: Context) -> None:
        """Removes entries."""
        self._begin("remove")
        for key in keys:
            self._entries.pop((room, key), None)

    async def forget(self, tags: Sequence[str], *, context: Context) -> int:
        """Removes whatever has one of these tags."""
        self._begin("forget")
        gone = [name for name, entry in self._entries.items() if set(tags) & set(entry.stored.tags)]
        for name in gone:
            del self._entries[name]
        return len(gone)

    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        """The keys of a room's entries that have a tag, the oldest first."""
        self._begin("tagged")
        found = [
            (entry.order, key) for (of, key), entry in self._entries.items() if of == room and tag in entry.stored.tags
        ]
        return [key for _, key in sorted(found)]

    async def clear(self, rooms: Sequence[str] = (), *, context: Context) -> int:
        """Removes everything from these rooms, or from all."""
        self._begin("clear")
        gone = [name for name in self._entries if not rooms or name[0] in rooms]
        for name in gone:
            del self._entries[name]
        return len(gone)

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        """Takes a key, or holds it longer."""
        self._begin("claim")
        now = self.clock()
        holder, begun, until = self._leases.get(key, ("", 0.0, 0.0))
        held = begun <= now < until
        if held and holder != owner:
            return None
        if not held:
            self._fences[key] += 1
        self._leases[key] = owner, now, now + seconds
        return Lease(key, owner, self._fences[key])

    async def release(self, lease: Lease, *, context: Context) -> None:
        """Gives a key back."""
        self._begin("release")
        if self._fences[lease.key] == lease.fence:
            self._leases.pop(lease.key, None)

    async def count(self, figures: Mapping[str, int], *, context: Context) -> None:
        """Adds to figures by name."""
        self._figures.update(figures)

    async def stats(self, *, context: Context) -> Stats:
        """What it holds, and what was counted."""
        self._begin("stats")
        entries, size = Counter[str](), Counter[str]()
        for (room, _), entry in self._entries.items():
            entries[room] += 1
            size[room] += len(entry.stored.value)
        return Stats(entries=entries, size=size, figures=dict(self._figures))

    def _begin(self, verb: str) -> None:
        """Counts the call, and lets go of what has had its time, or was made by a clock that was put back since."""
        self._calls += 1
        self.asked[verb] += 1
        now = self.clock()
        for name, entry in list(self._entries.items()):
            until = self._until(entry)
            if entry.made > now or (until is not None and until <= now):
                del self._entries[name]
            entry.used = min(entry.used, now)

    def _last_use(self, name: tuple[str, bytes]) -> tuple[float, int, tuple[str, bytes]]:
        entry = self._entries[name]
        return entry.used, entry.order, name

    def _until(self, entry: _Entry) -> float | None:
        return None if entry.stored.seconds is None else entry.made + entry.stored.seconds

    def _bytes(self) -> int:
        return sum(len(entry.stored.value) for entry in self._entries.values())
