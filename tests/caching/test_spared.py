"""A cache that is down, slow, full or corrupt fails and delays nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio

from ragstone.caching import spared
from ragstone.caching.model import CachedModel
from ragstone.caching.rest import FIRST, LONGEST, Rest, in_time
from ragstone.caching.spared import SparedCache
from ragstone.errors import CacheUnavailable, StorageFull
from ragstone.stored import Found, Lease, Stats, Stored
from ragstone.testing import MemoryCache, ScriptedModel
from ragstone.testing.suites.model import prompt
from ragstone.types import Context

WHO = Context()
ENTRY = {b"key": Stored(value=b"value", tags=("document:d1",))}


class Odd(MemoryCache):
    """Does what its `way` is before each call: raises an error, or waits for an event."""

    def __init__(self) -> None:
        super().__init__()
        self.way: Exception | asyncio.Event | None = None
        self.verbs: list[str] = []

    async def _odd(self, verb: str) -> None:
        self.verbs.append(verb)
        if isinstance(self.way, Exception):
            raise self.way
        if self.way is not None:
            await self.way.wait()

    async def load(self) -> None:
        await self._odd("load")

    async def close(self) -> None:
        await self._odd("close")

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        await self._odd("get")
        return await super().get(room, keys, context=context)

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        await self._odd("put")
        await super().put(room, entries, lease=lease, context=context)

    async def remove(self, room: str, keys: Sequence[bytes], *, context: Context) -> None:
        await self._odd("remove")
        await super().remove(room, keys, context=context)

    async def forget(self, tags: Sequence[str], *, context: Context) -> int:
        await self._odd("forget")
        return await super().forget(tags, context=context)

    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        await self._odd("tagged")
        return await super().tagged(room, tag, context=context)

    async def clear(self, rooms: Sequence[str] = (), *, context: Context) -> int:
        await self._odd("clear")
        return await super().clear(rooms, context=context)

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        await self._odd("claim")
        return await super().claim(key, owner=owner, seconds=seconds, context=context)

    async def release(self, lease: Lease, *, context: Context) -> None:
        await self._odd("release")
        await super().release(lease, context=context)

    async def count(self, figures: Mapping[str, int], *, context: Context) -> None:
        await self._odd("count")
        await super().count(figures, context=context)

    async def stats(self, *, context: Context) -> Stats:
        await self._odd("stats")
        return await super().stats(context=context)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def odd() -> Odd:
    return Odd()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def cache(odd: Odd, clock: Clock) -> Any:
    made = SparedCache(odd, clock=clock)
    await made.load()
    odd.verbs.clear()
    yield made
    odd.way = None
    await made.close()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def hurried(odd: Odd, clock: Clock) -> SparedCache:
    made = SparedCache(odd, patience=0.02, clock=clock)
    await made.load()
    odd.verbs.clear()
    return made


FAULTS = [
    (CacheUnavailable("no route"), "down"),
    (CacheUnavailable("no room", reason="full"), "full"),
    (CacheUnavailable("no cache", reason="corrupt"), "corrupt"),
    (CacheUnavailable("no answer", reason="slow"), "slow"),
    (ConnectionRefusedError("refused"), "down"),
    (TimeoutError(), "slow"),
]


# ── Works ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_put_is_there_at_once_and_is_written_soon(cache: SparedCache, odd: Odd) -> None:
    gate = odd.way = asyncio.Event()
    await cache.put("calls", ENTRY, context=WHO)
    held = await cache.get("calls", [b"key"], context=WHO)
    assert (held[b"key"].value, held[b"key"].until) == (b"value", None)
    gate.set()
    assert (await cache.get("calls", [b"key", b"other"], context=WHO)).keys() == {b"key"}
    assert await cache.tagged("calls", "document:d1", context=WHO) == [b"key"]
    assert (await cache.stats(context=WHO)).entries == {"calls": 1}
    assert (await odd.get("calls", [b"key"], context=WHO))[b"key"].value == b"value"


async def test_writes_keep_their_order(cache: SparedCache, odd: Odd) -> None:
    lease = await cache.claim(b"key", owner="me", seconds=5, context=WHO)
    assert lease is not None
    await cache.put("calls", ENTRY, lease=lease, context=WHO)
    await cache.release(lease, context=WHO)
    await cache.remove("calls", [b"key"], context=WHO)
    assert await cache.get("calls", [b"key"], context=WHO) == {}
    await cache.stats(context=WHO)
    assert odd.verbs == ["claim", "put", "release", "remove", "stats"], "that it is gone is known without asking"
    assert await odd.get("calls", [b"key"], context=WHO) == {}


async def test_what_was_removed_has_no_tag_any_more(cache: SparedCache, odd: Odd) -> None:
    await odd.put("calls", {**ENTRY, b"old": Stored(value=b"x", tags=("document:d1",))}, context=WHO)
    await cache.remove("calls", [b"key"], context=WHO)
    await cache.put("calls", {b"new": Stored(value=b"x", tags=("document:d1",))}, context=WHO)
    assert await cache.tagged("calls", "document:d1", context=WHO) == [b"old", b"new"]
    await cache.stats(context=WHO)
    assert await cache.tagged("calls", "document:d1", context=WHO) == [b"old", b"new"]


async def test_a_crowd_that_wants_the_same_asks_once(cache: SparedCache, odd: Odd) -> None:
    await odd.put("calls", ENTRY, context=WHO)
    before = len(odd.verbs)
    first = asyncio.ensure_future(cache.get("calls", [b"key"], context=WHO))
    found = [asyncio.ensure_future(cache.get("calls", [b"key"], context=WHO)) for _ in range(200)]
    await asyncio.sleep(0)
    first.cancel()
    told = [(await each)[b"key"].value for each in found]
    assert told == [b"value"] * 200, "who leaves takes nothing from the others"
    assert odd.verbs[before:] == ["get"]


async def test_forgetting_and_clearing_reach_what_is_still_to_be_written(cache: SparedCache) -> None:
    await cache.put("calls", ENTRY, context=WHO)
    assert await cache.forget(["document:d1"], context=WHO) == 1
    await cache.put("calls", ENTRY, context=WHO)
    assert await cache.clear(context=WHO) == 1
    assert await cache.get("calls", [b"key"], context=WHO) == {}


async def test_figures_are_written_together_every_few_seconds_and_at_the_end(
    cache: SparedCache, odd: Odd, clock: Clock
) -> None:
    for _ in range(100):
        await cache.count({"calls.hit": 1}, context=WHO)
    assert "count" not in odd.verbs
    clock.now += spared.COUNTED
    await cache.count({"calls.hit": 1}, context=WHO)
    await cache.count({"calls.hit": 1}, context=WHO)
    assert (await cache.stats(context=WHO)).figures == {"calls.hit": 102}
    assert odd.verbs.count("count") == 1, "once for what is in the queue already"
    await cache.count({"calls.miss": 1}, context=WHO)
    await cache.close()
    assert (await odd.stats(context=WHO)).figures == {"calls.hit": 102, "calls.miss": 1}


# ── Fails ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("error", "why"), FAULTS, ids=lambda each: each if isinstance(each, str) else None)
async def test_a_cache_that_fails_is_bypassed_and_counted_and_said_once_a_minute(
    cache: SparedCache, odd: Odd, clock: Clock, caplog: pytest.LogCaptureFixture, error: Exception, why: str
) -> None:
    odd.way = error
    cache.name = "redis"
    with caplog.at_level(logging.WARNING):
        assert await cache.get("calls", [b"key"], context=WHO) == {}
        assert await cache.tagged("calls", "document:d1", context=WHO) == []
        lease = await cache.claim(b"key", owner="me", seconds=5, context=WHO)
        assert lease == Lease(b"key", "me", spared.BYPASSED)
        await cache.put("calls", ENTRY, lease=lease, context=WHO)
        await cache.release(lease, context=WHO)
        await cache.remove("calls", [b"other"], context=WHO)
        assert await cache.forget(["document:d1"], context=WHO) == 0
        assert len(caplog.records) == 1
        assert caplog.messages[0].startswith("redis: the cache is left alone")
        clock.now += spared.SAID
        await cache.get("calls", [b"other"], context=WHO)
        assert len(caplog.records) == 2
    assert odd.verbs == ["get", "tagged", "put", "get"], "while it rests it is left alone"
    odd.way = None
    clock.now += LONGEST
    figures = (await cache.stats(context=WHO)).figures
    assert figures == {f"bypassed.{why}": 7}


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_lease_that_comes_too_late_is_given_back(odd: Odd, clock: Clock, *, leaves: bool) -> None:
    cache = await hurried(odd, clock)
    gate = odd.way = asyncio.Event()
    claiming = asyncio.create_task(cache.claim(b"key", owner="me", seconds=60, context=WHO))
    if leaves:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        claiming.cancel()
        await asyncio.wait({claiming})
    else:
        assert await claiming == Lease(b"key", "me", spared.BYPASSED)
    odd.way = None
    gate.set()
    while "release" not in odd.verbs:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0)
    clock.now += LONGEST
    assert await cache.claim(b"key", owner="other", seconds=60, context=WHO) is not None
    await cache.close()


async def test_a_list_that_takes_long_says_nothing_of_reads(odd: Odd, clock: Clock) -> None:
    cache = await hurried(odd, clock)
    await odd.put("calls", ENTRY, context=WHO)
    odd.way = TimeoutError()
    assert await cache.tagged("calls", "document:d1", context=WHO) == []
    odd.way = None
    assert (await cache.get("calls", [b"key"], context=WHO)).keys() == {b"key"}
    assert cache.bypassed == 1
    await cache.close()


async def test_who_is_patient_waits_longer(odd: Odd, clock: Clock) -> None:
    cache = await hurried(odd, clock)
    await odd.put("calls", ENTRY, context=WHO)
    gate = odd.way = asyncio.Event()
    asking = asyncio.create_task(cache.get("calls", [b"key", b"other"], context=Context(patient=True)))
    assert await cache.get("calls", [b"key", b"third"], context=WHO) == {}, "this one had 20 ms"
    assert not asking.done()
    odd.way = None
    gate.set()
    assert (await asking).keys() == {b"key"}
    await cache.close()


async def test_an_entry_that_is_too_large_keeps_no_other_out(cache: SparedCache, odd: Odd) -> None:
    odd.way = CacheUnavailable("too large", reason="large")
    await cache.put("calls", {b"large": Stored(value=b"x")}, context=WHO)
    await cache.forget([], context=WHO)
    odd.way = None
    await cache.put("calls", ENTRY, context=WHO)
    assert (await cache.stats(context=WHO)).entries == {"calls": 1}


async def test_what_an_operator_asks_for_raises_what_is_wrong(cache: SparedCache, odd: Odd) -> None:
    odd.way = CacheUnavailable("no route")
    with pytest.raises(CacheUnavailable):
        await cache.stats(context=WHO)
    with pytest.raises(CacheUnavailable):
        await cache.clear(context=WHO)


async def test_a_full_cache_is_still_read(cache: SparedCache, odd: Odd) -> None:
    await odd.put("calls", ENTRY, context=WHO)
    odd.way = StorageFull("no room")
    await cache.put("calls", {b"new": Stored(value=b"x")}, context=WHO)
    await cache.forget([], context=WHO)
    odd.way = None
    assert (await cache.get("calls", [b"key", b"new"], context=WHO)).keys() == {b"key"}


async def test_an_unreachable_cache_at_the_start_is_a_warning(odd: Odd, caplog: pytest.LogCaptureFixture) -> None:
    cache = SparedCache(odd)
    odd.way = CacheUnavailable("redis://localhost:1 cannot be reached")
    await cache.load()
    assert "cannot be reached" in caplog.text
    await cache.close()


async def test_a_cache_that_is_still_starting_is_passed_by_and_is_no_failure(odd: Odd, clock: Clock) -> None:
    cache = SparedCache(odd, patience=0.02, clock=clock)
    await odd.put("calls", ENTRY, context=WHO)
    gate = odd.way = asyncio.Event()
    cache.begin()
    cache.begin()
    for _ in range(3):
        assert await cache.get("calls", [b"key"], context=WHO) == {}
    odd.way = None
    gate.set()
    await cache.load()
    assert (await cache.get("calls", [b"key"], context=WHO)).keys() == {b"key"}, "at once: the clock stands still"
    assert odd.verbs == ["put", "load", "get"]
    assert (await cache.stats(context=WHO)).figures == {"bypassed.slow": 3}
    await cache.close()


async def test_a_lease_that_nobody_gave_lets_its_entry_in(cache: SparedCache, odd: Odd, clock: Clock) -> None:
    odd.way = CacheUnavailable("no route")
    lease = await cache.claim(b"key", owner="me", seconds=5, context=WHO)
    odd.way = None
    clock.now += FIRST
    await cache.put("calls", ENTRY, lease=lease, context=WHO)
    await cache.stats(context=WHO)
    assert (await odd.get("calls", [b"key"], context=WHO)).keys() == {b"key"}


# ── Is slow ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_slow_read_is_a_miss_and_is_not_waited_for_again(odd: Odd, clock: Clock) -> None:
    cache = await hurried(odd, clock)
    odd.way = asyncio.Event()
    for _ in range(50):
        assert await cache.get("calls", [b"key"], context=WHO) == {}
    assert odd.verbs == ["get"]
    odd.way = None
    clock.now += FIRST
    await cache.get("calls", [b"key"], context=WHO)
    assert (await cache.stats(context=WHO)).figures == {"bypassed.slow": 50}
    await cache.close()


async def test_a_slow_write_delays_nobody(odd: Odd, clock: Clock) -> None:
    cache = await hurried(odd, clock)
    model = ScriptedModel(["Paris"])
    model.fingerprint = "m"
    cached = CachedModel(model, cache)
    await cache.get("calls", [], context=WHO)
    gate = odd.way = asyncio.Event()
    begun = time.perf_counter()
    assert (await cached.generate(prompt(), context=Context())).text == "Paris"
    assert (await cached.generate(prompt(), context=Context())).cached, "from what is still to be written"
    assert not gate.is_set()
    assert time.perf_counter() - begun < 60  # it would wait for ever
    gate.set()
    odd.way = None
    await cache.close()


async def test_a_loop_that_was_busy_is_not_taken_for_a_slow_cache(odd: Odd, clock: Clock) -> None:
    cache = await hurried(odd, clock)
    await odd.put("calls", ENTRY, context=WHO)

    class Late(asyncio.Event):
        async def wait(self) -> Any:
            for _ in range(3):
                await asyncio.sleep(0)
                time.sleep(0.05)  # noqa: ASYNC251 - the loop does something else, for longer than the patience

    odd.way = Late()
    found = await cache.get("calls", [b"key"], context=WHO)
    assert found.keys() == {b"key"}
    await cache.close()


async def test_more_keys_have_more_time() -> None:
    class Slow(MemoryCache):
        async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
            await asyncio.sleep(0.001 * len(keys) / 10)
            return dict.fromkeys(keys, Found(b"", 0.0))

    cache = SparedCache(Slow(), patience=0.2)
    keys = [str(number).encode() for number in range(4000)]
    assert len(await cache.get("vectors", keys, context=WHO)) == 4000
    await cache.close()


async def test_writes_that_pile_up_are_dropped(odd: Odd, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spared, "MOST", 3)
    monkeypatch.setattr(spared, "MOST_BYTES", 100)
    cache = SparedCache(odd, clock=clock)
    gate = odd.way = asyncio.Event()
    for number in range(10):
        await cache.put("calls", {str(number).encode(): Stored(value=b"x")}, context=WHO)
    await cache.put("calls", {b"big": Stored(value=b"x" * 101)}, context=WHO)
    gate.set()
    odd.way = None
    held = await cache.stats(context=WHO)
    assert held.entries == {"calls": 3}
    await cache.close()
    assert (await odd.stats(context=WHO)).figures["bypassed.slow"] == 8


async def test_closing_waits_a_while_for_writes_and_no_longer(
    odd: Odd, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spared, "LAST", 0.01)
    cache = SparedCache(odd, patience=0.001, clock=clock)
    odd.way = asyncio.Event()
    await cache.put("calls", ENTRY, context=WHO)
    await cache.close()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


def test_writes_that_a_loop_has_left_are_made_by_the_next() -> None:
    odd, clock = Odd(), Clock()
    cache = SparedCache(odd, clock=clock)

    async def put() -> None:
        await cache.put("calls", ENTRY, context=WHO)

    asyncio.run(put())
    asyncio.run(cache.close())
    assert asyncio.run(odd.stats(context=WHO)).entries == {"calls": 1}


# ── Rests ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_left_alone_for_longer_each_time_that_its_trial_fails() -> None:
    clock = Clock()
    rest, waited = Rest(clock), list[float]()
    entry = rest.enter()
    assert entry is not None
    for _ in range(7):
        rest.note(entry, failed="down")
        begun = clock.now
        while (entry := rest.enter()) is None:
            clock.now += 0.5
        waited.append(clock.now - begun)
    assert waited == [1, 2, 4, 8, 16, 30, 30]
    rest.note(entry)
    entry = rest.enter()
    assert entry is not None
    rest.note(entry, failed="down")
    clock.now += FIRST
    assert rest.enter() is not None, "it begins at the first rest again"


def test_of_many_that_fail_together_one_counts_and_one_tries_again() -> None:
    clock = Clock()
    rest = Rest(clock)
    entries = [rest.enter() for _ in range(20)]
    for entry in entries:
        assert entry is not None
        rest.note(entry, failed="slow")
    clock.now += FIRST
    trial, other = rest.enter(), rest.enter()
    assert trial is not None
    assert other is None
    rest.leave(trial)
    assert rest.enter() is not None, "who went away has not tried it"


async def test_what_takes_too_long_is_stopped() -> None:
    stopped = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(TimeoutError):
        await in_time(work, 0.01)
    await stopped.wait()
