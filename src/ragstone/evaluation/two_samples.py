"""Whether two samples come from one distribution: tests that exchange what belongs to which, and intervals.

Every draw has a seed, so that the same samples give the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragstone.evaluation.resampling import Interval, resampled
from ragstone.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Far", "Shift", "alike", "energy", "far", "groups", "holm", "shift", "stability"]

PERMUTATIONS, BATCH = 999, 111
MOST = 1_000  # points of each sample: of more, as many are drawn
QUANTILE = 0.95
BINS = 10
POWER = 1.96 + 0.84  # standard errors that a difference needs to be seen in 80 of 100 samples, at a level of 0.05
TINY = 1e-9


def energy(before: Floats, now: Floats, *, seed: int = 0) -> tuple[float, float]:
    """How different two clouds of points are, from 0 to 1, and the probability of that much in one distribution.

    The first is the energy distance (2 E|X-Y| - E|X-X'| - E|Y-Y'|) over 2 E|X-Y|, and 0 for equal distributions alone;
    the second comes from 999 exchanges of the points (Székely and Rizzo 2013, Energy statistics). With the distance as
    its kernel it is the test by maximum mean discrepancy (Gretton et al. 2012; Sejdinovic et al. 2013). Arrays are
    (points, dimensions).
    """
    random = np.random.default_rng(seed)
    first, second = (_some(points, random) for points in (before, now))
    n, m = len(first), len(second)
    points = np.concatenate([first, second])
    squares = (points**2).sum(axis=1)
    apart = np.sqrt(np.clip(squares[:, None] + squares[None, :] - 2 * points @ points.T, 0, None))
    rows, total = apart.sum(axis=1), float(apart.sum())
    belongs = np.zeros((PERMUTATIONS + 1, n + m))  # a 1 for each point of the first sample; the first row is the truth
    belongs[:, :n] = 1
    belongs[1:] = random.permuted(belongs[1:], axis=1)
    inside = np.einsum("ij,ij->i", belongs @ apart, belongs)
    across = belongs @ rows - inside
    beyond = total - inside - 2 * across
    distances = 2 * across / (n * m) - inside / n**2 - beyond / m**2
    as_far = int(np.count_nonzero(distances[1:] >= distances[0] - TINY))
    mean = 2 * float(across[0]) / (n * m)
    return float(max(distances[0], 0) / mean) if mean > TINY else 0.0, (as_far + 1) / (PERMUTATIONS + 1)


def _some(points: Floats, random: np.random.Generator) -> Floats:
    if len(points) <= MOST:
        return points
    return points[np.sort(random.choice(len(points), MOST, replace=False))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The means of one figure in two samples, and their difference with its interval (95 %).

    `p` is the probability of a difference at least as large, either way, in one distribution. A true difference of
    `detectable` would be seen in 80 of 100 such samples, and a smaller one less often.
    """

    before: float
    now: float
    interval: Interval
    p: float
    detectable: float

    @property
    def difference(self) -> float:
        """What the second mean has more than the first."""
        return self.now - self.before


def shift(before: Sequence[float], now: Sequence[float], *, seed: int = 0) -> Shift:
    """The difference of two means, by 999 exchanges of the values (Fisher 1935; Pitman 1937).

    The interval is that of a bootstrap of both samples (Efron and Tibshirani 1993, chapter 13); that of two shares is
    Newcombe's (1998, method 10), since a bootstrap of a share of 0 has no width.
    """
    first, second = np.asarray(before, np.float64), np.asarray(now, np.float64)
    every, n, m = np.concatenate([first, second]), len(first), len(second)
    mean_before, mean_now = float(first.mean()), float(second.mean())
    random, as_far = np.random.default_rng(seed), 0
    for _ in range(PERMUTATIONS // BATCH):
        drawn = random.permuted(np.tile(every, (BATCH, 1)), axis=1)
        apart = drawn[:, n:].mean(axis=1) - drawn[:, :n].mean(axis=1)
        as_far += int(np.count_nonzero(np.abs(apart) >= abs(mean_now - mean_before) - TINY))
    spread = float(every.std(ddof=1)) if n + m > 2 else 0.0
    return Shift(
        before=mean_before,
        now=mean_now,
        interval=_newcombe(first, second) if _is_share(every) else _bootstrap(first, second, seed),
        p=(as_far + 1) / (PERMUTATIONS + 1),
        detectable=POWER * spread * math.sqrt(1 / n + 1 / m),
    )


def _is_share(values: Floats) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _bootstrap(before: Floats, now: Floats, seed: int) -> Interval:
    apart = resampled(now.tolist(), seed=seed + 1) - resampled(before.tolist(), seed=seed)
    low, high = np.quantile(apart, [0.025, 0.975])
    return float(low), float(high)


def _newcombe(before: Floats, now: Floats) -> Interval:
    first, second = float(before.mean()), float(now.mean())
    (low, high), (least, most) = (wilson(int(values.sum()), len(values)) for values in (before, now))
    down, up = math.hypot(second - least, high - first), math.hypot(most - second, first - low)
    return second - first - down, second - first + up


def stability(before: Sequence[float], now: Sequence[float]) -> tuple[float, float]:
    """The population stability index over tenths of the first sample, and what chance alone gives on average.

    It is the sum of (b - a) ln(b / a) over the shares a and b of each bin. By a convention of credit scoring (Siddiqi
    2006) less than 0.1 is no change and more than 0.25 a large one. It says nothing of its own uncertainty: without
    any change it is (bins - 1) (1/n + 1/m) on average (Yurdakul 2018), which is 0.25 already with 70 values on each
    side. Half a value is added to each bin, so that an empty one does no more than it may.
    """
    first, second = np.asarray(before, np.float64), np.asarray(now, np.float64)
    edges = np.unique(np.quantile(first, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    shares = [
        (np.bincount(np.searchsorted(edges, values, side="left"), minlength=bins) + 0.5) / (len(values) + 0.5 * bins)
        for values in (first, second)
    ]
    index = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    return index, (bins - 1) * (1 / len(first) + 1 / len(second))


def holm(ps: Sequence[float]) -> list[float]:
    """Each p corrected for how many there are (Holm 1979): all below 0.05 hold together, but for a chance of 0.05.

    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    found, least = [1.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        least = max(least, min(1.0, ps[place] * (len(ps) - rank)))
        found[place] = least
    return found


# ── Points that are unlike any other ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """Points of a second sample that lie farther from the first than its own points do.

    `places` are theirs, `distances` those to the nearest point of the first sample (1 - cosine) of all. `threshold` is
    that of which 95 % of the first sample's points are within. Of one distribution `expected` would be beyond it.
    """

    threshold: float
    places: tuple[int, ...]
    distances: tuple[float, ...]
    expected: float
    interval: Interval
    p: float

    @property
    def share(self) -> float:
        """That of the second sample's points which are far."""
        return len(self.places) / len(self.distances)


def far(before: Floats, now: Floats) -> Far:
    """Which points are far, by the distance of each of the first sample's points to the nearest other one.

    Rows have length 1. The threshold is the k-th least of n such distances, so a point of the same distribution lies
    beyond it with a probability that is Beta(n + 1 - k, k) (Vovk 2012, of split conformal prediction), and the number
    of those that do is beta-binomial: from that comes `p`, of as many or more. Distances that leave one out are not
    independent, so this is nearly right, and the tests hold it against simulation.
    """
    own = before @ before.T
    np.fill_diagonal(own, -np.inf)
    usual = np.sort(1 - own.max(axis=1))
    n, m = len(before), len(now)
    k = min(n, math.ceil(QUANTILE * (n + 1)))
    threshold = float(usual[k - 1])
    distances = 1 - (now @ before.T).max(axis=1)
    places = tuple(np.flatnonzero(distances > threshold + TINY).tolist())
    return Far(
        threshold=threshold,
        places=places,
        distances=tuple(distances.tolist()),
        expected=(n + 1 - k) / (n + 1),
        interval=wilson(len(places), m),
        p=_at_least(len(places), m, n + 1 - k, k),
    )


def _at_least(count: int, of: int, a: float, b: float) -> float:
    """The probability that a beta-binomial number reaches a count."""
    chances = (math.exp(_log_choose(of, i) + _log_beta(a + i, b + of - i) - _log_beta(a, b)) for i in range(count))
    return min(1.0, max(0.0, 1 - math.fsum(chances)))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def groups(points: Floats, *, within: float) -> list[list[int]]:
    """Places of points of length 1 that are linked by steps of at most that distance (1 - cosine); largest group first.

    In each the point that is nearest to the middle comes first.
    """
    left, found = set(range(len(points))), list[list[int]]()
    near = points @ points.T >= 1 - within - TINY
    while left:
        group, edge = set[int](), [min(left)]
        while edge:
            place = edge.pop()
            if place in left:
                left.discard(place)
                group.add(place)
                edge += [int(other) for other in np.flatnonzero(near[place])]
        members = sorted(group)
        middle = points[members].sum(axis=0)
        cosines = points[members] @ middle
        found.append([members[at] for at in np.argsort(-cosines, kind="stable")])
    return sorted(found, key=lambda members: (-len(members), min(members)))


def alike(before: Sequence[float], now: Sequence[float]) -> bool:
    """Whether there is one value alone, so that nothing can have changed."""
    return len({*before, *now}) == 1
