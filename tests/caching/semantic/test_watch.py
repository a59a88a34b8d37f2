"""Too many false hits turn a pipeline's semantic cache off, in every process, until it is calibrated or cleared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from ragstone.caching.semantic.watch import Watch, seen, too_many
from ragstone.caching.spared import SparedCache
from ragstone.errors import CacheUnavailable
from ragstone.protocols import Cache
from ragstone.stored import Found
from ragstone.testing import MemoryCache
from ragstone.types import Context

CONTEXT = Context()


def watch(cache: Cache, *, bound: float = 0.05, share: float = 0.5, **parts: str) -> Watch:
    named = {"place": "/here", "pipeline": "answer", "calibration": "c1", **parts}
    return Watch(cache, **named, bound=bound, share=share, random=Random(3), every=0)


async def on(one: Watch) -> bool:
    """As a later request sees it."""
    for _ in range(2):
        await one.on()
        await one.settled()
    return await one.on()


def test_one_odd_answer_turns_nothing_off_and_a_share_beyond_chance_does() -> None:
    assert not too_many(1, 1, 0.05)
    assert too_many(2, 4, 0.05)
    assert not too_many(5, 100, 0.05)
    assert not too_many(8, 100, 0.05)
    assert too_many(11, 100, 0.05)


async def test_false_hits_turn_it_off_for_all_processes_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    cache = MemoryCache()
    first, second = watch(cache), watch(cache)
    assert await on(first)
    assert await on(second)
    await first.saw(false=True)
    assert await on(second)
    await second.saw(false=True)
    assert not await on(second)
    assert not await on(first)
    assert await second.saw(false=False) == second.observed
    said = [record.getMessage() for record in caplog.records if "turned itself off" in record.getMessage()]
    assert len(said) == 2  # one of each process
    assert "of 2 hits that were answered afresh 2 were false" in said[0]
    assert not await on(watch(cache))
    (row,) = await seen(cache, context=CONTEXT)
    assert (row.watched, row.false, row.on, row.bound) == (3, 2, False, 0.05)


async def test_a_new_calibration_or_a_cleared_cache_begins_anew() -> None:
    cache = MemoryCache()
    first = watch(cache)
    for _ in range(3):
        await first.saw(false=True)
    assert not await on(first)
    assert await on(watch(cache, calibration="c2"))
    assert await on(watch(cache, pipeline="other"))
    assert await on(watch(cache, place="/there"))
    await cache.clear(context=CONTEXT)
    assert await on(first)
    assert await on(watch(cache))
    assert (await first.saw(false=False)).watched == 1


async def test_what_two_processes_see_at_once_is_all_counted() -> None:
    cache = MemoryCache()
    watches = [watch(cache) for _ in range(4)]
    for number in range(40):
        await watches[number % 4].saw(false=False)
    assert (await seen(cache, context=CONTEXT))[0].watched == 40


async def test_the_figures_say_how_many_hits_there_were() -> None:
    cache = MemoryCache()
    await watch(cache, pipeline="a.b").saw(false=False)
    await cache.count({"semantic.hit.a.b.c1": 9, "semantic.hit": 20}, context=CONTEXT)
    (row,) = await seen(cache, context=CONTEXT)
    assert row.as_dict() == {
        "pipeline": "a.b",
        "calibration": "c1",
        "hits": 9,
        "watched": 1,
        "false": 0,
        "rate": 0.0,
        "low": 0.0,
        "high": pytest.approx(0.73, abs=0.01),
        "bound": 0.05,
        "on": True,
    }


async def test_the_share_of_hits_that_are_watched_is_that_of_the_pipeline() -> None:
    one = watch(MemoryCache(), share=0.02)
    assert 150 <= sum(one.draws() for _ in range(10_000)) <= 250
    assert not any(watch(MemoryCache(), share=0.0).draws() for _ in range(100))
    assert all(watch(MemoryCache(), share=1.0).draws() for _ in range(100))


class Troubled(MemoryCache):
    """Answers too late for a request, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.late, self.down = 0.0, False

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        await asyncio.sleep(self.late)
        if self.down:
            raise CacheUnavailable("it is down")
        return await super().get(room, keys, context=context)


@pytest.mark.parametrize("trouble", ["late", "down"])
async def test_what_was_observed_outlasts_a_read_that_fails(trouble: str) -> None:
    cache = Troubled()
    spared = SparedCache(cache, patience=0.01)
    good, bad = watch(spared), watch(spared, calibration="c2")
    for number in range(40):
        await good.saw(false=number == 7)
        await bad.saw(false=True)
    assert await on(good)
    cache.late, cache.down = (0.03, False) if trouble == "late" else (0.0, True)
    for one in (good, bad):
        await one.saw(false=False)
        await one.saw(false=False)
    assert await on(good)
    assert not await on(bad)
    cache.late, cache.down = 0.0, False
    noted = 2 if trouble == "late" else 0
    found = {row.calibration: (row.watched, row.false, row.on) for row in await seen(cache, context=CONTEXT)}
    assert found == {"c1": (40 + noted, 1, True), "c2": (40 + noted, 40, False)}
    assert not await on(watch(spared, calibration="c2"))
    await spared.close()


async def test_a_cache_that_never_answers_delays_those_who_come_first_and_nobody_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ragstone.caching.semantic.background.CLOSING", 0.0)
    cache = Troubled()
    cache.late = 60.0
    one = watch(cache)
    assert not await one.on()
    asked = asyncio.ensure_future(one.on())
    await asyncio.sleep(0)
    assert asked.done()
    assert not await asked
    await one.close()
