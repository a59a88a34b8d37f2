"""The conformance suite of Embedder."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragstone.compact import SCALE, WIDTH
from ragstone.errors import EmbedderError
from ragstone.protocols import Embedder
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite

if TYPE_CHECKING:
    from ragstone.compact import Compact
    from ragstone.types import Matrix

__all__ = ["EmbedderSuite"]

TEXTS = (
    "The cat sat on the mat.",
    "A dog",
    "Größe, 日本語, עברית, नमस्ते and 👩‍🚀: words of many scripts",
    "  spaces\tand\n\nlines  ",
    "0.5 % of 1,000 €",
    "x",
    "A longer text says more, and what it says it says in several clauses; " * 5,
)
SAME = 0.999  # the cosine of two runs over one text: padding and low precision cost a little
NEARLY = 0.98  # the same of compact rows: what tokens have in common is taken away, so noise weighs more


class EmbedderSuite(ConnectorSuite[Embedder]):
    """What every embedder does.

    >>> class TestMyEmbedder(EmbedderSuite):
    ...     vendors = ("mylibrary",)
    ...
    ...     def make(self, tmp_path: Path) -> Embedder:
    ...         return MyEmbedder()
    """

    async def exercise(self, connector: Embedder) -> None:
        await connector.embed(TEXTS[:2], context=CONTEXT)
        await connector.embed_query("a cat", context=CONTEXT)

    async def test_a_row_for_each_text(self, connector: Embedder) -> None:
        rows = await connector.embed(TEXTS, context=CONTEXT)
        assert rows.shape == (len(TEXTS), connector.dimensions)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-3)

    async def test_no_texts_no_rows(self, connector: Embedder) -> None:
        assert (await connector.embed([], context=CONTEXT)).shape == (0, connector.dimensions)

    async def test_a_row_depends_on_its_own_text_alone(self, connector: Embedder) -> None:
        together = await connector.embed(TEXTS, context=CONTEXT)
        alone = np.concatenate([await connector.embed([text], context=CONTEXT) for text in TEXTS])
        backwards = (await connector.embed(TEXTS[::-1], context=CONTEXT))[::-1]
        assert cosines(together, alone).min() > SAME
        assert cosines(together, backwards).min() > SAME

    async def test_hundreds_keep_their_order(self, connector: Embedder) -> None:
        texts = [f"{number} {'apples ' * (number % 7)}" for number in range(150)]
        rows = await connector.embed(texts, context=CONTEXT)
        for at in range(0, 150, 30):
            one = await connector.embed([texts[at]], context=CONTEXT)
            assert int(np.argmax(rows @ one[0])) == at

    async def test_a_question_has_a_vector_like_the_passages(self, connector: Embedder) -> None:
        query = await connector.embed_query("Where did the cat sit on the mat?", context=CONTEXT)
        assert query.shape == (connector.dimensions,)
        assert np.linalg.norm(query) == pytest.approx(1.0, abs=1e-3)
        passages = await connector.embed(
            ["The cat sat on the mat.", "Interest rates rose by a point."], context=CONTEXT
        )
        near, far = passages @ query
        assert near > far

    async def test_several_questions_have_the_vectors_that_each_has_alone(self, connector: Embedder) -> None:
        asked = ["Where did the cat sit?", "By how much did interest rates rise?", "Who?"]
        together = await connector.embed_queries(asked, context=CONTEXT)
        assert len(together) == len(asked)
        for text, vector in zip(asked, together, strict=True):
            assert vector @ await connector.embed_query(text, context=CONTEXT) > SAME
        assert list(await connector.embed_queries([], context=CONTEXT)) == []

    async def test_what_is_embedded_once_has_the_vector_of_a_passage(self, connector: Embedder) -> None:
        once = await connector.embed_once(TEXTS, context=CONTEXT)
        assert cosines(once, await connector.embed(TEXTS, context=CONTEXT)).min() > SAME

    async def test_a_text_beyond_the_window_is_refused(self, connector: Embedder) -> None:
        with pytest.raises(EmbedderError):
            await connector.embed(["short", "word " * (connector.window + 1)], context=CONTEXT)

    async def test_tokens_are_ranges_of_the_text_in_order(self, connector: Embedder) -> None:
        self.needs_tokenizer(connector)
        for text in TEXTS:
            ids, ranges = connector.tokens(text)
            assert len(ids) == len(ranges) > 0
            assert all(0 <= start <= end <= len(text) for start, end in ranges)
            assert list(ranges) == sorted(ranges)
        assert [tuple(part) for part in connector.tokens("")] == [(), ()]
        for texts in (list[str](), [*TEXTS[:1]], [*TEXTS]):
            assert list(connector.all_tokens(texts)) == [connector.tokens(text) for text in texts]

    async def test_known_token_ids_change_nothing(self, connector: Embedder) -> None:
        self.needs_tokenizer(connector)
        ids = [connector.tokens(text)[0] for text in TEXTS]
        known = await connector.embed(TEXTS, context=CONTEXT, ids=ids)
        assert cosines(known, await connector.embed(TEXTS, context=CONTEXT)).min() > SAME

    async def test_token_vectors_are_given_or_refused(self, connector: Embedder) -> None:
        if not connector.capabilities.token_vectors:
            with pytest.raises(EmbedderError):
                await connector.embed_tokens(TEXTS, context=CONTEXT)
            return
        rows = await connector.embed_tokens(TEXTS, context=CONTEXT)
        assert [len(part) for part in rows] == [len(connector.tokens(text)[0]) for text in TEXTS]
        for part in rows:
            assert np.linalg.norm(part, axis=1) == pytest.approx(1.0, abs=1e-3)

    async def test_compact_rows_are_those_of_the_token_vectors(self, connector: Embedder) -> None:
        if not connector.capabilities.token_vectors:
            with pytest.raises(EmbedderError):
                await connector.projection()
            return
        by = await connector.projection()
        vectors, rows = await connector.embed_compact(TEXTS, by=by, context=CONTEXT)
        assert cosines(vectors, await connector.embed(TEXTS, context=CONTEXT)).min() > SAME
        whole = await connector.embed_tokens(TEXTS, context=CONTEXT)
        for text, own, tokens in zip(TEXTS, rows, whole, strict=True):
            assert own.dtype == np.int8
            assert own.shape == (len(tokens), min(WIDTH, connector.dimensions))
            assert alike(own, by.rows(tokens)), text
        question, own = await connector.embed_query_compact(TEXTS[0], by=by, context=CONTEXT)
        assert question @ await connector.embed_query(TEXTS[0], context=CONTEXT) > SAME
        assert alike(own, rows[0])

    async def test_the_fingerprint_is_the_same_for_another_one(self, connector: Embedder, tmp_path: Path) -> None:
        other = self.make(tmp_path)
        await other.load()
        assert connector.fingerprint == other.fingerprint != ""
        assert connector.dimensions == other.dimensions > 0
        assert connector.window == other.window > 0
        rows = [await embedder.embed(TEXTS, context=CONTEXT) for embedder in (connector, other)]
        assert cosines(*rows).min() > SAME
        await other.close()

    async def test_calls_may_come_at_once(self, connector: Embedder) -> None:
        expected = await connector.embed(TEXTS, context=CONTEXT)
        for rows in await asyncio.gather(*(connector.embed(TEXTS, context=CONTEXT) for _ in range(8))):
            assert cosines(rows, expected).min() > SAME

    def needs_tokenizer(self, connector: Embedder) -> None:
        """Skips the test where the embedder has none."""
        try:
            connector.tokens("x")
        except EmbedderError:
            pytest.skip("has no tokenizer")


def cosines(rows: Matrix, others: Matrix) -> Matrix:
    """The cosine of each row with the other's of the same place; all are of length 1."""
    return (rows * others).sum(axis=1)


def alike(rows: Compact, others: Compact) -> bool:
    """Whether compact rows say the same, but for what rounding and low precision cost."""
    one, other = rows.astype(np.float32), others.astype(np.float32)
    return one.shape == other.shape and float(cosines(one, other).min(initial=SCALE**2)) > NEARLY * SCALE**2
