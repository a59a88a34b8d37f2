"""The cache in a file against the plainest one: a dict that is gone through at every call."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.protocols import Cache
from ragstone.state.cached import BESIDE, CacheFile
from ragstone.stored import Lease, Stored
from ragstone.testing import MemoryCache
from ragstone.testing.suites.cache import Clock
from ragstone.types import Context

CONTEXT = Context()
UNIT = 50_000  # bytes: so many that what an entry takes beside its value decides nothing
ROOM = 6  # units

T = TypeVar("T")

rooms = st.sampled_from(["calls", "vectors"])
keys = st.sampled_from([b"a", b"b", b"\x00", b"key:1"])
tags = st.sampled_from(["x", "y", "document:1", "document:11"])
seconds = st.none() | st.sampled_from([3.0, 30.0, 300.0])
sizes = st.sampled_from([0, 1, 1, 2, 3, 5])
entries = st.dictionaries(keys, st.tuples(sizes, seconds, st.lists(tags, max_size=3)), max_size=4)
owners = st.sampled_from(["one", "two"])


class Caches(RuleBasedStateMachine):
    """Does the same with both. The clock ticks before each call, so that no two uses are of one moment."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop, self.clock = asyncio.new_event_loop(), Clock(1_795_000_000.0)
        self.model = MemoryCache(size=ROOM * UNIT, clock=self.clock)
        self.cache = SqliteCache(None)
        self.cache.file = self.opened()
        self.leases = list[tuple[Lease, Lease]]()
        self.cache.file.act([])  # makes the tables

    def opened(self) -> CacheFile:
        size = ROOM * (UNIT + BESIDE) + 20 * BESIDE
        return CacheFile(self.folder / "answers.db", size=size, largest=10 * UNIT, noted=0, clock=self.clock)

    def teardown(self) -> None:
        self.do(self.cache.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(call)

    def both(self, verb: str, *given: Any, **named: Any) -> tuple[Any, Any]:
        """What the model says, and what the cache says."""
        self.clock.now += 1
        said = [self.do(getattr(one, verb)(*given, **named, context=CONTEXT)) for one in (self.model, self.cache)]
        return said[0], said[1]

    def same(self, verb: str, *given: Any, **named: Any) -> Any:
        expected, found = self.both(verb, *given, **named)
        assert found == expected
        return found

    @rule(room=rooms, entries=entries)
    def put(self, room: str, entries: dict[bytes, tuple[int, float | None, list[str]]]) -> None:
        self.same("put", room, _stored(entries, self.clock.now))

    @precondition(lambda self: self.leases)
    @rule(room=rooms, entries=entries, back=st.integers(0, 3))
    def put_with_a_lease(self, room: str, entries: dict[bytes, tuple[int, float | None, list[str]]], back: int) -> None:
        self.clock.now += 1
        stored = _stored(entries, self.clock.now)
        for one, lease in self.leased(back):
            self.do(one.put(room, stored, lease=lease, context=CONTEXT))

    @rule(room=rooms, wanted=st.lists(keys, max_size=4))
    def get(self, room: str, wanted: list[bytes]) -> None:
        self.same("get", room, wanted)

    @rule(room=rooms, wanted=st.lists(keys, max_size=4))
    def remove(self, room: str, wanted: list[bytes]) -> None:
        self.same("remove", room, wanted)

    @rule(wanted=st.lists(tags, max_size=2))
    def forget(self, wanted: list[str]) -> None:
        self.same("forget", wanted)

    @rule(room=rooms, tag=tags)
    def tagged(self, room: str, tag: str) -> None:
        self.same("tagged", room, tag)

    @rule(wanted=st.lists(rooms, max_size=2, unique=True))
    def clear(self, wanted: list[str]) -> None:
        self.same("clear", wanted)

    @rule(figures=st.dictionaries(st.sampled_from(["hit", "miss"]), st.integers(0, 9)))
    def count(self, figures: dict[str, int]) -> None:
        self.same("count", figures)

    @rule(key=keys, owner=owners, length=st.sampled_from([2.0, 30.0]))
    def claim(self, key: bytes, owner: str, length: float) -> None:
        expected, found = self.both("claim", key, owner=owner, seconds=length)
        assert (expected is None) == (found is None)
        if expected is not None:
            before = [(one, other) for one, other in self.leases if one.key == key]
            for one, other in before:
                assert (expected.fence > one.fence) == (found.fence > other.fence)
                assert (expected.fence == one.fence) == (found.fence == other.fence)
            self.leases.append((expected, found))

    @precondition(lambda self: self.leases)
    @rule(back=st.integers(0, 3))
    def release(self, back: int) -> None:
        self.clock.now += 1
        for one, lease in self.leased(back):
            self.do(one.release(lease, context=CONTEXT))

    def leased(self, back: int) -> list[tuple[Cache, Lease]]:
        """A lease of late, as each of the two gave it."""
        one, other = self.leases[-1 - back % len(self.leases)]
        return [(self.model, one), (self.cache, other)]

    @rule(passed=st.sampled_from([1.0, 5.0, 40.0, 400.0]))
    def wait(self, passed: float) -> None:
        self.clock.now += passed

    @rule(back=st.sampled_from([5.0, 40.0, 400.0]))
    def put_the_clock_back(self, back: float) -> None:
        """What is old is removed before, and looked at afterwards: left alone, some of it would be young again."""
        self.same("count", {})
        self.cache.file.tidy()
        self.clock.now -= back
        self.same("count", {})
        self.both("stats")
        self.cache.file.tidy()

    @rule()
    def tidy(self) -> None:
        self.cache.file.tidy()

    @rule()
    def open_again(self) -> None:
        self.do(self.cache.close())
        self.cache.file = self.opened()

    @invariant()
    def the_same_is_there(self) -> None:
        expected, found = self.both("stats")
        assert {room: count for room, count in found.entries.items() if count} == expected.entries
        assert {room: size for room, size in found.size.items() if room in expected.entries} == expected.size
        assert found.figures == expected.figures

    @invariant()
    def nothing_is_left_behind(self) -> None:
        path = self.folder / "answers.db"
        db = sqlite3.connect(path)
        for faulty in (
            "SELECT id FROM contents_1 EXCEPT SELECT id FROM entries_1",
            "SELECT id FROM entries_1 EXCEPT SELECT id FROM contents_1",
            "SELECT entry FROM tagged_1 EXCEPT SELECT id FROM entries_1",
            "SELECT id FROM tags_1 EXCEPT SELECT tag FROM tagged_1",
            "SELECT room, COUNT(*), SUM(size) FROM entries_1 GROUP BY room"
            " EXCEPT SELECT id, entries, size FROM rooms_1",
        ):
            assert db.execute(faulty).fetchall() == [], faulty
        db.close()


def _stored(entries: dict[bytes, tuple[int, float | None, list[str]]], now: float) -> dict[bytes, Stored]:
    moment = int(now).to_bytes(8, "big")
    return {
        key: Stored(value=moment * (size * UNIT // 8), seconds=length, tags=tuple(tags))
        for key, (size, length, tags) in entries.items()
    }


TestCaches = Caches.TestCase
TestCaches.settings = settings(  # without `shrink`, which takes minutes here
    max_examples=15, stateful_step_count=30, phases=[Phase.generate]
)
