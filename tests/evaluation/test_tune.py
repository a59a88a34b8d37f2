"""What is chosen for a corpus of part numbers, for which words are everything, and when nothing is."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.assembly import LooseParts
from ragstone.compact import Projection
from ragstone.errors import StoreUnavailable, UsageError
from ragstone.evaluation.datasets.layouts import Question
from ragstone.evaluation.findings import findings
from ragstone.evaluation.tune import FEWEST, Row, Tuning, candidates, decided, halves, tuned
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.spec import RerankSpec, RetrieveSpec
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore
from ragstone.types import Context

Opened = Callable[..., Awaitable[AnswerPipeline]]


class Backwards(HashingEmbedder):
    """Reads questions from their end: what is near one is near by chance."""

    async def embed_query(self, text: str, *, context: Context) -> Any:
        return await super().embed_query(text[::-1], context=context)

    async def embed_query_compact(self, text: str, *, by: Projection, context: Context) -> tuple[Any, Any]:
        (vectors,) = await self.embed_tokens([text[::-1]], context=context)
        return await self.embed_query(text, context=context), by.rows(vectors)


class Down(MemoryStore):
    """Cannot be reached when it is searched."""

    async def search(self, *args: Any, **kwargs: Any) -> Any:
        raise StoreUnavailable("the server does not answer")


def parts(number: int) -> list[str]:
    """Six part numbers that stand together in one document alone."""
    return [f"{letters}{number:02}" for letters in ("kx", "lv", "mt", "qz", "rw", "jh")]


def codes(count: int) -> dict[str, str]:
    """For each question one document with its six part numbers, and three that lack one of them."""
    texts: dict[str, str] = {}
    for number in range(count):
        all_six = parts(number)
        texts[f"parts/{number:02}.md"] = f"The pump takes {' and '.join(all_six)}."
        for lacking in range(3):
            found = [*all_six[:lacking], *all_six[lacking + 1 :]]
            texts[f"parts/{number:02}-{lacking}.md"] = f"The pump takes {' and '.join(found)}."
    return texts


def asking(count: int) -> list[Question]:
    """What takes all six together."""
    return [Question(str(number), " ".join(parts(number)), {f"parts/{number:02}.md": 1}) for number in range(count)]


@pytest.fixture
async def pipeline_of() -> AsyncIterator[Opened]:
    """Ingests texts by uri, and gives the pipeline."""
    async with AsyncExitStack() as ends:

        async def made(
            texts: dict[str, str], retrieve: RetrieveSpec, embedder: type[HashingEmbedder] = Backwards
        ) -> AnswerPipeline:
            loose = LooseParts(
                embedder=embedder(),
                store=MemoryStore(),
                lexical=MemoryLexicalIndex(),
                sources=[MemorySource(texts)],
            )
            ends.push_async_callback(loose.close)
            await loose.ingest(tenant="default").run(context=Context())
            return loose.answer(tenant="default").using(retrieve)

        yield made


LEXICAL = RetrieveSpec(mode="lexical", rerank=None)
COUNT = 24


async def compared(pipeline: AnswerPipeline, count: int = COUNT) -> Tuning:
    return await tuned(pipeline, asking(count), context=Context)


@pytest.mark.slow
async def test_bm25_wins_where_part_numbers_are_asked_for(pipeline_of: Opened) -> None:
    found = await compared(await pipeline_of(codes(COUNT), RetrieveSpec()))
    assert found.chosen.name == "BM25 alone"
    assert found.real
    assert found.spec.mode == "lexical"
    assert found.gain.interval[0] > 0
    assert found.gain.questions == COUNT // 2
    said = findings(found)
    assert said[0].startswith("BM25 alone is better than the current pipeline: +")
    assert said[1].startswith("Hybrid search as it is set hurts here: the current pipeline against BM25 alone is -")


@pytest.mark.slow
async def test_where_the_current_pipeline_is_best_there_is_nothing_to_change(pipeline_of: Opened) -> None:
    found = await compared(await pipeline_of(codes(COUNT), LEXICAL))
    assert found.chosen is found.current
    assert not found.real
    assert found.spec == LEXICAL
    assert "nothing to change" in findings(found)[0]


async def test_vectors_win_where_no_word_is_shared(pipeline_of: Opened) -> None:
    texts = {f"{number}.md": f"zinc{number}oxide covers everything" for number in range(COUNT)}
    asked = [Question(str(n), f"xzinc{n}oxidex", {f"{n}.md": 1}) for n in range(COUNT)]
    pipeline = await pipeline_of(texts, LEXICAL, HashingEmbedder)
    found = await tuned(pipeline, asked, context=Context)
    assert found.real
    assert found.spec.mode != "lexical"
    assert found.current.mean() == 0.0


@pytest.mark.slow
async def test_few_questions_tell_nothing(pipeline_of: Opened) -> None:
    found = await compared(await pipeline_of(codes(FEWEST - 1), RetrieveSpec()), FEWEST - 1)
    assert found.gain.gained
    assert not found.real
    assert findings(found) == ["19 questions are too few: from fewer than 20 nothing can be told."]


async def test_one_question_is_refused(pipeline_of: Opened) -> None:
    pipeline = await pipeline_of(codes(1), RetrieveSpec())
    with pytest.raises(UsageError, match="too few questions"):
        await compared(pipeline, 1)


async def test_every_configuration_answers_the_same_questions_and_is_reported(pipeline_of: Opened) -> None:
    told: list[tuple[int, int]] = []
    pipeline = await pipeline_of(codes(4), RetrieveSpec())
    found = await tuned(pipeline, asking(4), context=Context, asked=lambda done, total: told.append((done, total)))
    names = [row.name for row in found.rows]
    assert names[:4] == ["current", "BM25 alone", "dense alone", "RRF"]
    assert {"convex 0.2", "convex 0.8 + rerank", "RRF + rerank"} <= set(names)
    assert told == [(number, 4 * len(names)) for number in range(1, 4 * len(names) + 1)]
    shown = found.as_dict()
    assert [row["name"] for row in shown["rows"]] == names
    assert all(row["difference"]["questions"] == 4 for row in shown["rows"])
    assert shown["rows"][1]["retrieve"]["mode"] == "lexical"


def test_what_does_the_same_as_the_current_pipeline_is_not_measured_twice() -> None:
    assert "convex 0.5 + rerank" not in candidates(RetrieveSpec())
    assert "convex 0.5 + rerank" in candidates(RetrieveSpec(dense_weight=0.4))
    assert "BM25 alone" not in candidates(RetrieveSpec(mode="lexical", rerank=None, dense_weight=0.1, smooth=0.9))
    without = candidates(RetrieveSpec(rerank=None, smooth=0), reranks=False)
    assert {"RRF", "RRF + smooth"} <= set(without)
    assert not any("rerank" in name for name in without)


def test_candidates_keep_what_the_pipeline_says_of_everything_else() -> None:
    for spec in candidates(RetrieveSpec(k=3, trim=0.1, candidates=40)).values():
        assert (spec.k, spec.trim, spec.candidates) == (3, 0.1, 40)


def test_halves_are_even_and_the_same_in_any_order() -> None:
    questions = asking(21)
    choosing, judging = halves(questions)
    assert (len(choosing), len(judging)) == (10, 11)
    assert not set(choosing) & set(judging)
    assert halves(questions[::-1]) == (choosing, judging)


@given(st.integers(0, 40))
def test_a_question_that_is_left_out_moves_at_most_one_other(gone: int) -> None:
    questions = asking(41)
    before = set(halves(questions)[0])
    after = set(halves([question for question in questions if question.id != str(gone)])[0])
    assert len((before ^ after) - {str(gone)}) <= 1


def test_luck_is_not_written() -> None:
    """The best of many that are equally good looks better on the questions that chose it, and only there."""
    draw = random.Random(7)
    questions = [Question(str(number), f"question {number}", {"a": 1}) for number in range(60)]
    real = 0
    for _ in range(40):
        rows = [
            Row(name=str(number), spec=RetrieveSpec(), each={one.id: float(draw.random() < 0.5) for one in questions})
            for number in range(15)
        ]
        found = decided(rows, questions)
        assert found.chosen.mean(found.choosing) >= found.current.mean(found.choosing)
        real += found.real
    assert real <= 5


async def test_an_index_too_large_for_interaction_has_no_row_that_claims_to_rerank(pipeline_of: Opened) -> None:
    found = await compared(await pipeline_of(codes(2), RetrieveSpec(rerank=RerankSpec(limit=7))), 2)
    assert "RRF + smooth" in [row.name for row in found.rows]
    assert not any("rerank" in row.name for row in found.rows)


async def test_a_store_that_is_down_is_an_error_and_no_figure(pipeline_of: Opened) -> None:
    pipeline = await pipeline_of(codes(2), RetrieveSpec(lexical_only=True))
    pipeline.index.store = Down()
    with pytest.raises(StoreUnavailable):
        await compared(pipeline, 2)
