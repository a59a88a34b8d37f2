"""Vectors that were made before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.caching.embeddings import CachedEmbedder
from ragstone.caching.key import vector_keys
from ragstone.caching.tokens import TokenKeeper
from ragstone.protocols import Embedder
from ragstone.stored import Stored
from ragstone.testing import HashingEmbedder, MemoryCache
from ragstone.testing.suites import EmbedderSuite
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Matrix

CONTEXT = Context()


class Counting(HashingEmbedder):
    """Notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        self.asked += texts
        return await super().embed(texts, context=context, ids=ids)


class TestCachedEmbedder(EmbedderSuite):
    """A wrapper passes the suite of what it wraps."""

    def make(self, tmp_path: Path) -> Embedder:
        return CachedEmbedder(HashingEmbedder(), MemoryCache())


async def test_a_text_is_embedded_once_in_a_call_between_calls_and_between_embedders():
    inner, cache = Counting(), MemoryCache()
    once = await CachedEmbedder(inner, cache).embed(["a", "b", "a"], context=CONTEXT)
    second = CachedEmbedder(inner, cache)
    again = await second.embed(["b", "c", "a"], context=CONTEXT)
    assert inner.asked == ["a", "b", "c"]
    assert np.array_equal(once[[1, 0]], again[[0, 2]])
    assert await second.known(["a", "new", "new"], context=CONTEXT) == [True, False, True]


@given(before=st.lists(st.text(max_size=3)), texts=st.lists(st.text(max_size=3)))
async def test_vectors_are_those_of_the_embedder_whatever_is_kept(before: list[str], texts: list[str]):
    inner = Counting()
    embedder = CachedEmbedder(inner, MemoryCache())
    await embedder.embed(before, context=CONTEXT)
    known = await embedder.known(texts, context=CONTEXT)
    inner.asked.clear()
    found = await embedder.embed(texts, context=CONTEXT)
    assert inner.asked == [text for text, kept in zip(texts, known, strict=True) if not kept]
    plain = await HashingEmbedder().embed(texts, context=CONTEXT)
    assert found.tobytes() == plain.tobytes()
    assert (found.dtype, found.shape) == (plain.dtype, plain.shape)
    assert found.flags.writeable


async def test_a_thousand_texts_are_one_question_to_the_cache_and_one_write():
    cache = MemoryCache()
    embedder = CachedEmbedder(HashingEmbedder(dimensions=8), cache)
    texts = [f"cod {number}" for number in range(1000)]
    await embedder.embed(texts, context=CONTEXT)
    assert cache.asked == {"get": 1, "put": 1}
    cache.asked.clear()
    await embedder.embed(texts, context=CONTEXT)
    assert all(await embedder.known(texts, context=CONTEXT))
    assert cache.asked == {"get": 2}


async def test_the_ids_of_texts_go_with_them():
    class Told(HashingEmbedder):
        async def embed(
            self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
        ) -> Matrix:
            assert ids == [self.tokens(text)[0] for text in texts]
            return await super().embed(texts, context=context, ids=ids)

    embedder = CachedEmbedder(Told(), MemoryCache())
    for texts in (["a", "b c", "a"], ["d", "b c", "e"]):
        await embedder.embed(texts, context=CONTEXT, ids=[embedder.tokens(text)[0] for text in texts])


async def test_of_what_is_embedded_once_nothing_is_kept():
    inner, cache = Counting(), MemoryCache()
    embedder = CachedEmbedder(TokenKeeper(inner, cache), cache)
    once = await embedder.embed_once(["made up"], context=CONTEXT)
    assert await embedder.known(["made up"], context=CONTEXT) == [False]
    again = await embedder.embed_once(["made up"], context=CONTEXT)
    await embedder.close()
    assert np.array_equal(once, again)
    assert inner.asked == ["made up"] * 2
    assert not cache._entries


async def test_another_fingerprint_shares_nothing():
    cache = MemoryCache()
    await CachedEmbedder(HashingEmbedder(), cache).embed(["a"], context=CONTEXT)
    assert await CachedEmbedder(HashingEmbedder(dimensions=64), cache).known(["a"], context=CONTEXT) == [False]


async def test_what_is_forgotten_is_made_again():
    embedder = CachedEmbedder(HashingEmbedder(), MemoryCache())
    await embedder.embed(["a", "b"], context=CONTEXT)
    await embedder.forget(["a"])
    assert await embedder.known(["a", "b"], context=CONTEXT) == [False, True]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\0" * 4,
        b"\0" * 1023,
        b"\0" * 1028,
        np.full(256, np.nan, "<f4").tobytes(),
        np.array([0] * 255 + [np.inf], "<f4").tobytes(),
        np.array([1] + [0] * 255, "<f8").tobytes(),
    ],
    ids=["nothing", "one number", "a byte less", "a number more", "no numbers", "endless", "another format"],
)
async def test_what_is_no_such_vector_is_made_again(value: bytes):
    cache, inner = MemoryCache(), Counting()
    embedder = CachedEmbedder(inner, cache)
    whole = await embedder.embed(["a", "b", "c"], context=CONTEXT)
    (key,) = vector_keys(embedder.fingerprint, ["b"])
    await cache.put("vectors", {key: Stored(value=value)}, context=CONTEXT)
    assert await embedder.known(["a", "b", "c"], context=CONTEXT) == [True, False, True]
    assert np.array_equal(await embedder.embed(["a", "b", "c"], context=CONTEXT), whole)
    assert inner.asked == ["a", "b", "c", "b"]
    assert await embedder.known(["b"], context=CONTEXT) == [True]


async def test_what_was_found_and_what_was_not_is_counted_and_costs_no_call_of_its_own():
    cache = MemoryCache()
    embedder = CachedEmbedder(HashingEmbedder(), cache)
    await embedder.embed(["a", "b", "a"], context=CONTEXT)
    await embedder.embed(["a", "c"], context=CONTEXT)
    await embedder.embed_query("a", context=CONTEXT)
    await embedder.close()
    assert (await cache.stats(context=CONTEXT)).figures == {"vectors.hit": 1, "vectors.miss": 4}
