"""The conformance suite of Reranker."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import ClassVar

import pytest

from ragstone.errors import ModelTimeout
from ragstone.protocols import Reranker
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.types import Context

__all__ = ["RerankerSuite"]

QUESTION = "Where did the cat sit?"
TEXTS = (
    "The cat sat on the mat.",
    "A dog",
    "",
    "  \n\t ",
    "Größe, 日本語, עברית, नमस्ते and 👩‍🚀: words of many scripts",
    "x",
    "The cat sat on the mat.",
    "A longer text says more, and what it says it says in several clauses; " * 5,
)
SAME = 1e-3  # between two runs over one text: padding and low precision cost a little


class RerankerSuite(ConnectorSuite[Reranker]):
    """What every reranker does.

    `pointwise`: a text's score does not depend on the texts beside it, as it may where a language model orders a list.
    `trained`: it tells what answers a question from what does not, which a random model for a test cannot.
    `deadlines`: it gives up with ModelTimeout when the context's deadline has passed.

    >>> class TestMyReranker(RerankerSuite):
    ...     deadlines = True
    ...
    ...     def make(self, tmp_path: Path) -> Reranker:
    ...         return MyReranker("http://127.0.0.1:8000")
    """

    pointwise: ClassVar[bool] = True
    trained: ClassVar[bool] = True
    deadlines: ClassVar[bool] = False

    async def exercise(self, connector: Reranker) -> None:
        await connector.scores(QUESTION, TEXTS[:2], context=CONTEXT)

    async def test_a_score_for_each_text(self, connector: Reranker) -> None:
        found = await connector.scores(QUESTION, TEXTS, context=CONTEXT)
        self.demand_scores(found, len(TEXTS))

    async def test_no_texts_no_scores(self, connector: Reranker) -> None:
        assert list(await connector.scores(QUESTION, [], context=CONTEXT)) == []

    async def test_a_score_depends_on_its_own_text_alone(self, connector: Reranker) -> None:
        if not self.pointwise:
            pytest.skip("judges the texts together")
        together = list(await connector.scores(QUESTION, TEXTS, context=CONTEXT))
        backwards = list(await connector.scores(QUESTION, TEXTS[::-1], context=CONTEXT))
        alone = [(await connector.scores(QUESTION, [text], context=CONTEXT))[0] for text in TEXTS]
        assert backwards[::-1] == pytest.approx(together, abs=SAME)
        assert alone == pytest.approx(together, abs=SAME)
        assert together[0] == pytest.approx(together[6], abs=SAME)

    async def test_hundreds_keep_their_order(self, connector: Reranker) -> None:
        texts = [f"{number} cats {'sit on mats ' * (number % 7)}" for number in range(150)]
        found = await connector.scores(QUESTION, texts, context=CONTEXT)
        self.demand_scores(found, len(texts))
        assert len({round(score, 4) for score in found}) > 1
        if self.pointwise:
            some = list(range(0, 150, 37))
            again = await connector.scores(QUESTION, [texts[at] for at in some], context=CONTEXT)
            assert list(again) == pytest.approx([found[at] for at in some], abs=SAME)

    async def test_the_text_that_answers_scores_above_the_one_that_does_not(self, connector: Reranker) -> None:
        if not self.trained:
            pytest.skip("is no trained model")
        off, on = await connector.scores(
            QUESTION, ["Interest rates rose by a point.", "The cat did sit on the mat."], context=CONTEXT
        )
        assert on > off

    async def test_a_text_beyond_any_window_has_a_score(self, connector: Reranker) -> None:
        found = await connector.scores(QUESTION, ["short", "word " * 20_000, "the cat " * 9_000], context=CONTEXT)
        self.demand_scores(found, 3)

    async def test_the_question_may_be_of_any_script(self, connector: Reranker) -> None:
        for question in ("Wie groß ist 日本? 👩‍🚀", "?", "a" * 500):
            self.demand_scores(await connector.scores(question, TEXTS[:3], context=CONTEXT), 3)

    async def test_calls_may_come_at_once(self, connector: Reranker) -> None:
        questions = [QUESTION, "How large is it?", "What does a longer text say?"]
        expected = [list(await connector.scores(one, TEXTS, context=CONTEXT)) for one in questions]
        calls = [connector.scores(one, TEXTS, context=CONTEXT) for one in questions * 3]
        for at, found in enumerate(await asyncio.gather(*calls)):
            assert list(found) == pytest.approx(expected[at % 3], abs=SAME)

    async def test_a_call_that_is_given_up_harms_no_other(self, connector: Reranker) -> None:
        expected = list(await connector.scores(QUESTION, TEXTS, context=CONTEXT))
        leaving = asyncio.ensure_future(connector.scores(QUESTION, TEXTS * 50, context=CONTEXT))
        staying = asyncio.ensure_future(connector.scores(QUESTION, TEXTS, context=CONTEXT))
        await asyncio.sleep(0)
        if leaving.cancel():  # one that never waits has ended by now
            with pytest.raises(asyncio.CancelledError):
                await leaving
        assert list(await staying) == pytest.approx(expected, abs=SAME)
        assert list(await connector.scores(QUESTION, TEXTS, context=CONTEXT)) == pytest.approx(expected, abs=SAME)

    async def test_a_deadline_that_has_passed_is_honoured(self, connector: Reranker) -> None:
        if not self.deadlines:
            pytest.skip("answers at once")
        with pytest.raises(ModelTimeout):
            await connector.scores(QUESTION, TEXTS, context=Context().within(0))
        self.demand_scores(await connector.scores(QUESTION, TEXTS, context=CONTEXT), len(TEXTS))

    def demand_scores(self, found: Sequence[float], count: int) -> None:
        """Fails where a score is missing or is no number."""
        assert len(found) == count
        assert all(math.isfinite(score) for score in found)
