"""What one process remembers, the others do; what is gone from the cache is gone everywhere; nothing fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from ragstone.caching.semantic.remembering import ROOM, RememberedQuestions, scope_tag
from ragstone.errors import CacheUnavailable
from ragstone.stored import Found, Lease, Stored
from ragstone.testing import MemoryCache
from ragstone.types import Context

CONTEXT = Context()
SCOPE, OTHER = b"scope", b"other"
NEAR = np.float32([1, 0, 0])
FAR = np.float32([0, 1, 0])


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def found(questions: RememberedQuestions, scope: bytes = SCOPE, vector: np.ndarray = NEAR) -> list[str]:
    await questions.near(scope, vector, k=5, least=0.9, context=CONTEXT)
    await questions.settled()
    return [one.question for one, _ in await questions.near(scope, vector, k=5, least=0.9, context=CONTEXT)]


def remember(questions: RememberedQuestions, text: str, scope: bytes = SCOPE, *tags: str) -> None:
    questions.remember(scope, text, NEAR, tags=tags, context=CONTEXT)


async def test_a_question_is_found_at_once_by_who_remembers_it_and_soon_by_others() -> None:
    cache = MemoryCache()
    first, second = RememberedQuestions(cache, limit=10), RememberedQuestions(cache, limit=10)
    remember(first, "When?")
    assert await found(first) == ["When?"]
    assert await found(second) == ["When?"]
    assert await found(second, OTHER) == []
    assert await found(second, vector=FAR) == []


async def test_what_another_process_adds_or_removes_is_seen_after_a_while_and_not_asked_for_before() -> None:
    cache, clock = MemoryCache(), Clock()
    first = RememberedQuestions(cache, limit=10, clock=clock)
    second = RememberedQuestions(cache, limit=10, clock=clock)
    remember(first, "One?", SCOPE, "document:a")
    assert await found(second) == ["One?"]
    remember(first, "Two?")
    await first.settled()
    asked = cache.asked["tagged"]
    assert await found(second) == ["One?"]
    assert cache.asked["tagged"] == asked
    clock.now += 10
    assert await found(second) == ["One?", "Two?"]
    await cache.forget(["document:a"], context=CONTEXT)
    clock.now += 10
    assert await found(second) == ["Two?"]
    assert await found(first) == ["Two?"]


async def test_an_answer_that_is_forgotten_takes_its_question_along() -> None:
    cache = MemoryCache()
    first, second = RememberedQuestions(cache, limit=10), RememberedQuestions(cache, limit=10)
    remember(first, "When?")
    ((one, _),) = await first.near(SCOPE, NEAR, k=1, least=0.9, context=CONTEXT)
    first.forget(SCOPE, one.key, context=CONTEXT)
    assert not first.knows(SCOPE, "When?")
    await first.settled()
    assert await found(first) == await found(second) == []


async def test_the_oldest_make_room_in_memory_and_in_the_cache() -> None:
    cache = MemoryCache()
    questions = RememberedQuestions(cache, limit=3, every=0)
    for number in range(8):
        remember(questions, f"{number}?")
        await questions.settled()
    assert sorted(await found(questions)) == ["5?", "6?", "7?"]
    assert len(await cache.tagged(ROOM, scope_tag(SCOPE), context=CONTEXT)) == 3
    small = RememberedQuestions(cache, limit=2)
    assert sorted(await found(small)) == ["6?", "7?"]
    assert len(await cache.tagged(ROOM, scope_tag(SCOPE), context=CONTEXT)) == 2


async def entries(cache: MemoryCache) -> dict[bytes, Found]:
    keys = await cache.tagged(ROOM, scope_tag(SCOPE), context=CONTEXT)
    return dict(await cache.get(ROOM, keys, context=CONTEXT))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": True},
        {"question": "Another?"},
        {"question": 7},
        {"vector": "AAAA"},
        {"vector": None},
        {"vector": "!"},
        None,
    ],
)
async def test_an_entry_that_was_not_written_here_is_removed(change: dict[str, object] | None) -> None:
    cache = MemoryCache()
    first = RememberedQuestions(cache, limit=10)
    remember(first, "When?")
    await first.settled()
    ((key, entry),) = (await entries(cache)).items()
    told = {**json.loads(entry.value), **change} if change is not None else [1]
    stored = Stored(value=json.dumps(told).encode(), tags=(scope_tag(SCOPE),))
    await cache.put(ROOM, {key: stored}, context=CONTEXT)
    assert await found(RememberedQuestions(cache, limit=10)) == []
    assert await entries(cache) == {}


async def test_an_entry_of_another_scope_is_not_taken_over_by_its_tag() -> None:
    cache = MemoryCache()
    first = RememberedQuestions(cache, limit=10)
    remember(first, "When?")
    await first.settled()
    ((key, entry),) = (await entries(cache)).items()
    stored = Stored(value=entry.value, tags=(scope_tag(OTHER),))
    await cache.put(ROOM, {key: stored}, context=CONTEXT)
    assert await found(RememberedQuestions(cache, limit=10), OTHER) == []


class Fragile(MemoryCache):
    """Fails as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.held: asyncio.Event | None = None

    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        if self.held is not None:
            await self.held.wait()
        if self.down:
            raise CacheUnavailable("it is down")
        return await super().tagged(room, tag, context=context)

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        if self.down:
            raise CacheUnavailable("it is down")
        await super().put(room, entries, lease=lease, context=context)


async def test_a_cache_that_is_down_fails_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    cache = Fragile()
    cache.down = True
    questions = RememberedQuestions(cache, limit=10, every=0)
    for number in range(3):
        remember(questions, f"{number}?")
        await found(questions)
    assert sum("cannot be remembered" in record.getMessage() for record in caplog.records) == 1
    cache.down = False
    assert len(await found(questions)) == 3
    await questions.close()


async def test_a_request_does_not_wait_for_a_slow_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragstone.caching.semantic.refreshing.PATIENCE", 0.0)
    cache = Fragile()
    cache.held = asyncio.Event()
    questions = RememberedQuestions(cache, limit=10, every=0)
    assert await questions.near(SCOPE, NEAR, k=5, least=0.9, context=CONTEXT) == []
    remember(questions, "When?")
    assert len(await questions.near(SCOPE, NEAR, k=5, least=0.9, context=CONTEXT)) == 1
    cache.held.set()
    await questions.close()


async def test_scopes_make_room_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragstone.caching.semantic.remembering.SCOPES", 2)
    cache = MemoryCache()
    questions = RememberedQuestions(cache, limit=10)
    for number in range(5):
        remember(questions, f"{number}?", bytes([number]))
    await questions.settled()
    assert not questions.knows(bytes([0]), "0?")
    assert questions.knows(bytes([4]), "4?")
    assert await found(questions, bytes([0])) == ["0?"]  # read again
    await questions.close()


async def test_after_the_end_nothing_is_begun() -> None:
    cache = MemoryCache()
    questions = RememberedQuestions(cache, limit=10)
    await questions.close()
    remember(questions, "When?")
    assert await questions.near(SCOPE, NEAR, k=5, least=0.9, context=CONTEXT) == []
    assert not cache.asked
