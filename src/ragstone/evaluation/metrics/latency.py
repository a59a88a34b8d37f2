"""How long an answer takes, from the question to its last word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.metrics.parameters import number_of
from ragstone.evaluation.outcomes import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Latency", "LatencyPercentile"]


class Latency(Metric):
    """Mean seconds to the whole answer.

    latency = the mean of the seconds from a question to its whole answer, or to its hits where a suite only searches.
    They are those of the run: questions that were asked side by side have waited for each other. What is loaded once,
    models and indexes, is loaded before the first of them.
    Range: 0 and up, lower is better.
    Source: Ragstone's own clock.
    """

    better = "lower"
    unit = "s"
    most = None
    passing = None
    searches = True

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The seconds of one answer."""
        return (outcome.seconds,) if outcome.answer else None


class LatencyPercentile(Latency):
    """Seconds within which P percent of the questions are answered.

    latency@P = the percentile P of the seconds from a question to its whole answer, with linear interpolation between
    the two nearest; P is a whole number from 1 to 99, as in latency@50, latency@90, latency@95 and latency@99.
    Range: 0 and up, lower is better. Over few questions a high percentile is little more than the slowest of them.
    Source: Hyndman and Fan 1996, "Sample Quantiles in Statistical Packages", definition 7 (numpy's default).
    """

    def __init__(self, name: str, *, depth: int = 0) -> None:
        super().__init__(name, depth=depth)
        self.percent = number_of(name, most=99, example="latency@95")

    def figure(self, rows: NDArray[np.float64]) -> float:
        """The percentile of all seconds."""
        return float(np.percentile(rows[:, 0], self.percent))
