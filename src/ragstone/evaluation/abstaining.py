"""How often the extractive model answers where it should, and says that there is no answer where there is none.

Each question is asked twice of one index: with the passage that answers it, and with that passage filtered out. An
answer is wrong where there is none to give, and where it holds none of the right ones.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ragstone.connectors.extractive import ExtractiveModel
from ragstone.errors import UsageError
from ragstone.evaluation.datasets.layouts import Passages, Question, read_passages
from ragstone.evaluation.datasets.scratch import Scratch, opened
from ragstone.evaluation.metrics.words import contained
from ragstone.evaluation.resampling import Interval, interval
from ragstone.protocols import Embedder
from ragstone.reports import Progress

__all__ = ["Abstaining", "Asked", "Point", "abstaining", "spread"]

T = TypeVar("T")

POINTS = 100  # of a curve as it is printed


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, asked once. `probability` is how sure the model is that the passages hold an answer, in [0, 1].

    `right`: what it says, or would say, holds a right answer; without its passage nothing does.
    """

    question: str
    with_passage: bool
    probability: float
    answered: bool
    right: bool


@dataclass(frozen=True, slots=True)
class Point:
    """What comes of answering whatever is at least so probable: the share that is answered, and of those the wrong."""

    threshold: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstaining:
    """The figures of one language; "" where the data name none."""

    language: str
    asked: tuple[Asked, ...]
    seconds: float = 0.0

    @property
    def answered(self) -> float:
        """The share of the questions with their passage that are answered."""
        return _share([one.answered for one in self._of(with_passage=True)])

    @property
    def refused(self) -> float:
        """The share of the questions without their passage that are not."""
        return _share([not one.answered for one in self._of(with_passage=False)])

    @property
    def right(self) -> float:
        """The share of the answers with the passage that hold a right one."""
        return _share([one.right for one in self._of(with_passage=True) if one.answered])

    @property
    def intervals(self) -> dict[str, Interval]:
        """The bootstrap intervals (95 %) of both shares, over questions."""
        return {
            "answered": interval([float(one.answered) for one in self._of(with_passage=True)]),
            "refused": interval([float(not one.answered) for one in self._of(with_passage=False)]),
        }

    @property
    def shipped(self) -> Point:
        """Where the model stands as it is."""
        said = [one for one in self.asked if one.answered]
        wrong = [not one.right for one in said]
        lowest = min((one.probability for one in said), default=1.0)
        return Point(lowest, len(said) / len(self.asked), _share(wrong) if said else 0.0)

    @property
    def curve(self) -> tuple[Point, ...]:
        """Risk and coverage from the highest threshold to the lowest; askings of one probability go together."""
        ordered = sorted(self.asked, key=lambda one: -one.probability)
        points: list[Point] = []
        wrong = 0
        for count, one in enumerate(ordered, 1):
            wrong += not one.right
            if count == len(ordered) or ordered[count].probability < one.probability:
                points.append(Point(one.probability, count / len(ordered), wrong / count))
        return tuple(points)

    @property
    def aurc(self) -> float:
        """The area under that curve: the mean risk over all coverages (Geifman and El-Yaniv 2017, arXiv 1705.08500)."""
        return area(self.curve)

    @property
    def least_aurc(self) -> float:
        """What it would be if every right answer were surer than every wrong one."""
        right = sum(one.right for one in self.asked)
        return _share([max(0, count - right) / count for count in range(1, len(self.asked) + 1)])

    @property
    def chance_aurc(self) -> float:
        """What it would be if the probabilities said nothing: the share of all askings that an answer to is wrong."""
        return _share([not one.right for one in self.asked])

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        every = max(1, math.ceil(len(self.curve) / POINTS))
        points = [*self.curve[::every], *(self.curve[-1:] if (len(self.curve) - 1) % every else ())]
        return {
            "questions": len(self.asked) // 2,
            "answered": round(self.answered, 6),
            "refused": round(self.refused, 6),
            "right": round(self.right, 6),
            "intervals": {name: [round(low, 6), round(high, 6)] for name, (low, high) in self.intervals.items()},
            "aurc": round(self.aurc, 6),
            "aurc_least": round(self.least_aurc, 6),
            "aurc_chance": round(self.chance_aurc, 6),
            "curve": [
                {"threshold": round(one.threshold, 6), "coverage": round(one.coverage, 6), "risk": round(one.risk, 6)}
                for one in points
            ],
            "seconds": round(self.seconds, 3),
        }

    def _of(self, *, with_passage: bool) -> list[Asked]:
        return [one for one in self.asked if one.with_passage is with_passage]


def area(curve: Sequence[Point]) -> float:
    """The mean risk over coverage, each point standing for the coverage since the one before.

    >>> area([Point(0.9, 0.5, 0.0), Point(0.1, 1.0, 0.5)])
    0.25
    """
    before, total = 0.0, 0.0
    for point in curve:
        total += (point.coverage - before) * point.risk
        before = point.coverage
    return total


async def abstaining(
    project: Path,
    folder: Path,
    *,
    lang: str = "",
    limit: int | None = None,
    pipeline: str = "answer",
    keep: bool = False,
    progress: Callable[[Progress], None] | None = None,
    asked: Callable[[int, int], None] | None = None,
) -> dict[str, Abstaining]:
    """The figures by language, each over an index of its own; `limit` questions of each, spread evenly over all.

    Raises UsageError for data that cannot be read, and where one language has nothing to be asked.
    """
    data = read_passages(folder, lang=lang)
    found: dict[str, Abstaining] = {}
    for language, part in _by_language(data).items():
        begun = time.perf_counter()
        questions = spread([one for one in part.questions if one.text.strip()], limit)
        if not questions:
            raise UsageError("no question holds a word", where=str(folder), expected="questions to ask")
        async with opened(project, part, pipeline=pipeline, keep=keep, progress=progress) as scratch:
            model = _model(scratch)
            judged: list[Asked] = []
            for number, question in enumerate(questions, 1):
                judged += [await _ask(question, scratch, model, gone=gone) for gone in (False, True)]
                if asked:
                    asked(number, len(questions))
        found[language] = Abstaining(language=language, asked=tuple(judged), seconds=time.perf_counter() - begun)
    return found


def spread(questions: Sequence[T], limit: int | None) -> Sequence[T]:
    """So many of them, evenly over all.

    >>> spread(["a", "b", "c", "d", "e", "f"], 3)
    ['a', 'c', 'e']
    """
    if limit is None or limit >= len(questions):
        return questions
    return [questions[at * len(questions) // limit] for at in range(limit)]


def _by_language(data: Passages) -> Mapping[str, Passages]:
    languages = sorted({question.lang for question in data.questions})
    if len(languages) == 1:
        return {languages[0]: data}
    return {
        language: replace(
            data,
            name=f"{data.name}-{language}" if language else data.name,
            texts=[text for text in data.texts if text.lang == language],
            questions=[question for question in data.questions if question.lang == language],
        )
        for language in languages
    }


def _model(scratch: Scratch) -> ExtractiveModel:
    """The one of the project's route with its threshold, or else as it ships, over the same embedder as the index."""
    own = [model for model in scratch.answer.router.models.values() if isinstance(model, ExtractiveModel)]
    embedder: Embedder = scratch.answer.index.embedder
    return own[0] if own else ExtractiveModel(embedder)


async def _ask(question: Question, scratch: Scratch, model: ExtractiveModel, *, gone: bool) -> Asked:
    """Asks as the pipeline would: the same search, the same prompt; only the right passages may be hidden from it."""
    context = scratch.context("eval abstain")
    filters = {"uri": {"$nin": sorted(question.relevant)}} if gone else None
    prompt = await scratch.answer.explain(question.text, filters=filters, context=context)
    ranked = await model.ranked(prompt, context=context)
    if not ranked:
        return Asked(question.id, not gone, 0.0, answered=False, right=False)
    said = " ".join(one.sentence.text for one in model.chosen(ranked))
    right = not gone and bool(contained(said, question.answers))
    odds = max(-30.0, min(30.0, ranked[0].trust))
    return Asked(question.id, not gone, 1 / (1 + math.exp(-odds)), answered=model.trusts(ranked[0]), right=right)


def _share(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
