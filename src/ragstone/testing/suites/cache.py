"""The conformance suite of Cache."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.errors import CacheUnavailable
from ragstone.protocols import Cache
from ragstone.stored import Lease, Stored
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite

__all__ = ["CacheSuite", "Clock"]

ROOMS = ("calls", "vectors", "call", "calls:1", "a b%c*?[\\ \n é")
KEYS = (
    b"key",
    b"ke",
    b"key ",
    b"key:1",
    b"key\x00\n",
    b"\x00",
    b"\x00\x00",
    b"*?[a]\\ %c",
    b"\xff" * 64,
    bytes(range(64)),
)
TAGS = ("document:1", "document:11", "document:1:1", "document:", "a b%c*?[\\ \n é", "x" * 500)
LONG, BRIEF = 60.0, 0.5  # seconds


class Clock:
    """Seconds since the epoch, as a test sets them."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now


class CacheSuite(ConnectorSuite[Cache]):
    """What every cache does. It keeps nothing of an earlier test: `make` gives it an empty place.

    `persistent`: `make` with the same folder finds what was kept, also while the first one is open. `timed`: what
    `make` gives tells the time by `self.clock`; without it a test waits. What has a size (`small`) is timed.

    >>> class TestMyCache(CacheSuite):
    ...     persistent = True
    ...
    ...     def make(self, tmp_path: Path) -> Cache:
    ...         return MyCache(tmp_path / "cache")
    """

    persistent: ClassVar[bool] = False
    timed: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def _clock(self) -> None:
        self.clock = Clock(float(int(time.time())))

    def small(self, tmp_path: Path, size: int) -> Cache:
        """One with room for so many bytes, in which what was not used for longest makes room."""
        pytest.skip("has no size")

    async def passed(self, seconds: float) -> None:
        """Returns when so much time is over."""
        if self.timed:
            self.clock.now += seconds
        else:
            await asyncio.sleep(1.5 * seconds)

    async def exercise(self, connector: Cache) -> None:
        await self.keep(connector, {b"a": b"1", b"b": b"2"}, tags=("x",))
        await self.values(connector, [b"a", b"c"])
        lease = await self.claim(connector, "me")
        assert lease is not None
        await connector.release(lease, context=CONTEXT)
        await connector.remove("calls", [b"a"], context=CONTEXT)
        await connector.tagged("calls", "x", context=CONTEXT)
        await connector.forget(["x"], context=CONTEXT)
        await connector.clear(context=CONTEXT)
        await connector.count({"calls.hit": 1}, context=CONTEXT)
        await connector.stats(context=CONTEXT)

    async def keep(
        self,
        cache: Cache,
        values: Mapping[bytes, bytes],
        room: str = "calls",
        *,
        seconds: float | None = None,
        tags: Sequence[str] = (),
        lease: Lease | None = None,
    ) -> None:
        """Puts values that have the same tags."""
        entries = {key: Stored(value=value, seconds=seconds, tags=tuple(tags)) for key, value in values.items()}
        await cache.put(room, entries, lease=lease, context=CONTEXT)

    async def values(self, cache: Cache, keys: Sequence[bytes], room: str = "calls") -> dict[bytes, bytes]:
        """What is found."""
        return {key: found.value for key, found in (await cache.get(room, keys, context=CONTEXT)).items()}

    async def tagged(self, cache: Cache, tag: str, room: str = "calls") -> list[bytes]:
        """The keys with a tag."""
        return list(await cache.tagged(room, tag, context=CONTEXT))

    async def claim(self, cache: Cache, owner: str, seconds: float = LONG, *, key: bytes = b"key") -> Lease | None:
        """A lease, or None."""
        return await cache.claim(key, owner=owner, seconds=seconds, context=CONTEXT)

    # ── Keeping ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_was_kept_is_found_with_its_times(self, connector: Cache) -> None:
        await self.keep(connector, {b"a": b"1"}, seconds=LONG)
        await self.keep(connector, {b"b": b"2"})
        found = await connector.get("calls", [b"a", b"b", b"c", b"a"], context=CONTEXT)
        assert {key: one.value for key, one in found.items()} == {b"a": b"1", b"b": b"2"}
        assert found[b"b"].until is None
        until = found[b"a"].until
        assert until is not None
        assert abs(until - found[b"a"].made - LONG) < 0.01
        now = self.clock.now if self.timed else time.time()
        assert abs(found[b"a"].made - now) < 60

    async def test_keys_and_values_are_any_bytes(self, connector: Cache) -> None:
        everything = bytes(range(256)) * 4_000
        values = dict(zip(KEYS, (b"", b"\x00", everything, b"\xff\x00", *KEYS), strict=False))
        await self.keep(connector, values)
        assert await self.values(connector, KEYS) == values
        for key in KEYS:
            assert await self.values(connector, [key]) == {key: values[key]}

    async def test_nothing_is_kept_and_found_in_nothing(self, connector: Cache) -> None:
        await connector.put("calls", {}, context=CONTEXT)
        await connector.remove("calls", [], context=CONTEXT)
        assert await self.values(connector, []) == {}
        assert await self.values(connector, [b"a"], "nowhere") == {}
        assert await connector.forget([], context=CONTEXT) == 0
        assert await self.tagged(connector, "none", "nowhere") == []
        assert await connector.clear(["nowhere"], context=CONTEXT) == 0

    async def test_a_new_value_takes_the_place_of_the_old_one_with_all_that_belonged_to_it(
        self, connector: Cache
    ) -> None:
        await self.keep(connector, {b"a": b"old"}, seconds=LONG, tags=("old", "both"))
        await self.keep(connector, {b"a": b"new"}, tags=("new", "both"))
        found = await connector.get("calls", [b"a"], context=CONTEXT)
        assert (found[b"a"].value, found[b"a"].until) == (b"new", None)
        assert [await self.tagged(connector, tag) for tag in ("old", "both", "new")] == [[], [b"a"], [b"a"]]
        assert await connector.forget(["old"], context=CONTEXT) == 0
        stats = await connector.stats(context=CONTEXT)
        assert (stats.entries["calls"], stats.size["calls"]) == (1, 3)

    async def test_rooms_are_apart(self, connector: Cache) -> None:
        for room in ROOMS:
            await self.keep(connector, {key: room.encode() + key for key in KEYS}, room)
        await connector.remove("calls", [b"key"], context=CONTEXT)
        for room in ROOMS:
            expected = {key: room.encode() + key for key in KEYS if (room, key) != ("calls", b"key")}
            assert await self.values(connector, KEYS, room) == expected

    async def test_thousands_are_kept_and_found_at_once(self, connector: Cache) -> None:
        values = {b"%d" % number: b"%d" % number * 100 for number in range(3_000)}
        await self.keep(connector, values)
        assert await self.values(connector, [*values, *(b"x%d" % number for number in range(3_000))]) == values
        await connector.remove("calls", [b"%d" % number for number in range(0, 3_000, 2)], context=CONTEXT)
        assert set(await self.values(connector, list(values))) == {b"%d" % number for number in range(1, 3_000, 2)}

    async def test_what_was_removed_is_gone(self, connector: Cache) -> None:
        await self.keep(connector, {b"a": b"1", b"b": b"2"}, tags=("x",))
        await connector.remove("calls", [b"a", b"unknown"], context=CONTEXT)
        await connector.remove("calls", [b"a"], context=CONTEXT)
        assert await self.values(connector, [b"a", b"b"]) == {b"b": b"2"}
        assert await self.tagged(connector, "x") == [b"b"]

    async def test_calls_may_come_at_once(self, connector: Cache) -> None:
        async def one(number: int) -> bytes:
            key = b"%d" % (number % 10)
            await self.keep(connector, {key: key})
            return (await self.values(connector, [key]))[key]

        values = await asyncio.gather(*(one(number) for number in range(60)))
        assert values == [b"%d" % (number % 10) for number in range(60)]

    async def test_a_caller_who_leaves_does_no_harm(self, connector: Cache) -> None:
        tasks = [asyncio.ensure_future(self.keep(connector, {b"%d" % one: b"v"})) for one in range(20)]
        tasks += [asyncio.ensure_future(self.keep(connector, {b"x": b"%d" % one}, "other")) for one in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.keep(connector, {b"after": b"v"})
        found = await self.values(connector, [b"after", *(b"%d" % one for one in range(1, 20, 2))])
        assert len(found) == 11

    # ── Tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_has_a_tag_is_forgotten_in_every_room(self, connector: Cache) -> None:
        await self.keep(connector, {b"a": b"1"}, "calls", tags=("x", "y"))
        await self.keep(connector, {b"a": b"2"}, "questions", tags=("y",))
        await self.keep(connector, {b"b": b"3"}, "questions", tags=("z",))
        await self.keep(connector, {b"c": b"4"}, "questions")
        assert await connector.forget(["x", "y", "unknown"], context=CONTEXT) == 2
        assert await self.values(connector, [b"a"]) == {}
        assert await self.values(connector, [b"a", b"b", b"c"], "questions") == {b"b": b"3", b"c": b"4"}
        assert await connector.forget(["x", "y"], context=CONTEXT) == 0
        assert await self.tagged(connector, "y") == []

    async def test_a_tag_is_taken_whole(self, connector: Cache) -> None:
        for number, tag in enumerate(TAGS):
            await self.keep(connector, {b"%d" % number: b"v"}, tags=(tag,))
        for number, tag in enumerate(TAGS):
            assert await self.tagged(connector, tag) == [b"%d" % number]
            assert await connector.forget([tag], context=CONTEXT) == 1
            assert len(await self.values(connector, [b"%d" % one for one in range(9)])) == len(TAGS) - number - 1

    async def test_keys_of_a_tag_come_the_oldest_first(self, connector: Cache) -> None:
        for key in (b"c", b"a", b"b", b"d"):
            await self.keep(connector, {key: key}, tags=("x",))
        await self.keep(connector, {b"e": b"e"}, "other", tags=("x",))
        await self.keep(connector, {b"c": b"again"}, tags=("x",))
        await self.values(connector, [b"a"])
        assert await self.tagged(connector, "x") == [b"a", b"b", b"d", b"c"]
        assert await self.tagged(connector, "x", "other") == [b"e"]

    async def test_thousands_are_forgotten(self, connector: Cache) -> None:
        for half in ("even", "odd"):
            values = {b"%d" % number: b"v" for number in range(half == "odd", 3_000, 2)}
            await self.keep(connector, values, tags=(half, "all"))
        assert await connector.forget(["even"], context=CONTEXT) == 1_500
        assert len(await self.tagged(connector, "all")) == 1_500
        assert await connector.forget(["all", "even", "odd"], context=CONTEXT) == 1_500
        assert not (await connector.stats(context=CONTEXT)).entries.get("calls", 0)

    async def test_rooms_are_cleared(self, connector: Cache) -> None:
        for room in ("a", "b", "c"):
            await self.keep(connector, {b"%d" % number: b"v" for number in range(5)}, room, tags=("x",))
        assert await connector.clear(["a", "b", "unknown"], context=CONTEXT) == 10
        assert [len(await self.tagged(connector, "x", room)) for room in ("a", "b", "c")] == [0, 0, 5]
        await self.keep(connector, {b"new": b"v"}, "a")
        assert await connector.clear(context=CONTEXT) == 6
        for room in ("a", "c"):
            assert await self.values(connector, [b"new", b"1"], room) == {}
        await self.keep(connector, {b"1": b"again"}, "a")
        assert await self.values(connector, [b"1"], "a") == {b"1": b"again"}
        assert await connector.clear(["a"], context=CONTEXT) == 1

    # ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_had_its_time_is_gone(self, connector: Cache) -> None:
        await self.keep(connector, {b"a": b"1", b"b": b"2"}, seconds=BRIEF, tags=("x",))
        await self.keep(connector, {b"c": b"3"}, seconds=LONG, tags=("x",))
        await self.passed(BRIEF)
        assert await self.values(connector, [b"a", b"b", b"c"]) == {b"c": b"3"}
        assert await self.values(connector, [b"a"]) == {}
        assert await self.tagged(connector, "x") == [b"c"]
        stats = await connector.stats(context=CONTEXT)
        assert (stats.entries["calls"], stats.size["calls"]) == (1, 1)
        assert await connector.forget(["x"], context=CONTEXT) == 1

    async def test_what_had_its_time_is_not_counted_as_cleared(self, connector: Cache) -> None:
        await self.keep(connector, {b"a": b"1"}, seconds=BRIEF)
        await self.keep(connector, {b"b": b"2"})
        await self.passed(BRIEF)
        assert await connector.clear(context=CONTEXT) == 1

    async def test_a_new_value_has_a_new_time(self, connector: Cache) -> None:
        await self.keep(connector, {b"a": b"1", b"b": b"1"}, seconds=BRIEF)
        await self.keep(connector, {b"a": b"2"}, seconds=LONG)
        await self.passed(BRIEF)
        assert await self.values(connector, [b"a", b"b"]) == {b"a": b"2"}

    async def test_what_a_clock_made_that_was_put_back_since_is_not_there(self, connector: Cache) -> None:
        if not self.timed:
            pytest.skip("tells the time by itself")
        await self.keep(connector, {b"before": b"1"}, tags=("x",))
        self.clock.now += 1_000
        await self.keep(connector, {b"after": b"2"}, tags=("x",), seconds=LONG)
        await self.values(connector, [b"before"])
        self.clock.now -= 500
        assert await self.values(connector, [b"before", b"after"]) == {b"before": b"1"}
        assert await self.tagged(connector, "x") == [b"before"]
        assert (await connector.stats(context=CONTEXT)).entries == {"calls": 1}
        await self.keep(connector, {b"after": b"3"})
        assert await self.values(connector, [b"after"]) == {b"after": b"3"}

    # ── Leases ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_one_owner_has_a_lease_at_a_time(self, connector: Cache) -> None:
        first = await self.claim(connector, "one")
        assert first is not None
        assert (first.key, first.owner) == (b"key", "one")
        assert await self.claim(connector, "two") is None
        assert await self.claim(connector, "two", key=b"other") is not None
        assert await self.claim(connector, "one") == first
        await connector.release(first, context=CONTEXT)
        second = await self.claim(connector, "two")
        assert second is not None
        assert second.fence > first.fence
        assert await self.claim(connector, "one") is None

    async def test_of_a_hundred_who_claim_at_once_one_has_it(self, connector: Cache) -> None:
        leases = await asyncio.gather(*(self.claim(connector, f"owner {number}") for number in range(100)))
        assert sum(lease is not None for lease in leases) == 1

    async def test_someone_takes_over_from_an_owner_who_died(self, connector: Cache) -> None:
        first = await self.claim(connector, "one", BRIEF)
        assert first is not None
        await self.passed(BRIEF)
        second = await self.claim(connector, "two")
        assert second is not None
        assert second.fence > first.fence
        assert await self.claim(connector, "one") is None

    async def test_a_lease_that_is_held_longer_does_not_end(self, connector: Cache) -> None:
        first = await self.claim(connector, "one", BRIEF)
        assert await self.claim(connector, "one", LONG) == first
        await self.passed(BRIEF)
        assert await self.claim(connector, "two") is None

    async def test_who_comes_back_late_keeps_and_releases_nothing_of_anothers(self, connector: Cache) -> None:
        first = await self.claim(connector, "one", BRIEF)
        assert first is not None
        await self.passed(BRIEF)
        second = await self.claim(connector, "two")
        await self.keep(connector, {b"key": b"late", b"beside": b"late"}, lease=first)
        await connector.release(first, context=CONTEXT)
        assert await self.values(connector, [b"key", b"beside"]) == {}
        assert await self.claim(connector, "three") is None
        await self.keep(connector, {b"key": b"right"}, lease=second)
        await self.keep(connector, {b"key": b"late"}, lease=first)
        assert await self.values(connector, [b"key"]) == {b"key": b"right"}

    async def test_who_comes_back_late_may_keep_what_nobody_else_makes(self, connector: Cache) -> None:
        lease = await self.claim(connector, "one", BRIEF)
        assert lease is not None
        await self.passed(BRIEF)
        await self.keep(connector, {b"key": b"late"}, lease=lease)
        await connector.release(lease, context=CONTEXT)
        await self.keep(connector, {b"more": b"later"}, lease=lease)
        assert await self.values(connector, [b"key", b"more"]) == {b"key": b"late", b"more": b"later"}

    async def test_a_lease_that_a_clock_gave_that_was_put_back_since_holds_nobody_up(self, connector: Cache) -> None:
        if not self.timed:
            pytest.skip("tells the time by itself")
        first = await self.claim(connector, "one")
        self.clock.now -= 1_000
        second = await self.claim(connector, "two")
        assert first is not None
        assert second is not None
        assert second.fence > first.fence

    # ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_figures_add_up(self, connector: Cache) -> None:
        for _ in range(3):
            await connector.count({"calls.hit": 2, "calls.saved.nano": 10**12, "a b:é": 1}, context=CONTEXT)
        await asyncio.gather(*(connector.count({"calls.hit": 1}, context=CONTEXT) for _ in range(20)))
        await connector.count({}, context=CONTEXT)
        figures = (await connector.stats(context=CONTEXT)).figures
        assert dict(figures) == {"calls.hit": 26, "calls.saved.nano": 3 * 10**12, "a b:é": 3}

    async def test_stats_say_what_is_there_by_room(self, connector: Cache) -> None:
        stats = await connector.stats(context=CONTEXT)
        assert (dict(stats.entries), dict(stats.size), dict(stats.figures)) == ({}, {}, {})
        await self.keep(connector, {b"a": b"123", b"b": b"45"}, tags=("x",))
        await self.keep(connector, {b"a": b"6"}, "vectors")
        stats = await connector.stats(context=CONTEXT)
        assert (dict(stats.entries), dict(stats.size)) == ({"calls": 2, "vectors": 1}, {"calls": 5, "vectors": 1})
        await connector.remove("calls", [b"a"], context=CONTEXT)
        await connector.forget(["x"], context=CONTEXT)
        stats = await connector.stats(context=CONTEXT)
        assert {room: count for room, count in stats.entries.items() if count} == {"vectors": 1}

    # ── Where it lies ────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_was_kept_is_there_when_it_is_opened_again(self, connector: Cache, tmp_path: Path) -> None:
        if not self.persistent:
            pytest.skip("keeps nothing")
        await self.keep(connector, {b"a": b"1"}, tags=("x",), seconds=LONG)
        await connector.count({"calls.hit": 3}, context=CONTEXT)
        before, lease = await connector.get("calls", [b"a"], context=CONTEXT), await self.claim(connector, "one")
        await connector.close()
        again = self.make(tmp_path)
        assert await again.get("calls", [b"a"], context=CONTEXT) == before
        assert await self.tagged(again, "x") == [b"a"]
        assert (await again.stats(context=CONTEXT)).figures == {"calls.hit": 3}
        assert await self.claim(again, "two") is None
        assert await self.claim(again, "one") == lease
        await again.close()

    async def test_two_who_share_a_place_are_as_one(self, connector: Cache, tmp_path: Path) -> None:
        if not self.persistent:
            pytest.skip("keeps nothing")
        other = self.make(tmp_path)
        await self.keep(connector, {b"a": b"1"}, tags=("x",))
        assert await self.values(other, [b"a"]) == {b"a": b"1"}
        await self.keep(other, {b"a": b"2"}, tags=("x",))
        assert await self.values(connector, [b"a"]) == {b"a": b"2"}
        await asyncio.gather(*(one.count({"hit": 1}, context=CONTEXT) for one in (connector, other) for _ in range(20)))
        assert (await connector.stats(context=CONTEXT)).figures == {"hit": 40}
        first = await self.claim(connector, "one", BRIEF)
        assert await self.claim(other, "two") is None
        await self.passed(BRIEF)
        assert await self.claim(other, "two") is not None
        await self.keep(connector, {b"late": b"1"}, lease=first)
        assert await other.forget(["x"], context=CONTEXT) == 1
        assert await self.values(connector, [b"a", b"late"]) == {}
        await other.close()

    # ── Room ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_was_not_used_for_longest_makes_room(self, tmp_path: Path) -> None:
        cache = self.small(tmp_path, 1_000_000)
        for number in range(8):
            await self.keep(cache, {b"%d" % number: bytes(100_000)}, tags=("x",))
            await self.passed(LONG)
        assert len(await self.values(cache, [b"0", b"1"])) == 2
        await self.passed(LONG)
        for number in range(8, 14):
            await self.keep(cache, {b"%d" % number: bytes(100_000)}, tags=("x",))
            await self.passed(LONG)
        left = [int(key) for key in await self.values(cache, [b"%d" % number for number in range(14)])]
        assert {0, 1, 12, 13} <= {*left}
        assert not {2, 3, 4, 5} & {*left}
        assert len(left) >= 8
        stats = await cache.stats(context=CONTEXT)
        assert stats.size["calls"] == 100_000 * len(left) <= 1_000_000
        assert sorted(await self.tagged(cache, "x")) == sorted(b"%d" % number for number in left)
        await cache.close()

    async def test_all_rooms_share_the_space(self, tmp_path: Path) -> None:
        cache = self.small(tmp_path, 1_000_000)
        for number in range(30):
            await self.keep(cache, {b"%d" % number: bytes(100_000)}, f"room {number % 3}")
        stats = await cache.stats(context=CONTEXT)
        assert 800_000 <= sum(stats.size.values()) <= 1_000_000
        await cache.close()

    async def test_a_value_larger_than_the_whole_is_refused_with_all_that_came_with_it(self, tmp_path: Path) -> None:
        cache = self.small(tmp_path, 1_000_000)
        await self.keep(cache, {b"before": b"1"})
        with pytest.raises(CacheUnavailable, match="too large"):
            await self.keep(cache, {b"beside": b"2", b"large": bytes(1_000_001)})
        assert await self.values(cache, [b"before", b"beside", b"large"]) == {b"before": b"1"}
        await cache.close()
