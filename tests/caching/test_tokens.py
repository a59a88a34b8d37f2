"""Token vectors that were made before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragstone.caching import tokens
from ragstone.caching.embeddings import CachedEmbedder
from ragstone.caching.key import projection_key
from ragstone.caching.tokens import Kept, TokenKeeper
from ragstone.compact import WIDTH, Projection
from ragstone.protocols import Embedder
from ragstone.stored import Stored
from ragstone.testing import HashingEmbedder, MemoryCache
from ragstone.testing.suites import EmbedderSuite
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.compact import Compact
    from ragstone.types import Matrix

CONTEXT = Context()
WIDE = 96
TEXTS = ["cod swims in the north", "eel", "", "the cod hides from the eel"]


class Counting(HashingEmbedder):
    """Notes which texts it was asked for, and how often a projection was fitted."""

    def __init__(self, *, dimensions: int = WIDE) -> None:
        super().__init__(dimensions=dimensions)
        self.asked: list[str] = []
        self.fits = 0

    async def embed_compact(
        self, texts: Sequence[str], *, by: Projection, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> tuple[Matrix, Sequence[Compact]]:
        self.asked += texts
        return await super().embed_compact(texts, by=by, context=context, ids=ids)

    async def projection(self) -> Projection:
        self.fits += 1
        await asyncio.sleep(0)
        return await super().projection()


class TestTokenKeeper(EmbedderSuite):
    """A wrapper passes the suite of what it wraps."""

    def make(self, tmp_path: Path) -> Embedder:
        return TokenKeeper(HashingEmbedder(), MemoryCache())


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


async def expected(texts: Sequence[str], *, dimensions: int = WIDE) -> list[Kept]:
    """What is to be kept of texts, made without a keeper."""
    embedder = HashingEmbedder(dimensions=dimensions)
    by = await embedder.projection()
    vectors, rows = await embedder.embed_compact(texts, by=by, context=CONTEXT)
    return [Kept(vector, own) for vector, own in zip(vectors, rows, strict=True)]


def same(found: Sequence[Kept], others: Sequence[Kept]) -> bool:
    """Whether rows are equal, and vectors but for half precision."""
    return len(found) == len(others) and all(
        np.array_equal(one.rows, other.rows) and np.allclose(one.vector, other.vector, atol=1e-3)
        for one, other in zip(found, others, strict=True)
    )


async def test_what_is_embedded_leaves_vectors_and_rows_in_one_pass(cache: MemoryCache):
    inner = Counting()
    keeper = TokenKeeper(inner, cache)
    vectors = await keeper.embed(TEXTS, context=CONTEXT)
    assert inner.asked == TEXTS
    found = await keeper.kept(TEXTS[::-1], context=CONTEXT)
    assert inner.asked == TEXTS
    assert same(found[::-1], await expected(TEXTS))
    assert np.array_equal(vectors, await HashingEmbedder(dimensions=WIDE).embed(TEXTS, context=CONTEXT))
    assert [one.rows.shape for one in found[::-1]] == [(5, WIDTH), (1, WIDTH), (0, WIDTH), (6, WIDTH)]
    await keeper.close()


async def test_kept_makes_what_is_missing_and_nothing_else(cache: MemoryCache):
    inner = Counting()
    keeper = TokenKeeper(inner, cache)
    await keeper.embed(TEXTS[:2], context=CONTEXT)
    assert same(await keeper.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    assert inner.asked == TEXTS
    assert await keeper.kept([], context=CONTEXT) == []
    await keeper.close()


async def test_many_missing_texts_are_read_in_portions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "AT_ONCE", 4)
    inner = Counting()
    texts = [f"cod {number}" for number in range(10)]
    assert same(await TokenKeeper(inner, MemoryCache()).kept(texts, context=CONTEXT), await expected(texts))
    assert inner.asked == texts


async def test_another_process_finds_them_and_the_projection(cache: MemoryCache):
    first, second = Counting(), Counting()
    keeper = TokenKeeper(first, cache)
    await keeper.embed(TEXTS, context=CONTEXT)
    other = TokenKeeper(second, cache)
    assert same(await other.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    one, two = await keeper.projection(), await other.projection()
    assert np.array_equal(one.mean, two.mean)
    assert np.array_equal(one.basis, two.basis)
    assert (first.fits, second.fits, second.asked) == (1, 0, [])
    await keeper.close()
    await other.close()


async def test_where_two_fit_at_once_both_use_the_one_that_was_kept_first(cache: MemoryCache):
    theirs = Projection(np.zeros(WIDE, np.float32), np.eye(WIDE, WIDTH, dtype=np.float32))

    class Late(HashingEmbedder):
        """While it fits, another process has done so."""

        async def projection(self) -> Projection:
            numbers = np.concatenate([theirs.mean[None], theirs.basis.T]).astype("<f4")
            entry = Stored(value=numbers.tobytes())
            await cache.put("projections", {projection_key(self.fingerprint): entry}, context=CONTEXT)
            return await super().projection()

    keeper = TokenKeeper(Late(dimensions=WIDE), cache)
    found = await keeper.projection()
    assert np.array_equal(found.mean, theirs.mean)
    assert np.array_equal(found.basis, theirs.basis)
    _, rows = await keeper.question("cod", context=CONTEXT)
    (vectors,) = await HashingEmbedder(dimensions=WIDE).embed_tokens(["cod"], context=CONTEXT)
    assert np.array_equal(rows, theirs.rows(vectors))
    await keeper.close()


async def test_calls_at_once_fit_one_projection(cache: MemoryCache):
    inner = Counting()
    keeper = TokenKeeper(inner, cache)
    found = await asyncio.gather(*(keeper.kept(TEXTS[at:], context=CONTEXT) for at in range(4)))
    whole = await expected(TEXTS)
    assert all(same(part, whole[at:]) for at, part in enumerate(found))
    assert inner.fits == 1
    await keeper.close()


async def test_all_may_be_lost_between_two_runs(cache: MemoryCache):
    before = await TokenKeeper(Counting(), cache).kept(TEXTS, context=CONTEXT)
    assert {room for room, _ in cache._entries} == {"tokens", "projections"}
    await cache.clear(context=CONTEXT)
    inner = Counting()
    again = TokenKeeper(inner, cache)
    assert same(await again.kept(TEXTS, context=CONTEXT), before)
    assert (inner.fits, inner.asked) == (1, TEXTS)


async def test_what_was_asked_for_is_not_read_from_the_cache_again(cache: MemoryCache):
    keeper = TokenKeeper(Counting(), cache)
    before = await keeper.kept(TEXTS, context=CONTEXT)
    asked = cache.asked["get"]
    assert same(await keeper.kept([*TEXTS[::-1], TEXTS[0]], context=CONTEXT), [*before[::-1], before[0]])
    assert cache.asked["get"] == asked
    await keeper.kept([TEXTS[0], "new"], context=CONTEXT)
    assert cache.asked["get"] == asked + 1


async def test_what_is_forgotten_is_made_again_and_the_rest_stays(cache: MemoryCache):
    inner = Counting()
    keeper = TokenKeeper(CachedEmbedder(inner, MemoryCache()), cache)
    await keeper.embed(TEXTS, context=CONTEXT)
    await keeper.kept(TEXTS, context=CONTEXT)
    await keeper.forget([TEXTS[1], "never seen"])
    assert await keeper.embedder.known(TEXTS, context=CONTEXT) == [True, False, True, True]
    await keeper.close()
    again = TokenKeeper(inner, cache)
    await again.kept(TEXTS, context=CONTEXT)
    assert inner.asked == [TEXTS[1]]
    await again.close()


async def test_another_fingerprint_shares_nothing(cache: MemoryCache):
    inner = Counting(dimensions=128)
    keeper = TokenKeeper(Counting(), cache)
    await keeper.embed(TEXTS, context=CONTEXT)
    other = TokenKeeper(inner, cache)
    assert same(await other.kept(TEXTS, context=CONTEXT), await expected(TEXTS, dimensions=128))
    assert (inner.fits, inner.asked) == (1, TEXTS)
    assert same(await keeper.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    await keeper.close()
    await other.close()


@pytest.mark.parametrize("dimensions", [7, 48, WIDTH])
async def test_an_embedder_of_few_dimensions_has_narrow_rows(dimensions: int):
    keeper = TokenKeeper(Counting(dimensions=dimensions), MemoryCache())
    found = await keeper.kept(TEXTS, context=CONTEXT)
    assert same(found, await expected(TEXTS, dimensions=dimensions))
    assert [one.rows.shape for one in found] == [(5, dimensions), (1, dimensions), (0, dimensions), (6, dimensions)]
    again = await keeper.kept(TEXTS, context=CONTEXT)
    assert same(again, found)


@pytest.mark.parametrize(
    "value", [b"", b"\0", b"\0" * 2 * WIDE + b"\0" * 65], ids=["nothing", "a stump", "a part of a row"]
)
async def test_what_is_damaged_is_made_again(cache: MemoryCache, value: bytes):
    await TokenKeeper(Counting(), cache).kept(TEXTS, context=CONTEXT)
    for room, key in list(cache._entries):
        await cache.put(room, {key: Stored(value=value)}, context=CONTEXT)
    inner = Counting()
    keeper = TokenKeeper(inner, cache)
    assert same(await keeper.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    assert (inner.fits, inner.asked) == (1, TEXTS)
    assert same(await TokenKeeper(inner, cache).kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    assert inner.asked == TEXTS


async def test_rows_of_another_projection_are_not_taken(cache: MemoryCache):
    class Turned(Counting):
        async def projection(self) -> Projection:
            found = await super().projection()
            return Projection(found.mean, -found.basis)

    (one,) = await TokenKeeper(Counting(), cache).kept(["cod"], context=CONTEXT)
    await cache.clear(["projections"], context=CONTEXT)
    (other,) = await TokenKeeper(Turned(), cache).kept(["cod"], context=CONTEXT)
    assert np.array_equal(one.rows, -other.rows)


async def test_what_is_kept_gives_the_same_numbers_the_first_time_and_later():
    keeper = TokenKeeper(HashingEmbedder(), MemoryCache())
    first = await keeper.kept(TEXTS, context=CONTEXT)
    later = await keeper.kept(TEXTS, context=CONTEXT)
    assert all(np.array_equal(one.vector, other.vector) for one, other in zip(first, later, strict=True))


async def test_a_question_has_its_vector_and_rows_and_is_not_kept(cache: MemoryCache):
    inner = Counting()
    keeper = TokenKeeper(inner, cache)
    vector, rows = await keeper.question("where does the cod hide", context=CONTEXT)
    (made,) = await expected(["where does the cod hide"])
    assert np.allclose(vector, made.vector)
    assert np.array_equal(rows, made.rows)
    await keeper.kept(["where does the cod hide"], context=CONTEXT)
    assert inner.asked == ["where does the cod hide"]
    await keeper.close()
