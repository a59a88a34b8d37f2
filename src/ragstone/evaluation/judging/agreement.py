"""How far two graders agree: a judge with a person, say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.errors import UsageError
from ragstone.evaluation.judging.labels import BEST, WORST
from ragstone.evaluation.resampling import RESAMPLES, Interval, interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FEWEST", "Agreement", "agreement", "quadratic", "rho_interval", "spearman", "weighted_kappa"]

TINY = 1e-9  # of ranks, that rounding leaves

FEWEST = 10
"""The answers from which on a correlation is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A judge's grades beside those of people. Each interval is that of a bootstrap over answers (95 %).

    `exact` is the share of equal grades, `within_one` that of grades at most one apart. `kappa` is Cohen's, with
    quadratic weights: 1 for equal grades, 0 for those that agree as often as chance would have it; None where both
    give everything the same grade. `rho` is Spearman's, None where one of them does. `leniency` is the judge's mean
    grade less the people's. `table` counts answers by the people's grade (rows) and the judge's, both from 1 to 5.
    """

    answers: int
    exact: float
    within_one: float
    kappa: float | None
    kappa_interval: Interval | None
    rho: float | None
    leniency: float
    leniency_interval: Interval
    table: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """The figures as `--json` prints them."""
        return {
            "answers": self.answers,
            "exact": round(self.exact, 6),
            "within_one": round(self.within_one, 6),
            "kappa": _rounded(self.kappa),
            "kappa_interval": None if self.kappa_interval is None else [round(end, 6) for end in self.kappa_interval],
            "rho": _rounded(self.rho),
            "leniency": round(self.leniency, 6),
            "leniency_interval": [round(end, 6) for end in self.leniency_interval],
            "table": [list(row) for row in self.table],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def agreement(human: Sequence[int], judged: Sequence[int], *, seed: int = 0) -> Agreement:
    """How far grades from 1 to 5 of the same answers, in the same order, agree.

    >>> agreement([1, 2, 5, 5], [1, 3, 5, 4]).exact
    0.5

    Raises UsageError for no answers.
    """
    if not human:
        raise UsageError("there is no answer to compare")
    if len(human) != len(judged):
        raise UsageError("the grades are of other answers", expected=f"{len(human):,}", found=f"{len(judged):,}")
    table = np.zeros((BEST, BEST), np.int64)
    np.add.at(table, (np.asarray(human) - WORST, np.asarray(judged) - WORST), 1)
    differences = [two - one for one, two in zip(human, judged, strict=True)]
    return Agreement(
        answers=len(human),
        exact=sum(one == 0 for one in differences) / len(human),
        within_one=sum(abs(one) <= 1 for one in differences) / len(human),
        kappa=weighted_kappa(table, quadratic(BEST)),
        kappa_interval=_kappa_interval(table, seed=seed),
        rho=spearman(human, judged),
        leniency=sum(differences) / len(human),
        leniency_interval=interval(differences, seed=seed),
        table=tuple(tuple(row) for row in table.tolist()),
    )


def quadratic(grades: int) -> NDArray[np.float64]:
    """How bad each disagreement is: the square of how many grades lie between, shape (grades, grades)."""
    places = np.arange(grades, dtype=np.float64)
    return (places[:, None] - places[None, :]) ** 2


def weighted_kappa(table: ArrayLike, weights: ArrayLike) -> float | None:
    r"""Weighted kappa of a table of counts or shares: one less the disagreement, in parts of that by chance.

    $\kappa_w = 1 - \sum_{ij} w_{ij} p_{ij} / \sum_{ij} w_{ij} p_{i\cdot} p_{\cdot j}$ with weights of disagreement, 0
    on the diagonal (Cohen 1968, Psychological Bulletin 70:213). It is at most 1, and below 0 where chance would agree
    more often. None where chance cannot disagree: both give everything the same grade.
    """
    observed, by_chance = _disagreement(np.asarray(table, np.float64), np.asarray(weights, np.float64))
    return None if by_chance <= 0 else 1 - float(observed / by_chance)


def _disagreement(tables: NDArray[np.float64], cost: NDArray[np.float64]) -> tuple[Any, Any]:
    """The disagreement that was seen, and that by chance, of tables of shape (…, grades, grades)."""
    shares = tables / tables.sum(axis=(-2, -1), keepdims=True)
    rows, columns = shares.sum(axis=-1), shares.sum(axis=-2)
    return (cost * shares).sum(axis=(-2, -1)), ((rows @ cost) * columns).sum(axis=-1)


def _kappa_interval(table: NDArray[np.int64], *, seed: int) -> Interval | None:
    """By drawing as many answers again: their table alone counts. Draws without a kappa are left out."""
    count, random = int(table.sum()), np.random.default_rng(seed)
    drawn = random.multinomial(count, (table / count).ravel(), RESAMPLES).reshape(RESAMPLES, *table.shape)
    observed, by_chance = _disagreement(drawn.astype(np.float64), quadratic(BEST))
    known = by_chance > 0
    return _ends((1 - observed[known] / by_chance[known]).tolist())


def spearman(one: Sequence[float], other: Sequence[float], given: Sequence[float] | None = None) -> float | None:
    """Spearman's rank correlation, from -1 to 1: Pearson's of the ranks, where equal values share their mean rank.

    With values `given`, it is the partial one: of what their ranks do not explain of both. None where all values of one
    side are equal, or explained (Spearman 1904; ties as in Kendall 1948).

    >>> spearman([1, 2, 3], [10, 20, 20])
    0.8660254037844387
    """
    first, second = _ranks(one), _ranks(other)
    if given is not None:
        third = _ranks(given)
        first, second = _rest(first, third), _rest(second, third)
    spread = float(np.sqrt((first @ first) * (second @ second)))
    return float(np.clip(first @ second / spread, -1, 1)) if spread > TINY else None


def rho_interval(*columns: Sequence[float], seed: int = 0) -> Interval | None:
    """The interval (95 %) of what `spearman` gives, by a bootstrap over answers; None where no draw has one."""
    values = [np.asarray(column, np.float64) for column in columns]
    count = len(values[0])
    places = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    found = (spearman(*(column[at] for column in values)) for at in places)  # pyright: ignore[reportArgumentType]
    return _ends([each for each in found if each is not None])


def _ends(values: Sequence[float]) -> Interval | None:
    if not values:
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _ranks(values: ArrayLike) -> NDArray[np.float64]:
    """How far each lies from the middle rank; equal values share the mean of their places."""
    _, places, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[places]
    return ranks - ranks.mean()


def _rest(ranks: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a straight line through `given` leaves of the ranks."""
    spread = float(given @ given)
    return ranks - (ranks @ given / spread) * given if spread > 0 else ranks
