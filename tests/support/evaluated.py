"""Outcomes and metrics to reckon with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ragstone.evaluation.cases import Case
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Right(Metric):
    """Whether the answer is right."""

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        return (1.0,)


class Middle(Metric):
    """A figure that is no mean: the median of the seconds."""

    better = "lower"
    passing: ClassVar[float | None] = None

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        return (outcome.seconds,)

    def figure(self, rows: NDArray[np.float64]) -> float:
        return float(np.median(rows[:, 0]))


RIGHT, MIDDLE = Right("right"), Middle("middle")


def outcome(case: str, value: float, *, metric: Metric = RIGHT, repeat: int = 0, tags: tuple[str, ...] = ()) -> Outcome:
    """An answer to a case with a row of one number."""
    return Outcome(
        case=Case(id=case, question=f"What is {case}?", tags=tags),
        pipeline="answer",
        repeat=repeat,
        answer={"text": f"It is {value}.", "abstained": False, "hits": [], "citations": []},
        seconds=value,
        rows={metric.name: (value,)},
    )
