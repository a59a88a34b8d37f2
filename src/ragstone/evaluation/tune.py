"""The best way to retrieve from one corpus: chosen on half of the questions, judged on the other half.

What was chosen because it was best is flattered by the questions that chose it. So the gain over the current pipeline
is taken from questions that had no say, and it is real only where its whole interval lies above 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragstone.errors import UsageError
from ragstone.evaluation.compare import Difference, paired
from ragstone.evaluation.datasets.layouts import Judged, Question
from ragstone.evaluation.datasets.runs import DEEP, by_document
from ragstone.evaluation.datasets.scratch import opened
from ragstone.evaluation.metrics.ranking import ranking
from ragstone.evaluation.resampling import interval
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.spec import INTERACTION, RerankSpec, RetrieveSpec
from ragstone.types import Context

__all__ = ["CURRENT", "FEWEST", "MEASURE", "Row", "Tuning", "candidates", "decided", "sized", "tuned"]

MEASURE = "ndcg@10"
CURRENT = "current"
FEWEST = 20  # questions: with fewer, one question more or less turns every verdict
WEIGHTS = (0.2, 0.35, 0.5, 0.65, 0.8)
SMOOTH = 0.35  # of a candidate that reranks, where the current pipeline does not smooth

Asked = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One configuration, and its nDCG@10 for each question by the question's id. `size` is that of the chunks."""

    name: str
    spec: RetrieveSpec
    each: Mapping[str, float]
    size: int | None = None

    def of(self, ids: Sequence[str]) -> list[float]:
        """The figures of some questions, in that order."""
        return [self.each[id_] for id_ in ids]

    def mean(self, ids: Sequence[str] | None = None) -> float:
        """The mean over some questions, or over all."""
        values = self.of(list(self.each) if ids is None else ids)
        return sum(values) / len(values)

    def over(self, other: Row, ids: Sequence[str] | None = None) -> Difference:
        """How much better this one is than another, on some questions or on all."""
        asked = list(self.each) if ids is None else ids
        return paired(other.of(asked), self.of(asked))


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What a comparison found. The first of the `rows` is the current configuration; `chosen` may be that one.

    `choosing` and `judging` are the ids of the two halves. `gain` is that of the chosen one over the current one on the
    half that judges.
    """

    rows: Sequence[Row]
    choosing: Sequence[str]
    judging: Sequence[str]
    chosen: Row
    gain: Difference

    @property
    def current(self) -> Row:
        """What the others are compared with."""
        return self.rows[0]

    @property
    def enough(self) -> bool:
        """Whether there are questions enough to tell anything."""
        return len(self.choosing) + len(self.judging) >= FEWEST

    @property
    def real(self) -> bool:
        """Whether the chosen configuration is better than the current one on questions that did not choose it."""
        return self.enough and self.chosen is not self.current and self.gain.gained

    @property
    def spec(self) -> RetrieveSpec:
        """What is to be used from now on: the chosen one where the gain is real, else the current one."""
        return self.chosen.spec if self.real else self.current.spec

    def best(self, which: Callable[[Row], bool]) -> Row | None:
        """The best of some rows on the half that chooses; of equal ones the first."""
        return max(filter(which, self.rows), key=lambda row: row.mean(self.choosing), default=None)

    def as_dict(self) -> dict[str, Any]:
        """The comparison as `ragstone tune --json` prints it."""
        return {
            "measure": MEASURE,
            "questions": {"choosing": len(self.choosing), "judging": len(self.judging)},
            "rows": [self._row(row) for row in self.rows],
            "chosen": self.chosen.name,
            "gain": self.gain.as_dict(),
            "real": self.real,
        }

    def _row(self, row: Row) -> dict[str, Any]:
        return {
            "name": row.name,
            "mean": round(row.mean(), 6),
            "interval": [round(bound, 6) for bound in interval(list(row.each.values()))],
            "difference": row.over(self.current).as_dict(),
            "halves": {
                "choosing": round(row.mean(self.choosing), 6),
                "judging": round(row.mean(self.judging), 6),
            },
            "retrieve": row.spec.model_dump(mode="json"),
            **({"size": row.size} if row.size is not None else {}),
        }


# ── What is compared ────────────────────────────────────────────────────────────────────────────────────────────────


def candidates(current: RetrieveSpec, *, reranks: bool = True) -> dict[str, RetrieveSpec]:
    """The configurations by name, the current one first; one that would do the same as an earlier one is left out.

    Each keeps what the current one says of everything else. `reranks`: whether the index can rerank at all.
    """
    found = {CURRENT: current}
    seen = {_effect(current)}
    for name, changes in _changes(current, reranks):
        spec = current.model_copy(update=changes)
        if _effect(spec) not in seen:
            seen.add(_effect(spec))
            found[name] = spec
    return found


def _changes(current: RetrieveSpec, reranks: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    plain: dict[str, Any] = {"rerank": None, "smooth": 0.0}
    yield "BM25 alone", {"mode": "lexical", "rerank": None}
    yield "dense alone", {"mode": "dense", **plain}
    full: dict[str, Any] = {"smooth": current.smooth or SMOOTH}
    if reranks:
        full["rerank"] = current.rerank or RerankSpec()
    for suffix, changes in (("", plain), (" + rerank" if reranks else " + smooth", full)):
        yield f"RRF{suffix}", {"mode": "hybrid", "fusion": "rrf", **changes}
        for weight in WEIGHTS:
            fused = {"mode": "hybrid", "fusion": "convex", "dense_weight": weight}
            yield f"convex {weight:g}{suffix}", {**fused, **changes}


def _effect(spec: RetrieveSpec) -> tuple[Any, ...]:
    """What of a configuration changes the order of what it finds."""
    fusion = (spec.fusion, spec.dense_weight if spec.fusion == "convex" else None) if spec.mode == "hybrid" else None
    return spec.mode, fusion, spec.rerank, 0.0 if spec.mode == "lexical" else spec.smooth


# ── Measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def tuned(
    pipeline: AnswerPipeline,
    questions: Sequence[Question],
    *,
    context: Callable[[], Context],
    asked: Asked | None = None,
) -> Tuning:
    """Compares every candidate with a pipeline, on that pipeline's own index.

    `context` makes one for each question; `asked` is told how many questions are done, of how many. A data set is tuned
    as a project is:

        async with opened(project, data) as scratch:
            tuning = await tuned(scratch.answer, data.questions, context=lambda: scratch.context("tune"))

    Raises UsageError for fewer than two questions.
    """
    specs = candidates(pipeline.retrieve, reranks=await _reranks(pipeline, context()))
    rows: list[Row] = []
    for name, spec in specs.items():
        told = _told(asked, len(rows) * len(questions), len(specs) * len(questions))
        each = await _measured(pipeline.using(spec), questions, context, told)
        rows.append(Row(name=name, spec=spec, each=each))
    return decided(rows, questions)


async def sized(
    project: Path,
    data: Judged,
    sizes: Sequence[int],
    *,
    spec: RetrieveSpec,
    pipeline: str = "answer",
    keep: bool = False,
    asked: Asked | None = None,
) -> Tuning:
    """Compares sizes of chunks, the first of them the current one: each has an index of the data set made for it."""
    rows: list[Row] = []
    for size in dict.fromkeys(sizes):
        told = _told(asked, len(rows) * len(data.questions), len(set(sizes)) * len(data.questions))
        async with opened(project, data, pipeline=pipeline, keep=keep, size=size) as scratch:
            measured = scratch.answer.using(spec)
            each = await _measured(measured, data.questions, lambda at=scratch: at.context("tune"), told)
        rows.append(Row(name=f"{size} tokens", spec=spec, each=each, size=size))
    return decided(rows, data.questions)


async def _reranks(pipeline: AnswerPipeline, context: Context) -> bool:
    """Whether a candidate can rerank: by a connector, or by interaction in an index that is not too large for it."""
    spec, index = pipeline.retrieve.rerank or RerankSpec(), pipeline.index
    if spec.by != INTERACTION:
        return True
    await index.load()
    return index.tokens is not None and await index.lexical.count(context=context) <= spec.limit


async def _measured(
    pipeline: AnswerPipeline, questions: Sequence[Question], context: Callable[[], Context], told: Callable[[int], None]
) -> dict[str, float]:
    found: dict[str, float] = {}
    # With a store that is down, BM25 would be measured under another name.
    strict = pipeline.using(pipeline.retrieve.model_copy(update={"lexical_only": False}))
    for number, question in enumerate(questions, 1):
        hits = await strict.rank(question.text, k=DEEP, context=context())
        figures = ranking({question.id: by_document(hits)}, {question.id: question.relevant})
        found[question.id] = figures[question.id][MEASURE]
        told(number)
    return found


def _told(asked: Asked | None, before: int, total: int) -> Callable[[int], None]:
    return lambda done: asked(before + done, total) if asked else None


# ── Deciding ────────────────────────────────────────────────────────────────────────────────────────────────────────


def decided(rows: Sequence[Row], questions: Sequence[Question]) -> Tuning:
    """Chooses on one half of the questions and judges on the other. Raises UsageError for fewer than two questions."""
    if len(questions) < 2:
        raise UsageError(
            "there are too few questions", expected=f"{FEWEST} or more", found=str(len(questions)), hint="Write more."
        )
    choosing, judging = halves(questions)
    chosen = max(rows, key=lambda row: row.mean(choosing))  # of equal ones the first: the current one, then the plainer
    return Tuning(
        rows=rows,
        choosing=choosing,
        judging=judging,
        chosen=chosen,
        gain=chosen.over(rows[0], judging),
    )


def halves(questions: Sequence[Question]) -> tuple[list[str], list[str]]:
    """The ids of the questions that choose and of those that judge: equally many, the same in every run.

    A question's place comes from its own words, so a new one moves at most one other to the other half.
    """
    ids = [question.id for question in sorted(questions, key=lambda question: (_place(question), question.id))]
    return ids[: len(ids) // 2], ids[len(ids) // 2 :]


def _place(question: Question) -> bytes:
    return hashlib.blake2b(
        " ".join(question.text.casefold().split()).encode("utf-8", "replace"), digest_size=8
    ).digest()
