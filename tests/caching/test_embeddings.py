"""Vectors that were made before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragstone.caching.embeddings import CachedEmbedder, VectorCache
from ragstone.caching.tokens import TokenKeeper
from ragstone.protocols import Embedder
from ragstone.testing import HashingEmbedder
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
        return CachedEmbedder(HashingEmbedder(), VectorCache(tmp_path / "cache.db"))


async def test_a_text_is_embedded_once_in_a_call_between_calls_and_between_processes(tmp_path: Path):
    inner = Counting()
    first = CachedEmbedder(inner, VectorCache(tmp_path / "cache.db"))
    once = await first.embed(["a", "b", "a"], context=CONTEXT)
    await first.close()
    second = CachedEmbedder(inner, VectorCache(tmp_path / "cache.db"))
    again = await second.embed(["b", "c", "a"], context=CONTEXT)
    assert inner.asked == ["a", "b", "c"]
    assert np.array_equal(once[[1, 0]], again[[0, 2]])
    assert await second.known(["a", "new", "new"], context=CONTEXT) == [True, False, True]
    await second.close()


async def test_of_what_is_embedded_once_nothing_is_kept(tmp_path: Path):
    inner = Counting()
    embedder = CachedEmbedder(TokenKeeper(inner, tmp_path / "tokens.db"), VectorCache(tmp_path / "cache.db"))
    once = await embedder.embed_once(["made up"], context=CONTEXT)
    assert await embedder.known(["made up"], context=CONTEXT) == [False]
    again = await embedder.embed_once(["made up"], context=CONTEXT)
    await embedder.close()
    assert np.array_equal(once, again)
    assert inner.asked == ["made up"] * 2


async def test_another_fingerprint_shares_nothing(tmp_path: Path):
    cache = VectorCache(tmp_path / "cache.db")
    await CachedEmbedder(HashingEmbedder(), cache).embed(["a"], context=CONTEXT)
    assert await CachedEmbedder(HashingEmbedder(dimensions=64), cache).known(["a"], context=CONTEXT) == [False]
    cache.close()


async def test_the_oldest_vectors_make_room():
    embedder = CachedEmbedder(HashingEmbedder(dimensions=64), VectorCache(None, max_bytes=2 * 64 * 4))
    for text in ("a", "b", "c"):
        await embedder.embed([text], context=CONTEXT)
    assert await embedder.known(["a", "b", "c"], context=CONTEXT) == [False, True, True]


async def test_what_is_forgotten_is_made_again():
    embedder = CachedEmbedder(HashingEmbedder(), VectorCache(None))
    await embedder.embed(["a", "b"], context=CONTEXT)
    await embedder.forget(["a"])
    assert await embedder.known(["a", "b"], context=CONTEXT) == [False, True]


async def test_a_damaged_cache_stands_in_nobodys_way(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "cache.db"
    path.write_bytes(b"no database " * 1000)
    inner = Counting()
    embedder = CachedEmbedder(inner, VectorCache(path))
    assert (await embedder.embed(["a"], context=CONTEXT)).shape == (1, 256)
    assert "cannot be used" in caplog.text
    await embedder.close()
