"""What the metrics of a suite may ask for: vectors of the pipeline's embedder, a judge, the support of claims."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ragstone.assembly import ProjectParts
from ragstone.errors import Ungraded
from ragstone.evaluation.judging.beside import beside
from ragstone.evaluation.judging.grading import Judge
from ragstone.evaluation.judging.labels import read_labels
from ragstone.evaluation.judging.notes import graded_of, notes
from ragstone.evaluation.metrics.grounding import counted
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.suite import JudgeSpec, Suite
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["Seat", "SuiteTools"]


class Seat:
    """The judge of a suite, who is called when the first answer is graded, and grades what people have graded, too."""

    def __init__(self, suite: Suite, parts: ProjectParts) -> None:
        self._suite, self._parts = suite, parts
        self._judge: Judge | None = None
        self._remarks: list[str] = []
        self._calling = asyncio.Lock()

    async def grade(self, outcome: Outcome) -> int:
        """The grade of an answer. Raises NotConfigured where no model can judge, and what the judge raises."""
        async with self._calling:
            judge = self._judge = self._judge or await self._called()
        return await judge.of_outcome(outcome)

    async def _called(self) -> Judge:
        spec = self._suite.spec.judge or JudgeSpec()
        pipeline = self._suite.spec.pipelines[0].pipeline
        tests = await asyncio.to_thread(self._parts.prompt_tests, pipeline=pipeline, model=spec.model)
        judge = await asyncio.to_thread(partial(Judge.of, tests, prompt=spec.prompt))
        if spec.labels is not None:
            labels = await asyncio.to_thread(read_labels, self._suite.folder / spec.labels)
            found = await beside(judge, labels)
            judge.agreement, self._remarks = found.agreement, found.notes()
        return judge

    def notes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """What must be said of the judge, of all grades of the run; nothing where it was not called."""
        if self._judge is None:
            return []
        asking = self._judge.asking
        said = notes(graded_of(outcomes), name=asking.name, models=asking.models, agreement=self._judge.agreement)
        return [*said, *self._remarks]


class SuiteTools:
    """The tools for one pipeline of a suite."""

    def __init__(self, pipeline: AnswerPipeline, seat: Seat) -> None:
        self._pipeline, self._seat = pipeline, seat
        self._vectors: dict[str, Vector] = {}
        self._supported: dict[tuple[str, int], tuple[int, int, int, int]] = {}
        self._grades: dict[tuple[str, int], int | Ungraded] = {}

    async def similarity(self, first: str, second: str) -> float:
        """The cosine of two texts' vectors; a right answer is embedded once."""
        one, two = await self._vector(first), await self._vector(second)
        return float(one @ two)

    async def _vector(self, text: str) -> Vector:
        if text not in self._vectors:
            (self._vectors[text],) = await self._pipeline.index.embedder.embed([text], context=Context())
        return self._vectors[text]

    async def supported(self, outcome: Outcome) -> tuple[int, int, int, int]:
        """As `Tools` says; three metrics ask for it, and it is counted once."""
        key = outcome.case.id, outcome.repeat
        if key not in self._supported:
            self._supported[key] = await counted(outcome, embedder=self._pipeline.index.embedder, context=Context())
        return self._supported[key]

    async def grade(self, outcome: Outcome) -> int:
        """As `Tools` says; two metrics ask for it, and the judge is asked once."""
        key = outcome.case.id, outcome.repeat
        if key not in self._grades:
            try:
                self._grades[key] = await self._seat.grade(outcome)
            except Ungraded as error:
                self._grades[key] = error
        found = self._grades[key]
        if isinstance(found, Ungraded):
            raise found
        return found
