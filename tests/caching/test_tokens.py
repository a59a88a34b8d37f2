"""Token vectors that were made before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragstone.caching import tokens
from ragstone.caching.embeddings import CachedEmbedder, VectorCache
from ragstone.caching.tokens import Kept, TokenKeeper
from ragstone.compact import WIDTH, Projection
from ragstone.protocols import Embedder
from ragstone.testing import HashingEmbedder
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
        return TokenKeeper(HashingEmbedder(), tmp_path / "tokens.db")


async def expected(texts: Sequence[str], *, dimensions: int = WIDE) -> list[Kept]:
    """What is to be kept of texts, made without a keeper."""
    embedder = HashingEmbedder(dimensions=dimensions)
    by = await embedder.projection()
    vectors, rows = await embedder.embed_compact(texts, by=by, context=CONTEXT)
    return [Kept(vector, own) for vector, own in zip(vectors, rows, strict=True)]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same(found: Sequence[Kept], others: Sequence[Kept]) -> bool:
    """Whether rows are equal, and vectors but for half precision."""
    return len(found) == len(others) and all(
        np.array_equal(one.rows, other.rows) and np.allclose(one.vector, other.vector, atol=1e-3)
        for one, other in zip(found, others, strict=True)
    )


async def test_what_is_embedded_leaves_vectors_and_rows_in_one_pass(tmp_path: Path):
    inner = Counting()
    keeper = TokenKeeper(inner, tmp_path / "tokens.db")
    vectors = await keeper.embed(TEXTS, context=CONTEXT)
    assert inner.asked == TEXTS
    found = await keeper.kept(TEXTS[::-1], context=CONTEXT)
    assert inner.asked == TEXTS
    assert same(found[::-1], await expected(TEXTS))
    assert np.array_equal(vectors, await HashingEmbedder(dimensions=WIDE).embed(TEXTS, context=CONTEXT))
    assert [one.rows.shape for one in found[::-1]] == [(5, WIDTH), (1, WIDTH), (0, WIDTH), (6, WIDTH)]
    await keeper.close()


async def test_kept_makes_what_is_missing_and_nothing_else(tmp_path: Path):
    inner = Counting()
    keeper = TokenKeeper(inner, tmp_path / "tokens.db")
    await keeper.embed(TEXTS[:2], context=CONTEXT)
    assert same(await keeper.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    assert inner.asked == TEXTS
    assert await keeper.kept([], context=CONTEXT) == []
    await keeper.close()


async def test_many_missing_texts_are_read_in_portions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "AT_ONCE", 4)
    inner = Counting()
    texts = [f"cod {number}" for number in range(10)]
    assert same(await TokenKeeper(inner, None).kept(texts, context=CONTEXT), await expected(texts))
    assert inner.asked == texts


async def test_another_process_finds_them_and_the_projection(tmp_path: Path):
    first, second = Counting(), Counting()
    keeper = TokenKeeper(first, tmp_path / "tokens.db")
    await keeper.embed(TEXTS, context=CONTEXT)
    other = TokenKeeper(second, tmp_path / "tokens.db")
    assert same(await other.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    one, two = await keeper.projection(), await other.projection()
    assert np.array_equal(one.mean, two.mean)
    assert np.array_equal(one.basis, two.basis)
    assert (first.fits, second.fits, second.asked) == (1, 0, [])
    await keeper.close()
    await other.close()


async def test_where_two_fit_at_once_both_use_the_one_that_was_kept_first(tmp_path: Path):
    theirs = Projection(np.zeros(WIDE, np.float32), np.eye(WIDE, WIDTH, dtype=np.float32))

    class Late(HashingEmbedder):
        """While it fits, another process has done so."""

        async def projection(self) -> Projection:
            numbers = np.concatenate([theirs.mean[None], theirs.basis.T]).astype("<f4")
            other = VectorCache(tmp_path / "tokens.db", table=tokens._PROJECTIONS)
            other.put({self.fingerprint.encode(): numbers.tobytes()})
            other.close()
            return await super().projection()

    keeper = TokenKeeper(Late(dimensions=WIDE), tmp_path / "tokens.db")
    found = await keeper.projection()
    assert np.array_equal(found.mean, theirs.mean)
    assert np.array_equal(found.basis, theirs.basis)
    _, rows = await keeper.question("cod", context=CONTEXT)
    (vectors,) = await HashingEmbedder(dimensions=WIDE).embed_tokens(["cod"], context=CONTEXT)
    assert np.array_equal(rows, theirs.rows(vectors))
    await keeper.close()


async def test_calls_at_once_fit_one_projection(tmp_path: Path):
    inner = Counting()
    keeper = TokenKeeper(inner, tmp_path / "tokens.db")
    found = await asyncio.gather(*(keeper.kept(TEXTS[at:], context=CONTEXT) for at in range(4)))
    whole = await expected(TEXTS)
    assert all(same(part, whole[at:]) for at, part in enumerate(found))
    assert inner.fits == 1
    await keeper.close()


async def test_the_file_may_be_deleted_between_two_runs(tmp_path: Path):
    path = tmp_path / "tokens.db"
    keeper = TokenKeeper(Counting(), path)
    before = await keeper.kept(TEXTS, context=CONTEXT)
    await keeper.close()
    assert names_in(tmp_path) == ["tokens.db"]
    path.unlink()
    assert same(await keeper.kept(TEXTS, context=CONTEXT), before)
    await keeper.close()
    path.unlink()
    inner = Counting()
    again = TokenKeeper(inner, path)
    assert same(await again.kept(TEXTS, context=CONTEXT), before)
    assert (inner.fits, inner.asked) == (1, TEXTS)
    await again.close()


async def test_what_was_asked_for_is_not_read_from_the_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    keeper = TokenKeeper(Counting(), tmp_path / "tokens.db")
    before = await keeper.kept(TEXTS, context=CONTEXT)
    asked: list[int] = []
    read = VectorCache.get
    monkeypatch.setattr(VectorCache, "get", lambda self, keys: asked.append(len(keys)) or read(self, keys))
    assert same(await keeper.kept([*TEXTS[::-1], TEXTS[0]], context=CONTEXT), [*before[::-1], before[0]])
    assert asked == []
    await keeper.kept([TEXTS[0], "new"], context=CONTEXT)
    assert asked == [1]
    await keeper.close()


async def test_what_is_forgotten_is_made_again_and_the_rest_stays(tmp_path: Path):
    inner = Counting()
    keeper = TokenKeeper(CachedEmbedder(inner, VectorCache(None)), tmp_path / "tokens.db")
    await keeper.embed(TEXTS, context=CONTEXT)
    await keeper.kept(TEXTS, context=CONTEXT)
    await keeper.forget([TEXTS[1], "never seen"])
    assert await keeper.embedder.known(TEXTS, context=CONTEXT) == [True, False, True, True]
    await keeper.close()
    again = TokenKeeper(inner, tmp_path / "tokens.db")
    await again.kept(TEXTS, context=CONTEXT)
    assert inner.asked == [TEXTS[1]]
    await again.close()


async def test_another_fingerprint_shares_nothing(tmp_path: Path):
    inner = Counting(dimensions=128)
    keeper = TokenKeeper(Counting(), tmp_path / "tokens.db")
    await keeper.embed(TEXTS, context=CONTEXT)
    other = TokenKeeper(inner, tmp_path / "tokens.db")
    assert same(await other.kept(TEXTS, context=CONTEXT), await expected(TEXTS, dimensions=128))
    assert (inner.fits, inner.asked) == (1, TEXTS)
    assert same(await keeper.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    await keeper.close()
    await other.close()


@pytest.mark.parametrize("dimensions", [7, 48, WIDTH])
async def test_an_embedder_of_few_dimensions_has_narrow_rows(dimensions: int):
    keeper = TokenKeeper(Counting(dimensions=dimensions), None)
    found = await keeper.kept(TEXTS, context=CONTEXT)
    assert same(found, await expected(TEXTS, dimensions=dimensions))
    assert [one.rows.shape for one in found] == [(5, dimensions), (1, dimensions), (0, dimensions), (6, dimensions)]
    again = await keeper.kept(TEXTS, context=CONTEXT)
    assert same(again, found)


async def test_a_damaged_file_stands_in_nobodys_way(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "tokens.db"
    path.write_bytes(b"no database " * 1000)
    keeper = TokenKeeper(Counting(), path)
    assert same(await keeper.kept(TEXTS, context=CONTEXT), await expected(TEXTS))
    assert "cannot be used" in caplog.text
    vector, rows = await keeper.question("cod", context=CONTEXT)
    assert vector.shape == (WIDE,)
    assert rows.shape == (1, WIDTH)
    await keeper.close()


async def test_what_is_kept_gives_the_same_numbers_the_first_time_and_later():
    keeper = TokenKeeper(HashingEmbedder(), None)
    first = await keeper.kept(TEXTS, context=CONTEXT)
    later = await keeper.kept(TEXTS, context=CONTEXT)
    assert all(np.array_equal(one.vector, other.vector) for one, other in zip(first, later, strict=True))


async def test_a_question_has_its_vector_and_rows_and_is_not_kept(tmp_path: Path):
    inner = Counting()
    keeper = TokenKeeper(inner, tmp_path / "tokens.db")
    vector, rows = await keeper.question("where does the cod hide", context=CONTEXT)
    (made,) = await expected(["where does the cod hide"])
    assert np.allclose(vector, made.vector)
    assert np.array_equal(rows, made.rows)
    await keeper.kept(["where does the cod hide"], context=CONTEXT)
    assert inner.asked == ["where does the cod hide"]
    await keeper.close()


async def test_the_oldest_texts_make_room(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "MAX_ROWS", 2)
    inner = Counting()
    keeper = TokenKeeper(inner, None)
    for text in ("a", "b", "c"):
        await keeper.embed([text], context=CONTEXT)
    inner.asked.clear()
    assert same(await keeper.kept(["a", "b", "c"], context=CONTEXT), await expected(["a", "b", "c"]))
    assert inner.asked == ["a"]
