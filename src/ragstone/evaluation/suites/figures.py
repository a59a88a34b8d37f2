"""What a run has shown: each metric's figure, with the interval of a bootstrap over the cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.resampling import RESAMPLES, Interval, interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Column", "Figure", "column", "figures", "scores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One metric over many cases. `cases` have a row, `missed` should have had one; `spread` is that between repeats.

    `spread` is the mean over the cases of the standard deviation of their repeats' scores, None without repeats.
    """

    metric: Metric
    value: float
    interval: Interval
    cases: int
    missed: int
    spread: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The figure as `--json` prints it."""
        return {
            "value": round(self.value, 6),
            "interval": [round(bound, 6) for bound in self.interval],
            "cases": self.cases,
            "missed": self.missed,
            "spread": None if self.spread is None else round(self.spread, 6),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The rows of one metric by case: an array of shape (repeats, width) for each."""

    metric: Metric
    blocks: Mapping[str, NDArray[np.float64]]

    @property
    def mean(self) -> bool:
        """Whether the figure is a mean, so that each case counts as much as any other however often it was asked."""
        return type(self.metric).figure is Metric.figure

    def value(self, cases: Sequence[str]) -> float:
        """The figure over these cases, some of them more than once, perhaps."""
        if self.mean:
            return float(np.mean([self.blocks[case][:, 0].mean() for case in cases]))
        return self.metric.figure(np.concatenate([self.blocks[case] for case in cases]))

    def interval(self, *, seed: int = 0) -> Interval:
        """The interval (95 %) of the figure, by a bootstrap over cases: repeats of one are drawn together."""
        cases = list(self.blocks)
        if self.mean:
            return interval([float(self.blocks[case][:, 0].mean()) for case in cases], seed=seed)
        random = np.random.default_rng(seed)
        drawn = (self.value(_drawn(cases, random)) for _ in range(RESAMPLES))
        low, high = np.quantile(np.fromiter(drawn, np.float64, RESAMPLES), [0.025, 0.975])
        return float(low), float(high)


def _drawn(cases: Sequence[str], random: np.random.Generator) -> list[str]:
    return [cases[int(at)] for at in random.integers(0, len(cases), len(cases))]


def column(metric: Metric, outcomes: Iterable[Outcome]) -> Column:
    """The rows of a metric, by case."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for one in outcomes:
        if metric.name in one.rows:
            rows.setdefault(one.case.id, []).append(one.rows[metric.name])
    return Column(metric=metric, blocks={case: np.asarray(given, np.float64) for case, given in rows.items()})


def figures(metrics: Iterable[Metric], outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    """The figures of one pipeline's outcomes, by name; a metric without any row is left out."""
    found: dict[str, Figure] = {}
    for metric in metrics:
        rows = column(metric, outcomes)
        if rows.blocks:
            found[metric.name] = Figure(
                metric=metric,
                value=rows.value(list(rows.blocks)),
                interval=rows.interval(),
                cases=len(rows.blocks),
                missed=sum(metric.name in one.missed for one in outcomes),
                spread=_spread(metric, rows),
            )
    return found


def scores(metric: Metric, outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Each case's own score, the mean of its repeats; cases that have none are left out."""
    found: dict[str, list[float]] = {}
    for one in outcomes:
        score = metric.score(one.rows[metric.name]) if metric.name in one.rows else None
        if score is not None:
            found.setdefault(one.case.id, []).append(score)
    return {case: sum(given) / len(given) for case, given in found.items()}


def _spread(metric: Metric, rows: Column) -> float | None:
    if not rows.mean or all(len(block) < 2 for block in rows.blocks.values()):
        return None
    return float(np.mean([block[:, 0].std(ddof=1) for block in rows.blocks.values() if len(block) > 1]))
