"""Questions that were embedded before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.caching import questions
from ragstone.caching.embeddings import CachedEmbedder
from ragstone.caching.key import compact_keys, question_keys
from ragstone.caching.questions import KEPT, CachedQuestions
from ragstone.caching.tokens import TokenKeeper
from ragstone.compact import Projection
from ragstone.protocols import Embedder
from ragstone.stored import Stored
from ragstone.testing import HashingEmbedder, MemoryCache
from ragstone.testing.suites import EmbedderSuite
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.compact import Compact
    from ragstone.types import Vector

CONTEXT = Context()
QUESTION = "Where does the cod hide from the eel?"
DAY = 86_400.0


class Asked(HashingEmbedder):
    """Notes which questions it was asked to read, and gives them vectors of their own."""

    def __init__(self) -> None:
        super().__init__(dimensions=96)
        self.asked: list[str] = []

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        self.asked.append(text)
        await asyncio.sleep(0)
        return (await self.embed([text[::-1]], context=context))[0]

    async def embed_queries(self, texts: Sequence[str], *, context: Context) -> Sequence[Vector]:
        self.asked.append(" | ".join(texts))
        return list(await self.embed([text[::-1] for text in texts], context=context))


class TestCachedQuestions(EmbedderSuite):
    """A wrapper passes the suite of what it wraps."""

    def make(self, tmp_path: Path) -> Embedder:
        return CachedQuestions(HashingEmbedder(), MemoryCache())


@pytest.fixture
async def by() -> Projection:
    return await HashingEmbedder(dimensions=96).projection()


def alike(one: tuple[Vector, Compact], other: tuple[Vector, Compact]) -> bool:
    """To the bit, in form and in what may be done to them."""
    return all(
        a.tobytes() == b.tobytes() and a.dtype == b.dtype and a.shape == b.shape and a.flags.writeable
        for a, b in zip(one, other, strict=True)
    )


async def test_a_question_is_embedded_once_in_all_processes_together(by: Projection):
    cache, inner = MemoryCache(), Asked()
    plain = await Asked().embed_query_compact(QUESTION, by=by, context=CONTEXT)
    for embedder in (CachedQuestions(inner, cache), CachedQuestions(inner, cache)):
        for _ in range(2):
            assert (await embedder.embed_query(QUESTION, context=CONTEXT)).tobytes() == plain[0].tobytes()
            assert alike(await embedder.embed_query_compact(QUESTION, by=by, context=CONTEXT), plain)
    assert inner.asked == [QUESTION] * 2, "once alone, and once with its rows"
    assert cache.asked["get"] == 4, "what was asked last is in memory"


@given(texts=st.lists(st.text(max_size=12), max_size=6))
async def test_a_hit_is_the_same_to_the_bit_as_a_miss(texts: list[str]):
    by, cache = await HashingEmbedder(dimensions=96).projection(), MemoryCache()
    first, later = CachedQuestions(Asked(), cache), CachedQuestions(Asked(), cache)
    made = [await first.embed_query_compact(text, by=by, context=CONTEXT) for text in texts]
    found = [await later.embed_query_compact(text, by=by, context=CONTEXT) for text in texts]
    assert all(map(alike, made, found))
    vectors = await first.embed_queries(texts, context=CONTEXT)
    again = await later.embed_queries(texts[::-1], context=CONTEXT)
    assert [one.tobytes() for one in vectors] == [one.tobytes() for one in again[::-1]]
    assert later.embedder.asked == []  # type: ignore[attr-defined]


async def test_of_several_questions_the_new_ones_are_read_in_one_pass_and_asked_for_in_one():
    cache, inner = MemoryCache(), Asked()
    embedder = CachedQuestions(inner, cache)
    await embedder.embed_query("cod", context=CONTEXT)
    found = await embedder.embed_queries(["eel", "cod", "ray", "eel"], context=CONTEXT)
    assert inner.asked == ["cod", "eel | ray"]
    assert cache.asked["get"] == 2
    assert found[0].tobytes() == found[3].tobytes()
    assert len(await embedder.embed_queries([], context=CONTEXT)) == 0


async def test_who_asks_at_the_same_time_waits_for_the_first(by: Projection):
    inner = Asked()
    embedder = CachedQuestions(inner, MemoryCache())
    found = await asyncio.gather(*(embedder.embed_query(QUESTION, context=CONTEXT) for _ in range(200)))
    both = [embedder.embed_query_compact(QUESTION, by=by, context=CONTEXT) for _ in range(200)]
    rows = [own for _, own in await asyncio.gather(*both)]
    assert inner.asked == [QUESTION] * 2
    assert len({one.tobytes() for one in found}) == len({one.tobytes() for one in rows}) == 1
    found[0][:] = 0
    assert found[1].any(), "nobody is given what is another's"


def test_several_event_loops_ask_the_same_at_once():
    inside = threading.Barrier(2)

    class Meeting(Asked):
        async def embed_query(self, text: str, *, context: Context) -> Vector:
            await asyncio.to_thread(inside.wait, 20)  # each loop makes it once, while the others of its own wait
            return await super().embed_query(text, context=context)

    embedder = CachedQuestions(Meeting(), MemoryCache())

    async def several() -> int:
        found = await asyncio.gather(*(embedder.embed_query(QUESTION, context=CONTEXT) for _ in range(3)))
        return len({one.tobytes() for one in found})

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: asyncio.run(several()), range(2))) == [1, 1]


async def test_when_the_first_leaves_the_next_one_goes_on():
    class Slow(Asked):
        async def embed_query(self, text: str, *, context: Context) -> Vector:
            self.asked.append(text)
            if len(self.asked) == 1:
                begun.set()
                await asyncio.Event().wait()
            return (await self.embed([text], context=context))[0]

    inner, begun = Slow(), asyncio.Event()
    embedder = CachedQuestions(inner, MemoryCache())
    first = asyncio.create_task(embedder.embed_query(QUESTION, context=CONTEXT))
    second = asyncio.create_task(embedder.embed_query(QUESTION, context=CONTEXT))
    await begun.wait()
    first.cancel()
    assert (await second).shape == (96,)
    assert inner.asked == [QUESTION] * 2


async def test_questions_are_kept_for_thirty_days_and_no_longer(monkeypatch: pytest.MonkeyPatch):
    now = 1_700_000_000.0
    monkeypatch.setattr(questions.time, "time", lambda: now)
    cache, inner = MemoryCache(clock=lambda: now), Asked()
    early, late = CachedQuestions(inner, cache), CachedQuestions(inner, cache)
    await early.embed_query(QUESTION, context=CONTEXT)
    now += KEPT - 1
    await early.embed_query(QUESTION, context=CONTEXT)
    await late.embed_query(QUESTION, context=CONTEXT)
    assert len(inner.asked) == 1
    now += 2
    await late.embed_query(QUESTION, context=CONTEXT)  # it came into this memory a moment ago
    assert len(inner.asked) == 2
    await early.embed_query(QUESTION, context=CONTEXT)  # kept anew
    assert len(inner.asked) == 2
    assert 30 * DAY == KEPT


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: b"",
        lambda value: value[:3],
        lambda value: value[:-1],
        lambda value: value[:-64],
        lambda value: value + b"\0" * 64,
        lambda value: value[:4] + np.float32("nan").tobytes() + value[8:],
        lambda value: value[:8] + np.float32("inf").tobytes() + value[12:],
        lambda value: b"\xff" * 4 + value[4:],
    ],
    ids=["nothing", "a stump", "a byte less", "a row less", "a row more", "no number", "endless", "another count"],
)
async def test_what_is_damaged_is_made_again(by: Projection, damage):
    cache, inner = MemoryCache(), Asked()
    made = await CachedQuestions(inner, cache).embed_query_compact(QUESTION, by=by, context=CONTEXT)
    (key,) = cache._entries
    value = damage(cache._entries[key].stored.value)
    await cache.put(key[0], {key[1]: Stored(value=value)}, context=CONTEXT)
    assert alike(await CachedQuestions(inner, cache).embed_query_compact(QUESTION, by=by, context=CONTEXT), made)
    assert alike(await CachedQuestions(inner, cache).embed_query_compact(QUESTION, by=by, context=CONTEXT), made)
    assert inner.asked == [QUESTION] * 2


async def test_rows_of_another_projection_are_not_taken(by: Projection):
    cache = MemoryCache()
    other = Projection(by.mean, -by.basis)
    _, rows = await CachedQuestions(Asked(), cache).embed_query_compact(QUESTION, by=by, context=CONTEXT)
    _, turned = await CachedQuestions(Asked(), cache).embed_query_compact(QUESTION, by=other, context=CONTEXT)
    assert np.array_equal(rows, -turned)
    assert len(cache._entries) == 2


async def test_nothing_of_a_question_stands_in_the_cache_but_numbers(by: Projection):
    cache = MemoryCache()
    embedder = CachedQuestions(Asked(), cache)
    await embedder.embed_query(QUESTION, context=CONTEXT)
    await embedder.embed_query_compact(QUESTION, by=by, context=CONTEXT)
    keys = {key for room, key in cache._entries if room == "vectors"}
    assert keys == {
        *question_keys(embedder.fingerprint, [QUESTION]),
        *compact_keys(embedder.fingerprint, by.digest, [QUESTION]),
    }
    for entry in cache._entries.values():
        assert entry.stored.seconds == KEPT
        assert b"cod" not in entry.stored.value


async def test_all_who_need_a_question_share_it_and_it_is_kept_once():
    cache, inner = MemoryCache(), Asked()
    keeper = TokenKeeper(CachedQuestions(inner, cache), MemoryCache())
    embedder = CachedEmbedder(keeper, cache)
    vector = await embedder.embed_query(QUESTION, context=CONTEXT)
    again, rows = await keeper.question(QUESTION, context=CONTEXT)
    assert vector.tobytes() == again.tobytes()
    assert len(rows) == len(inner.tokens(QUESTION)[0])
    assert inner.asked == [QUESTION]
    assert len(cache._entries) == 1
    await embedder.close()
    assert (await cache.stats(context=CONTEXT)).figures == {"vectors.miss": 1}


async def test_a_question_without_the_cache_leaves_nothing_there(by: Projection):
    cache, off = MemoryCache(), Context(cache="off")
    embedder = CachedEmbedder(Asked(), cache)
    await embedder.embed_query(QUESTION, context=off)
    await embedder.embed_query_compact(QUESTION, by=by, context=off)
    await embedder.embed([QUESTION], context=off)
    stats = await cache.stats(context=CONTEXT)
    assert not stats.entries


async def test_an_embedder_behind_the_cache_keeps_questions_by_itself():
    cache, inner = MemoryCache(), Asked()
    embedder = CachedEmbedder(CachedEmbedder(inner, cache), cache)
    for _ in range(2):
        await embedder.embed_query(QUESTION, context=CONTEXT)
    assert inner.asked == [QUESTION]
    assert len(cache._entries) == 1


async def test_a_passage_is_not_a_question():
    cache, inner = MemoryCache(), Asked()
    embedder = CachedEmbedder(inner, cache)
    (passage,) = await embedder.embed([QUESTION], context=CONTEXT)
    question = await embedder.embed_query(QUESTION, context=CONTEXT)
    assert passage.tobytes() != question.tobytes()
