"""Learns which questions need the larger model, and says what that is worth: `ragstone model calibrate`.

    calibration = calibrated(examples, models=["local", "openai"], aim=Aim(quality=0.95))

What is said of quality and cost is out of fold: of each question by a fit that has not seen it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ragstone.errors import UsageError
from ragstone.evaluation.resampling import Interval
from ragstone.inference.difficulty import Calibrated, Difficulty, Pair
from ragstone.inference.features import FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = "NDArray[np.float64]"

__all__ = ["FEWEST", "Aim", "Calibration", "Example", "Point", "Verdict", "calibrated", "judged"]

FEWEST = 50  # examples: with fewer, the interval of a gain is wider than any gain that there is
FOLDS = 10
INNER = 5  # folds by which the penalty is chosen, inside of each training part
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # L2, per sum over examples of standardised features
FARTHEST = 4.0  # standard deviations, as in ragstone.inference.difficulty
STEPS = 50  # of Newton's method
STEEPS = 400  # thresholds of a curve
RESAMPLES = 1_000
ACROSS = 101  # costs at which a curve is compared
LEVELS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Example:
    """A question with the grade of each model's answer, in [0, 1], what each would cost, and its prompt's features."""

    question: str
    grades: Mapping[str, float]
    costs: Mapping[str, float]
    features: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Aim:
    """What the threshold is chosen for: the least cost at so much quality, or the most quality at so much cost.

    `of` is `quality`, a share of the best single model's mean grade, or `cost`, a share of the dearest one's mean cost.
    """

    of: Literal["quality", "cost"] = "quality"
    share: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"--{self.of} is a share", expected="above 0, at most 1", found=f"{self.share:g}")

    def __str__(self) -> str:
        return f"{self.of} {self.share:g}"


@dataclass(frozen=True, slots=True)
class Point:
    """A way to route: its threshold, the mean cost and grade of a question, and the share that each model answers."""

    threshold: float
    cost: float
    quality: float
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the examples have shown.

    `curve` goes from all questions at the last model to all at the first. `singles` are cost and quality of each model
    alone. `gain` is the mean height of the curve above a random mixture of the models at equal cost, with its 95 %
    interval by a bootstrap over questions; the fits are not repeated in it.
    """

    difficulty: Difficulty
    curve: tuple[Point, ...]
    singles: Mapping[str, tuple[float, float]]
    chosen: Point
    chosen_interval: Interval
    gain: tuple[float, float, float]
    aim: Aim
    unit: str

    @property
    def shown(self) -> bool:
        """Whether there is a gain, as far as these examples can tell."""
        return self.gain[0] > 0

    @property
    def mixed(self) -> tuple[tuple[float, float], ...]:
        """The corners of the best random mixtures, by cost."""
        return tuple(_hull([*self.singles.values()]))


def calibrated(
    examples: Sequence[Example], *, models: Sequence[str], aim: Aim | None = None, unit: str = "USD", seed: int = 0
) -> Calibration:
    """Fits each pair of models, chooses the threshold, and says what it is worth.

    The models come from the smallest to the largest. Raises UsageError for examples of which nothing can be learnt.
    """
    aim = aim or Aim()
    _require_enough(examples, models)
    x = np.array([example.features for example in examples], np.float64)
    grades = np.array([[example.grades[name] for name in models] for example in examples], np.float64)
    costs = np.array([[example.costs[name] for name in models] for example in examples], np.float64)
    folds = _folds(len(examples), FOLDS, seed)
    pairs = [*combinations(range(len(models)), 2)]
    unseen = {pair: _out_of_fold(x, _labels(grades, pair), folds, seed) for pair in pairs}
    steep = _steepness(unseen, len(models))
    sweep = _Sweep(steep, grades, costs)
    at = sweep.best(aim)
    singles = {name: (float(costs[:, i].mean()), float(grades[:, i].mean())) for i, name in enumerate(models)}
    gain = sweep.gain(seed)
    curve = tuple(sweep.point(place) for place in range(len(sweep.thresholds)))
    fit = _standardised(x)
    found = Difficulty(
        models=tuple(models),
        features=tuple(FEATURES),
        mean=tuple(fit.mean.tolist()),
        scale=tuple(fit.scale.tolist()),
        pairs=tuple(_pair(fit, grades, pair, models, seed) for pair in pairs),
        threshold=curve[at].threshold,
        calibrated=Calibrated(
            examples=len(examples),
            seed=seed,
            aim=str(aim),
            quality=curve[at].quality,
            cost=curve[at].cost,
            unit=unit,
            gain=gain,
        ),
    )
    return Calibration(
        difficulty=found,
        curve=curve,
        singles=singles,
        chosen=curve[at],
        chosen_interval=sweep.interval(at, seed),
        gain=gain,
        aim=aim,
        unit=unit,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a calibration is worth on other questions: at its threshold, and over all of them; see `Calibration`."""

    chosen: Point
    singles: Mapping[str, tuple[float, float]]
    gain: tuple[float, float, float]


def judged(difficulty: Difficulty, examples: Sequence[Example], *, seed: int = 0) -> Verdict:
    """Routes questions that a calibration has never seen, and says what came of it."""
    models = difficulty.models
    standard = [difficulty.standard(example.features) for example in examples]
    gains = {
        (small, large): np.array([difficulty.pair(models[small], models[large]).gain(one) for one in standard])
        for small, large in combinations(range(len(models)), 2)
    }
    grades = np.array([[example.grades[name] for name in models] for example in examples], np.float64)
    costs = np.array([[example.costs[name] for name in models] for example in examples], np.float64)
    steep = _steepness(gains, len(models))
    at_threshold = _Sweep(steep, grades, costs, thresholds=np.array([difficulty.threshold]))
    sweep = _Sweep(steep, grades, costs)
    return Verdict(
        chosen=at_threshold.point(0),
        singles={name: (float(costs[:, i].mean()), float(grades[:, i].mean())) for i, name in enumerate(models)},
        gain=sweep.gain(seed),
    )


def _require_enough(examples: Sequence[Example], models: Sequence[str]) -> None:
    if len(examples) < FEWEST:
        raise UsageError(
            "too few graded questions to learn from",
            expected=f"{FEWEST} or more",
            found=str(len(examples)),
            hint="With so few, `ordered` or `cheapest` does as well.",
        )
    differ = sum(len({example.grades[name] for name in models}) > 1 for example in examples)
    if not differ:
        raise UsageError(
            "all models have the same grade in every question, so there is nothing to learn",
            found=f"{len(examples)} questions",
            hint="Take the cheapest: `strategy: cheapest`.",
        )


# ── Fitting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Standard:
    """Features with mean 0 and deviation 1; one that is the same everywhere is 0."""

    mean: Floats
    scale: Floats
    values: Floats

    def of(self, x: Floats) -> Floats:
        """Other examples in the same terms."""
        return np.clip((x - self.mean) / self.scale, -FARTHEST, FARTHEST)


def _standardised(x: Floats) -> _Standard:
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale < 1e-9, 1.0, scale)
    return _Standard(mean, scale, np.clip((x - mean) / scale, -FARTHEST, FARTHEST))


def _labels(grades: Floats, pair: tuple[int, int]) -> Floats:
    """What the regression is to say of each question: 1 where only the larger model is right, ½ where both are equal.

    A fitted probability is then (1 + expected gain) / 2, also for grades between 0 and 1.
    """
    return (1 + grades[:, pair[1]] - grades[:, pair[0]]) / 2


def _fitted(x: Floats, y: Floats, penalty: float) -> Floats:
    """The weights of a logistic regression, the bias first, by Newton's method: the same data give the same weights."""
    rows = np.column_stack([np.ones(len(x)), x])
    shrink = np.full(rows.shape[1], penalty)
    shrink[0] = 1e-6
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        p = _logistic(rows @ weights)
        slope = rows.T @ (p - y) + shrink * weights
        bend = (rows * (p * (1 - p))[:, None]).T @ rows + np.diag(shrink)
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _logistic(logits: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


def _predicted(x: Floats, weights: Floats) -> Floats:
    return _logistic(weights[0] + x @ weights[1:])


def _penalty(x: Floats, y: Floats, seed: int) -> float:
    """The one whose fits say best what they have not seen, by cross-entropy."""
    folds = _folds(len(x), INNER, seed + 1)

    def loss(penalty: float) -> float:
        lost = 0.0
        for fold in range(INNER):
            seen, rest = folds != fold, folds == fold
            p = np.clip(_predicted(x[rest], _fitted(x[seen], y[seen], penalty)), 1e-9, 1 - 1e-9)
            lost -= float((y[rest] * np.log(p) + (1 - y[rest]) * np.log(1 - p)).sum())
        return lost

    return min(PENALTIES, key=lambda penalty: (loss(penalty), -penalty))


def _out_of_fold(x: Floats, y: Floats, folds: NDArray[np.intp], seed: int) -> Floats:
    """For each question the gain that is expected by a fit to the others."""
    gains = np.zeros(len(x))
    for fold in range(FOLDS):
        seen, rest = folds != fold, folds == fold
        standard = _standardised(x[seen])
        weights = _fitted(standard.values, y[seen], _penalty(standard.values, y[seen], seed))
        gains[rest] = 2 * _predicted(standard.of(x[rest]), weights) - 1
    return gains


def _folds(count: int, folds: int, seed: int) -> NDArray[np.intp]:
    """To which fold each example belongs, all of about one size."""
    return np.random.default_rng(seed).permutation(count) % folds


def _pair(fit: _Standard, grades: Floats, pair: tuple[int, int], models: Sequence[str], seed: int) -> Pair:
    y = _labels(grades, pair)
    weights = _fitted(fit.values, y, _penalty(fit.values, y, seed)).tolist()
    return Pair(small=models[pair[0]], large=models[pair[1]], bias=weights[0], weights=tuple(weights[1:]))


# ── Cost and quality ────────────────────────────────────────────────────────────────────────────────────────────────


def _steepness(gains: Mapping[tuple[int, int], Floats], models: int) -> Floats:
    """From which threshold on each model but the last will do for each question: shape (questions, models - 1)."""
    return np.column_stack(
        [np.max([gains[small, large] for large in range(small + 1, models)], axis=0) for small in range(models - 1)]
    )


def _thresholds(steep: Floats) -> Floats:
    """Between each two levels, so that a question that lies on one falls on the same side when it is asked again."""
    levels = np.unique(steep)
    if len(levels) > STEEPS:
        levels = np.unique(np.quantile(levels, np.linspace(0, 1, STEEPS)))
    return np.concatenate([[levels[0] - 0.01], (levels[1:] + levels[:-1]) / 2, [levels[-1] + 0.01]])


class _Sweep:
    """All ways to route, from the threshold that sends all to the last model to the one that sends all to the first."""

    def __init__(self, steep: Floats, grades: Floats, costs: Floats, *, thresholds: Floats | None = None) -> None:
        self._grades, self._costs = grades, costs
        self.thresholds = _thresholds(steep) if thresholds is None else thresholds
        enough = steep[None] <= self.thresholds[:, None, None]
        last = np.ones((*enough.shape[:2], 1), bool)
        self._models = np.concatenate([enough, last], axis=2).argmax(axis=2)  # shape (thresholds, questions)
        questions = np.arange(len(grades))
        self._quality, self._cost = grades[questions, self._models], costs[questions, self._models]

    def point(self, place: int) -> Point:
        """One of them."""
        shares = np.bincount(self._models[place], minlength=self._grades.shape[1]) / len(self._grades)
        mean, cost = float(self._quality[place].mean()), float(self._cost[place].mean())
        return Point(float(self.thresholds[place]), cost, mean, tuple(shares.tolist()))

    def best(self, aim: Aim) -> int:
        """The place of the threshold that reaches an aim best."""
        quality, cost = self._quality.mean(axis=1), self._cost.mean(axis=1)
        if aim.of == "quality":
            enough = np.flatnonzero(quality >= aim.share * self._grades.mean(axis=0).max() - 1e-12)
            return int(min(enough, key=lambda place: (cost[place], -quality[place])))
        most = max(aim.share * self._costs.mean(axis=0).max(), float(cost.min()))
        within = np.flatnonzero(cost <= most + 1e-15)
        return int(max(within, key=lambda place: (quality[place], -cost[place])))

    def area(self, weights: Floats) -> float:
        """The mean height of the curve above the best random mixture at equal cost, for questions so often counted."""
        share = weights / weights.sum()
        return self._height(self._cost @ share, self._quality @ share, share @ self._costs, share @ self._grades)

    def gain(self, seed: int) -> tuple[float, float, float]:
        """That height with its 95 % interval: of as many questions, drawn with replacement, a thousand times."""
        heights = [self.area(weights) for weights in _drawn(len(self._grades), seed)]
        low, high = np.quantile(heights, LEVELS)
        return float(low), self.area(np.ones(len(self._grades))), float(high)

    def interval(self, place: int, seed: int) -> Interval:
        """That of a threshold's quality."""
        means = _drawn(len(self._grades), seed) @ self._quality[place] / len(self._grades)
        low, high = np.quantile(means, LEVELS)
        return float(low), float(high)

    @staticmethod
    def _height(cost: Floats, quality: Floats, single_costs: Floats, single_grades: Floats) -> float:
        corners: Floats = np.array(
            _hull([*zip(single_costs.tolist(), single_grades.tolist(), strict=True)]), np.float64
        )
        low, high = float(corners[0, 0]), float(corners[-1, 0])
        if high - low <= 1e-12 * max(1.0, abs(high)):
            return 0.0  # all models cost the same: there is nothing to save
        at = np.linspace(low, high, ACROSS)
        order = np.argsort(cost, kind="stable")
        above: Floats = np.interp(at, cost[order], quality[order]) - np.interp(at, corners[:, 0], corners[:, 1])
        return float((above[1:] + above[:-1]).mean() / 2)


def _drawn(count: int, seed: int) -> Floats:
    """How often each question comes in each resample: shape (resamples, questions)."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)


def _hull(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The upper hull of points from the least to the most cost: what random mixtures of them can reach."""
    corners: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if corners and point[0] <= corners[-1][0]:
            continue
        while len(corners) > 1 and _under(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    return corners


def _under(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) <= (last[1] - first[1]) * (middle[0] - first[0])
