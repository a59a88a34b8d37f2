"""What has changed from one run to another: each figure's difference, for all cases and by tag, and what flipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ragstone.errors import UsageError
from ragstone.evaluation.compare import PERMUTATIONS, Difference, paired
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.resampling import RESAMPLES
from ragstone.evaluation.suites.figures import Column, column, scores

__all__ = ["TELLING", "Change", "Comparison", "Flip", "compare"]

LUCK = 0.05  # probability from which on a difference may be one

TELLING = 6
"""The fewest cases by which a permutation test can tell a difference from luck: 2/2ⁿ of all exchanges go as far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric in both runs, over the cases that both have answered: its two figures and their difference."""

    metric: Metric
    before: float
    after: float
    difference: Difference

    @property
    def moved(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.difference.gained or self.difference.lost

    @property
    def verdict(self) -> Literal["better", "worse", ""]:
        """What the second is beyond doubt: the interval leaves out 0, and the permutation test says the same.

        Over few cases, or for a percentile, the interval of a bootstrap alone is too narrow.
        """
        if not self.moved or self.difference.permuted >= LUCK:
            return ""
        return "better" if self.difference.gained == (self.metric.better == "higher") else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A case that was right by a metric and is wrong now, or the other way round, with both answers."""

    case: str
    question: str
    metric: str
    before: float
    after: float
    said_before: str
    said_after: str

    @property
    def gained(self) -> bool:
        """Whether it is right now."""
        return self.after > self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side. `tags` holds the changes of the cases with each tag.

    `cases` are those of both, `left_out` those of one run alone.
    """

    changes: Mapping[str, Change]
    tags: Mapping[str, Mapping[str, Change]]
    flips: Sequence[Flip]
    cases: int
    left_out: Sequence[str]


def compare(metrics: Iterable[Metric], before: Sequence[Outcome], after: Sequence[Outcome]) -> Comparison:
    """Compares two runs, case by case, on the cases that both have. Raises UsageError where they share none."""
    metrics = list(metrics)
    first, second = _by_case(before), _by_case(after)
    both = [case for case in first if case in second]
    if not both:
        hint = "Compare two runs of the same suite."
        raise UsageError("the two runs have no case in common", hint=hint)
    tags = sorted({tag for case in both for tag in second[case][0].case.tags})
    return Comparison(
        changes=_changes(metrics, first, second, both),
        tags={
            tag: _changes(metrics, first, second, [case for case in both if tag in second[case][0].case.tags])
            for tag in tags
        },
        flips=[flip for metric in metrics for flip in _flips(metric, first, second, both)],
        cases=len(both),
        left_out=sorted(first.keys() ^ second.keys()),
    )


ByCase = Mapping[str, Sequence[Outcome]]


def _by_case(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(one.case.id, []).append(one)
    return found


def _changes(
    metrics: Iterable[Metric],
    first: ByCase,
    second: ByCase,
    cases: Sequence[str],
) -> dict[str, Change]:
    found: dict[str, Change] = {}
    for metric in metrics:
        one = column(metric, (outcome for case in cases for outcome in first[case]))
        two = column(metric, (outcome for case in cases for outcome in second[case]))
        known = [case for case in cases if case in one.blocks and case in two.blocks]
        if known:
            difference = _difference(one, two, known)
            found[metric.name] = Change(
                metric=metric, before=one.value(known), after=two.value(known), difference=difference
            )
    return found


def _difference(one: Column, two: Column, cases: Sequence[str]) -> Difference:
    if one.mean:
        before, after = ([float(rows.blocks[case][:, 0].mean()) for case in cases] for rows in (one, two))
        return paired(before, after)
    return _resampled(one, two, cases)


def _resampled(one: Column, two: Column, cases: Sequence[str], *, seed: int = 0) -> Difference:
    """As `paired`, for a figure that is no mean: the same cases are drawn for both, or exchanged between them."""
    random, count = np.random.default_rng(seed), len(cases)
    mean = two.value(cases) - one.value(cases)
    draws = [[cases[int(at)] for at in random.integers(0, count, count)] for _ in range(RESAMPLES)]
    drawn = np.asarray([two.value(some) - one.value(some) for some in draws])
    low, high = np.quantile(drawn, [0.025, 0.975])
    as_far = sum(abs(_exchanged(one, two, cases, random)) >= abs(mean) - 1e-9 for _ in range(PERMUTATIONS // 10))
    differences = [_score(two, case) - _score(one, case) for case in cases]
    return Difference(
        mean=mean,
        interval=(float(low), float(high)),
        p=(int(np.count_nonzero(np.abs(drawn - mean) >= abs(mean) - 1e-9)) + 1) / (len(drawn) + 1),
        permuted=(as_far + 1) / (PERMUTATIONS // 10 + 1),
        better=sum(one > 0 for one in differences),
        worse=sum(one < 0 for one in differences),
        questions=count,
        margin=float(np.quantile(np.abs(drawn - mean), 0.95)),
        chance=float(np.mean(drawn <= 0)),
    )


def _exchanged(one: Column, two: Column, cases: Sequence[str], random: np.random.Generator) -> float:
    swapped = random.integers(0, 2, len(cases)).astype(bool)
    metric = one.metric
    left = {case: (two if swap else one).blocks[case] for case, swap in zip(cases, swapped, strict=True)}
    right = {case: (one if swap else two).blocks[case] for case, swap in zip(cases, swapped, strict=True)}
    return Column(metric=metric, blocks=right).value(cases) - Column(metric=metric, blocks=left).value(cases)


def _score(rows: Column, case: str) -> float:
    found = [rows.metric.score(tuple(row)) for row in rows.blocks[case].tolist()]
    known = [score for score in found if score is not None]
    return sum(known) / len(known) if known else 0.0


def _flips(metric: Metric, first: ByCase, second: ByCase, cases: Sequence[str]) -> list[Flip]:
    passing = metric.passing
    if passing is None:
        return []
    before = scores(metric, (one for case in cases for one in first[case]))
    after = scores(metric, (one for case in cases for one in second[case]))
    return [
        Flip(
            case=case,
            question=second[case][0].case.question,
            metric=metric.name,
            before=before[case],
            after=after[case],
            said_before=first[case][0].marked,
            said_after=second[case][0].marked,
        )
        for case in cases
        if case in before and case in after and (before[case] >= passing) != (after[case] >= passing)
    ]
