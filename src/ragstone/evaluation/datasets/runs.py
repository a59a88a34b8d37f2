"""The three evaluations. Each asks every question of a data set and judges what comes back."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from ragstone.asked import Asked
from ragstone.evaluation.datasets.layouts import Judged, Question, read_judged, read_passages, read_spans
from ragstone.evaluation.datasets.report import Report
from ragstone.evaluation.datasets.scratch import Scratch, opened
from ragstone.evaluation.metrics.ranking import ranking
from ragstone.evaluation.metrics.spans import overlap
from ragstone.evaluation.metrics.words import contained, exact, f1
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.reports import Progress
from ragstone.types import Answer, Context, Hit

__all__ = ["Options", "answers", "by_document", "chunks", "retrieval"]

# Some data sets hold questions without a word: they count, and nothing is found for them.
DEEP = 100  # chunks; enough for ten documents, however many chunks of one stand before the next
RETURNED = 5  # spans that are judged together

_MARKER = re.compile(r"\s*\[\d+\]")  # a citation in an answer's text

Figures = dict[str, float]
Judge = Callable[[Question, AnswerPipeline, Context], Awaitable[tuple[Figures, float]]]


class Options(TypedDict, total=False):
    """What every evaluation takes: see `scratch.opened`. `asked` is told how many questions are done, of how many."""

    pipeline: str
    keep: bool
    progress: Callable[[Progress], None] | None
    asked: Callable[[int, int], None] | None


async def retrieval(project: Path, folder: Path, **options: Unpack[Options]) -> Report:
    """nDCG@10, recall@10 and MRR@10 of documents, each scored by its best chunk."""
    return await _run(project, read_judged(folder), _retrieval, **options)


async def chunks(project: Path, folder: Path, **options: Unpack[Options]) -> Report:
    """Recall, precision and IoU of the characters of five returned spans; one index holds all corpora."""
    return await _run(project, read_spans(folder), _chunks, **options)


async def answers(project: Path, folder: Path, *, lang: str = "", **options: Unpack[Options]) -> Report:
    """hit@1 and hit@5 of the gold passage; whether the answer contains a right one; its exact match and F1."""
    return await _run(project, read_passages(folder, lang=lang), _answer, **options)


async def _run(
    project: Path,
    data: Judged,
    judge: Judge,
    *,
    pipeline: str = "answer",
    keep: bool = False,
    progress: Callable[[Progress], None] | None = None,
    asked: Callable[[int, int], None] | None = None,
) -> Report:
    begun = time.perf_counter()
    each: dict[str, Figures] = {}
    took: list[float] = []
    async with opened(project, data, pipeline=pipeline, keep=keep, progress=progress) as scratch:
        for number, question in enumerate(data.questions, 1):
            each[question.id], seconds = await judge(question, scratch.answer, scratch.context("eval"))
            took.append(1000 * seconds)
            if asked:
                asked(number, len(data.questions))
        stored = await scratch.answer.index.store.count(context=scratch.context("eval"))
        config = _config(scratch)
    return Report(
        each=each,
        config=config,
        seconds=time.perf_counter() - begun,
        documents=len(data.texts),
        chunks=stored,
        milliseconds=(float(np.quantile(took, 0.5)), float(np.quantile(took, 0.95))),
    )


async def _retrieval(question: Question, pipeline: AnswerPipeline, context: Context) -> tuple[Figures, float]:
    begun = time.perf_counter()
    hits = await pipeline.rank(question.text, k=DEEP, context=context) if question.text.strip() else []
    seconds = time.perf_counter() - begun
    found = {question.id: by_document(hits)}
    return ranking(found, {question.id: question.relevant})[question.id], seconds


async def _chunks(question: Question, pipeline: AnswerPipeline, context: Context) -> tuple[Figures, float]:
    begun = time.perf_counter()
    hits = await pipeline.search(question.text, k=RETURNED, context=context) if question.text.strip() else []
    seconds = time.perf_counter() - begun
    corpus = next(iter(question.relevant))
    # A span of another corpus is returned text, too, and none of it is right: it lies behind every right character.
    elsewhere = max(end for _, end in question.spans)
    found = [
        (chunk.start, chunk.end) if chunk.uri == corpus else (elsewhere, elsewhere + chunk.end - chunk.start)
        for chunk in (hit.chunk for hit in hits)
    ]
    return overlap(found, question.spans), seconds


async def _answer(question: Question, pipeline: AnswerPipeline, context: Context) -> tuple[Figures, float]:
    if not question.text.strip():
        return dict.fromkeys(("hit@1", "hit@5", "answer_contained", "exact", "f1"), 0.0), 0.0
    begun = time.perf_counter()
    answer: Answer | None = None
    async for part in pipeline.stream(Asked(question=question.text), context=context):
        answer = part if isinstance(part, Answer) else answer
    seconds = time.perf_counter() - begun
    assert answer is not None, "the last part of a stream is its answer"
    said = "" if answer.abstained else _MARKER.sub("", answer.text)
    places = [hit.rank for hit in answer.hits if hit.chunk.uri in question.relevant]
    best = min(places, default=None)
    return {
        "hit@1": float(best == 1),
        "hit@5": float(best is not None and best <= 5),
        "answer_contained": contained(said, question.answers),
        "exact": exact(said, question.answers),
        "f1": f1(said, question.answers),
    }, seconds


def by_document(hits: list[Hit]) -> Figures:
    """A score for each document by the place of its best chunk: higher is better, and no two are equal."""
    best: dict[str, float] = {}
    for hit in hits:
        best.setdefault(hit.chunk.uri, 1 / hit.rank)
    return best


def _config(scratch: Scratch) -> dict[str, Any]:
    index, answer = scratch.answer.index, scratch.answer
    return {
        "pipeline": scratch.pipeline,
        "index": index.name,
        "retrieve": answer.retrieve.model_dump(mode="json"),
        "fingerprint": index.fingerprint,
        "store": index.store.name,
        "lexical": index.lexical.name,
    }
