"""Many processes, one call: each is a cached model of its own here, over one cache."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from paced import PacedModel
from ragstone.caching import turn
from ragstone.caching.completions import written
from ragstone.caching.model import ROOM, CachedModel
from ragstone.caching.spared import SparedCache
from ragstone.errors import CacheUnavailable, ModelTimeout, ModelUnavailable
from ragstone.protocols import Cache
from ragstone.stored import Found, Lease, Stored
from ragstone.testing import MemoryCache
from ragstone.testing.suites.model import prompt
from ragstone.types import Completion, Context, Prompt


@dataclass
class Process:
    cache: Cache
    model: PacedModel = field(default_factory=PacedModel)

    def __post_init__(self) -> None:
        self.cached = CachedModel(self.model, self.cache)

    def asks(self, **who: Any) -> asyncio.Task[Completion]:
        return asyncio.ensure_future(self.cached.generate(prompt(), context=Context(**who)))


async def says_nothing(_: Prompt, completion: Completion) -> str | None:
    """A screen that keeps what says something."""
    return None if completion.text else "it says nothing"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(turn, "LONGEST_PAUSE", 0.002)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - whatever a test is after
            await asyncio.sleep(0.001)


async def test_of_many_processes_one_asks_and_the_others_wait_for_what_it_keeps() -> None:
    cache = MemoryCache()
    processes = [Process(cache) for _ in range(5)]
    calls = [each.asks() for each in processes for _ in range(4)]
    await until(lambda: cache.asked["claim"] > 10)
    asked = [each for each in processes if each.model.calls]
    assert len(asked) == 1
    await asked[0].model.says("Paris", "")
    found = await asyncio.gather(*calls)
    assert {each.text for each in found} == {"Paris"}
    assert sum(not each.cached for each in found) == 1
    assert sum(each.model.calls for each in processes) == 1
    figures = (await cache.stats(context=Context())).figures
    assert (figures["calls.miss"], figures["calls.joined"]) == (1, 19), "however often they have looked"


async def test_who_waits_is_told_so_in_the_trace() -> None:
    cache = MemoryCache()
    one, two = Process(cache), Process(cache)
    first = one.asks()
    await until(lambda: one.model.calls == 1)
    context = Context()
    second = asyncio.ensure_future(two.cached.generate(prompt(), context=context))
    await one.model.says("Paris", "")
    await asyncio.gather(first, second)
    (step,) = [step for step in context.trace.steps if step.name == "cache"]
    assert (step.facts["outcome"], step.facts["why"]) == ("joined", "another process made it")


async def test_someone_else_takes_over_from_a_process_that_died() -> None:
    now = [1000.0]
    cache = MemoryCache(clock=lambda: now[0])
    two = Process(cache)
    key = await key_of(two)
    assert await cache.claim(key, owner="dead", seconds=turn.LEASE, context=Context()) is not None
    waits = two.asks()
    await until(lambda: cache.asked["claim"] > 4)
    assert two.model.calls == 0
    now[0] += turn.LEASE
    await two.model.says("Paris", "")
    assert (await waits).text == "Paris"


async def key_of(process: Process) -> bytes:
    context = Context()
    call = asyncio.ensure_future(process.cached.generate(prompt(), context=context))
    await until(lambda: bool(context.trace.steps and context.trace.steps[0].facts.get("key")))
    call.cancel()
    await asyncio.wait({call})
    process.model = process.cached.model = PacedModel()
    return bytes.fromhex(context.trace.steps[0].facts["key"])


async def test_what_a_process_makes_after_it_was_given_up_replaces_nothing() -> None:
    now = [1000.0]
    cache = MemoryCache(clock=lambda: now[0])
    slow, quick = Process(cache), Process(cache)
    first = slow.asks()
    await until(lambda: slow.model.calls == 1)
    now[0] += turn.LEASE  # its loop stood still for so long
    second = quick.asks()
    await quick.model.says("new", "")
    await second
    await slow.model.says("old", "")
    assert (await first).text == "old"
    assert (await Process(cache).asks()).text == "new"


async def test_a_lease_is_renewed_while_the_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LEASE", 0.06)
    cache = MemoryCache(clock=lambda: 1000.0)
    one = Process(cache)
    call = one.asks()
    await until(lambda: cache.asked["claim"] >= 4)
    await one.model.says("Paris", "")
    await call
    asked = cache.asked["claim"]
    await asyncio.sleep(0.06)
    assert cache.asked["claim"] == asked, "and no longer"
    assert cache.asked["release"] == 1


async def test_a_lease_that_ran_out_unnoticed_is_taken_again_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LEASE", 0.06)
    now = [1000.0]
    cache = MemoryCache(clock=lambda: now[0])
    one, other = Process(cache), Process(cache)
    call = one.asks()
    await until(lambda: one.model.calls == 1)
    now[0] += 1.0  # the machine slept, and nobody has asked meanwhile
    renewed = cache.asked["claim"]
    await until(lambda: cache.asked["claim"] > renewed)
    await one.model.says("Paris", "")
    await call
    async with asyncio.timeout(20):
        found = await other.asks()
    assert found.cached, "it was kept under the new lease"
    (key,) = await cache.tagged(ROOM, "tenant:default", context=Context())
    assert await cache.claim(key, owner="someone", seconds=1, context=Context()), "which is held no longer"


async def test_a_failure_gives_the_turn_to_the_next() -> None:
    cache = MemoryCache()
    one, two = Process(cache), Process(cache)
    first = one.asks()
    await until(lambda: one.model.calls == 1)
    second = two.asks()
    await one.model.says(ModelUnavailable("down"))
    with pytest.raises(ModelUnavailable):
        await first
    await two.model.says("Paris", "")
    assert (await second).text == "Paris"


@pytest.mark.parametrize("end", ["", ModelUnavailable("down")], ids=["refused by a screen", "failed"])
async def test_who_has_waited_for_what_is_not_kept_waits_for_nobody_more(end: str | Exception) -> None:
    cache = MemoryCache()
    processes = [Process(cache) for _ in range(5)]
    for each in processes:
        each.cached.screen = says_nothing
    first, *others = processes
    calls = [first.asks()]
    await until(lambda: first.model.calls == 1)
    calls += [each.asks() for each in others]
    await until(lambda: cache.asked["claim"] > 20)
    assert [each.model.calls for each in others] == [0] * 4
    await first.model.says(end)
    await until(lambda: all(each.model.calls == 1 for each in others))  # while none of them has ended
    for each in others:
        await each.model.says("")
    await asyncio.wait(calls)
    assert not any(call.result().cached for call in calls[1:])
    (key,) = [key for room, key in cache._entries if room == turn.ROOM]
    assert await cache.claim(key, owner="someone", seconds=1, context=Context()), "which nobody holds"


async def test_where_the_first_was_stopped_the_others_wait_for_the_next() -> None:
    cache = MemoryCache()
    first, *others = processes = [Process(cache) for _ in range(5)]
    calls = [first.asks()]
    await until(lambda: first.model.calls == 1)
    calls += [each.asks() for each in others]
    await until(lambda: cache.asked["claim"] > 20)
    calls[0].cancel()
    await until(lambda: any(each.model.calls for each in others))
    asked = cache.asked["claim"]
    await until(lambda: cache.asked["claim"] > asked + 20)
    (next_one,) = [each for each in others if each.model.calls]
    await next_one.model.says("Paris", "")
    assert {found.text for found in await asyncio.gather(*calls[1:])} == {"Paris"}
    assert sum(each.model.calls for each in processes) == 2


async def test_what_is_kept_after_all_is_shared_again() -> None:
    cache = MemoryCache()
    one, two = Process(cache), Process(cache)
    one.cached.screen = says_nothing
    first = one.asks()
    await one.model.says("")
    await first
    second = one.asks()
    await one.model.says("Paris", "", call=1)
    await second
    assert (await two.asks()).cached
    assert two.model.calls == 0


async def test_who_waits_for_another_process_keeps_to_its_own_deadline() -> None:
    cache = MemoryCache()
    one, two = Process(cache), Process(cache)
    first = one.asks()
    await until(lambda: one.model.calls == 1)
    with pytest.raises(ModelTimeout, match="another process"):
        await two.cached.generate(prompt(), context=Context().within(0.02))
    assert two.model.calls == 0
    await one.model.says("Paris", "")
    await first


async def test_who_has_time_left_waits_on_where_another_has_none() -> None:
    cache = MemoryCache()
    one, two = Process(cache), Process(cache)
    first = one.asks()
    await until(lambda: one.model.calls == 1)
    late = asyncio.ensure_future(two.cached.generate(prompt(), context=Context().within(0.05)))
    await until(lambda: cache.asked["claim"] > 2)
    patient = two.asks()
    with pytest.raises(ModelTimeout):
        await late
    await one.model.says("Paris", "")
    assert (await patient).text == "Paris"
    assert two.model.calls == 0
    await first


async def test_a_refresh_waits_for_nobody() -> None:
    cache = MemoryCache()
    one, two = Process(cache), Process(cache)
    first = one.asks()
    await until(lambda: one.model.calls == 1)
    second = two.asks(cache="refresh")
    await two.model.says("Rome", "")
    assert (await second).text == "Rome"
    await one.model.says("Paris", "")
    await first


class JustDone(MemoryCache):
    """Another process keeps its answer and gives its lease back just before the first claim."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self.value: bytes | None = value

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        if self.value is not None:
            value, self.value = self.value, None
            await self.put(ROOM, {key: Stored(value=value)}, context=context)
        return await super().claim(key, owner=owner, seconds=seconds, context=context)


async def test_what_was_kept_just_before_ones_turn_is_not_made_again() -> None:
    said = Completion(text="Paris", model="paced")
    process = Process(JustDone(written([said], seconds=1.0)))
    found = await process.asks()
    assert (found.text, found.cached, process.model.calls) == ("Paris", True, 0)


class Down(MemoryCache):
    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        raise CacheUnavailable("no route to it")

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        raise CacheUnavailable("no route to it")


async def test_where_the_cache_cannot_be_asked_everyone_asks_the_model_at_once() -> None:
    processes = [Process(SparedCache(Down())) for _ in range(3)]
    calls = [each.asks() for each in processes for _ in range(4)]
    for each in processes:
        await each.model.says("Paris", "")
    await asyncio.gather(*calls)
    assert [each.model.calls for each in processes] == [1, 1, 1]


async def test_someone_who_is_stopped_gives_the_turn_back() -> None:
    cache = MemoryCache()
    one, two = Process(cache), Process(cache)
    first = one.asks()
    await until(lambda: one.model.calls == 1)
    second = two.asks()
    first.cancel()
    await two.model.says("Paris", "")
    assert (await second).text == "Paris"
