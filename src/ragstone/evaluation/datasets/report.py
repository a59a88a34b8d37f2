"""What an evaluation found: one table for people, one object for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ragstone.evaluation.resampling import Interval, interval

__all__ = ["Report"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of one run. `each` holds those of every question by its id, for paired tests; `seconds` is all told.

    `config` is what was measured: the pipeline as its file and its defaults say, and the parts behind it.
    """

    each: Mapping[str, Mapping[str, float]]
    config: Mapping[str, Any]
    seconds: float
    documents: int
    chunks: int
    milliseconds: tuple[float, float] = field(default=(0.0, 0.0))  # of one question: median and 95th percentile

    @property
    def queries(self) -> int:
        """How many questions were asked."""
        return len(self.each)

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of each figure over the questions, between 0 and 1."""
        return {name: sum(values) / len(values) for name, values in self.columns().items()}

    @property
    def intervals(self) -> dict[str, Interval]:
        """For each figure the bootstrap interval (95 %) of its mean."""
        return {name: interval(values) for name, values in self.columns().items()}

    def columns(self) -> dict[str, list[float]]:
        """For each figure its value for every question, in one order."""
        names = next(iter(self.each.values()))
        return {name: [figures[name] for figures in self.each.values()] for name in names}

    def as_dict(self) -> dict[str, Any]:
        """The report as `ragstone eval --json` prints it."""
        return {
            "metrics": {name: round(value, 6) for name, value in self.metrics.items()},
            "intervals": {name: [round(low, 6), round(high, 6)] for name, (low, high) in self.intervals.items()},
            "config": self.config,
            "seconds": round(self.seconds, 3),
            "documents": self.documents,
            "chunks": self.chunks,
            "queries": self.queries,
            "milliseconds": {"p50": round(self.milliseconds[0], 2), "p95": round(self.milliseconds[1], 2)},
        }
