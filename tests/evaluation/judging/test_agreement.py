"""How far two graders agree, beside slow definitions, other people's code and published values."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.errors import UsageError
from ragstone.evaluation.judging.agreement import (
    Agreement,
    agreement,
    quadratic,
    rho_interval,
    spearman,
    weighted_kappa,
)

GRADES = st.integers(1, 5)
BOTH = st.lists(st.tuples(GRADES, GRADES), min_size=1, max_size=30)


def of(pairs: list[tuple[int, int]]) -> Agreement:
    return agreement([one for one, _ in pairs], [two for _, two in pairs])


def slow_kappa(pairs: list[tuple[int, int]]) -> float | None:
    """One less the mean squared difference, over that of each grade with each grade of the other."""
    observed = sum((one - two) ** 2 for one, two in pairs) / len(pairs)
    by_chance = sum((one - two) ** 2 for one, _ in pairs for _, two in pairs) / len(pairs) ** 2
    return 1 - observed / by_chance if by_chance else None


def slow_rank(values: list[float]) -> list[float]:
    return [sum(other < one for other in values) + (sum(other == one for other in values) + 1) / 2 for one in values]


def slow_rho(one: list[float], other: list[float]) -> float | None:
    first, second = slow_rank(one), slow_rank(other)
    mean = (len(one) + 1) / 2
    top = sum((a - mean) * (b - mean) for a, b in zip(first, second, strict=True))
    below = math.sqrt(sum((a - mean) ** 2 for a in first) * sum((b - mean) ** 2 for b in second))
    return top / below if below else None


# ── Published values ────────────────────────────────────────────────────────────────────────────────────────────────


def test_kappa_is_that_of_the_paper() -> None:
    """Cohen 1968, table 1: 200 cases, three diagnoses, weights of disagreement."""
    shares = [[0.44, 0.07, 0.09], [0.05, 0.20, 0.05], [0.01, 0.03, 0.06]]
    assert weighted_kappa(shares, [[0, 1, 3], [1, 0, 6], [3, 6, 0]]) == pytest.approx(0.348, abs=5e-4)
    assert weighted_kappa(shares, 1 - np.eye(3)) == pytest.approx(0.492, abs=5e-4)


def test_quadratic_kappa_is_that_of_another_package() -> None:
    """The table cont3x3abstractors of the R package irrCAC, whose manual prints 0.7964094 and 0.8921569."""
    table = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
    assert weighted_kappa(table, 1 - np.eye(3)) == pytest.approx(0.7964094, abs=5e-8)
    assert weighted_kappa(table, quadratic(3)) == pytest.approx(0.8921569, abs=5e-8)


def test_rho_is_that_of_a_textbook() -> None:
    """Intelligence and hours of television a week, of which Wikipedia works out the coefficient: -29/165."""
    intelligence = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert spearman(intelligence, hours) == pytest.approx(-29 / 165)


# ── Other ways to the same figure ───────────────────────────────────────────────────────────────────────────────────


@given(BOTH)
def test_the_figures_are_those_of_slow_definitions(pairs: list[tuple[int, int]]) -> None:
    found, count = of(pairs), len(pairs)
    assert found.answers == count
    assert found.exact == sum(one == two for one, two in pairs) / count
    assert found.within_one == sum(abs(one - two) < 2 for one, two in pairs) / count
    assert found.leniency == pytest.approx(sum(two for _, two in pairs) / count - sum(one for one, _ in pairs) / count)
    assert all(found.table[one - 1][two - 1] == pairs.count((one, two)) for one in range(1, 6) for two in range(1, 6))
    slow = slow_kappa(pairs), slow_rho([one for one, _ in pairs], [two for _, two in pairs])
    assert (found.kappa, found.rho) == tuple(one if one is None else pytest.approx(one, abs=1e-9) for one in slow)


DIFFERENT = BOTH.filter(lambda pairs: len({one for pair in pairs for one in pair}) > 1)


@settings(max_examples=40)
@given(DIFFERENT)
def test_rho_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    human, judged = [one for one, _ in pairs], [two for _, two in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where one side is constant
        rho = float(stats.spearmanr(human, judged).statistic)
    assert spearman(human, judged) == (None if math.isnan(rho) else pytest.approx(rho, abs=1e-9))


@pytest.mark.slow  # scikit-learn takes seconds to import
@given(DIFFERENT)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    human, judged = [one for one, _ in pairs], [two for _, two in pairs]
    kappa = metrics.cohen_kappa_score(human, judged, labels=range(1, 6), weights="quadratic")
    assert of(pairs).kappa == pytest.approx(kappa, abs=1e-9)


@given(st.lists(st.tuples(GRADES, GRADES, GRADES), min_size=3, max_size=25))
def test_the_partial_rho_is_that_of_the_formula(rows: list[tuple[int, int, int]]) -> None:
    one, other, third = (list(column) for column in zip(*rows, strict=True))
    pairs = [slow_rho(*both) for both in ((one, other), (one, third), (other, third))]
    there, left, right = (0.0 if rho is None else rho for rho in pairs)
    below = math.sqrt(max(0.0, 1 - left**2) * max(0.0, 1 - right**2))
    found = spearman(one, other, third)
    if pairs[0] is None or below < 1e-6:
        assert found is None
    else:
        assert found == pytest.approx((there - left * right) / below, abs=1e-6)


# ── What must hold ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(GRADES, min_size=1, max_size=30))
def test_a_list_agrees_with_itself(grades: list[int]) -> None:
    found = agreement(grades, grades)
    assert (found.exact, found.within_one, found.leniency, found.leniency_interval) == (1, 1, 0, (0, 0))
    same = len(set(grades)) == 1
    assert found.kappa == (None if same else 1)
    assert found.rho == (None if same else pytest.approx(1))
    assert found.kappa_interval == (None if same else (1, 1))


@given(BOTH)
def test_who_is_called_the_judge_turns_the_leniency_and_nothing_else(pairs: list[tuple[int, int]]) -> None:
    there, back = of(pairs), of([(two, one) for one, two in pairs])
    assert (there.exact, there.within_one, there.answers) == (back.exact, back.within_one, back.answers)
    assert there.leniency == pytest.approx(-back.leniency)
    assert there.leniency_interval == pytest.approx((-back.leniency_interval[1], -back.leniency_interval[0]))
    assert there.kappa == (None if back.kappa is None else pytest.approx(back.kappa))
    assert there.rho == (None if back.rho is None else pytest.approx(back.rho))
    assert there.table == tuple(zip(*back.table, strict=True))


def test_intervals_lie_around_their_figure_and_become_narrow() -> None:
    random = np.random.default_rng(1)
    human = random.integers(1, 6, 600)
    judged = np.clip(human + random.integers(-1, 3, 600), 1, 5)
    widths: list[float] = []
    for count in (20, 600):
        found = agreement(human[:count].tolist(), judged[:count].tolist())
        assert found.kappa is not None
        assert found.kappa_interval is not None
        assert found.kappa_interval[0] < found.kappa < found.kappa_interval[1]
        assert found.leniency_interval[0] < found.leniency < found.leniency_interval[1]
        assert found.leniency_interval[0] > 0
        widths.append(found.kappa_interval[1] - found.kappa_interval[0])
    assert widths[1] < widths[0] / 3
    interval = rho_interval(human.tolist(), judged.tolist())
    assert interval is not None
    assert interval[0] < spearman(human.tolist(), judged.tolist()) < interval[1]  # type: ignore[operator]


def test_a_constant_side_has_no_rank_correlation() -> None:
    assert spearman([3, 3, 3], [1, 2, 3]) is None
    assert rho_interval([3, 3, 3], [1, 2, 3]) is None
    found = agreement([4, 4, 5], [3, 3, 3])
    assert (found.kappa, found.rho) == (0, None)
    assert found.as_dict()["rho"] is None


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UsageError, match="no answer"):
        agreement([], [])
    with pytest.raises(UsageError, match="other answers: expected 2, found 1"):
        agreement([1, 2], [1])
