"""Confidence, held against slow and plain definitions, and against scikit-learn."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from outcomes import NoTools, answered, case, searched
from ragstone.evaluation.metrics.abstention import risk_coverage
from ragstone.evaluation.metrics.known import metric

confidences = st.one_of(st.integers(0, 10).map(lambda n: n / 10), st.floats(0, 1))
answers = st.lists(st.tuples(confidences, st.booleans().map(float)), min_size=1, max_size=30)
few = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.booleans().map(float)), min_size=1, max_size=6)

Answers = list[tuple[float, float]]


def figure(name: str, given: Answers) -> float:
    return metric(name).figure(np.array(given))


def slow_ece(given: Answers) -> float:
    total = 0.0
    for bin_ in range(10):
        low, high = bin_ / 10, (bin_ + 1) / 10
        inside = [one for one in given if low < one[0] <= high or (bin_ == 0 and one[0] == 0)]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            sureness = sum(confidence for confidence, _ in inside) / len(inside)
            total += len(inside) / len(given) * abs(accuracy - sureness)
    return total


def slow_aurc(given: Answers) -> float:
    """The mean over all orders that put the surer answer first."""
    areas: list[float] = []
    for order in permutations(given):
        if all(first[0] >= second[0] for first, second in pairwise(order)):
            risks = [sum(1 - right for _, right in order[:n]) / n for n in range(1, len(order) + 1)]
            areas.append(sum(risks) / len(risks))
    return sum(areas) / len(areas)


@given(answers)
def test_the_calibration_error_is_that_of_its_definition(given: Answers):
    assert figure("ece", given) == pytest.approx(slow_ece(given), abs=1e-12)


@given(few)
def test_the_area_under_the_curve_is_that_of_its_definition(given: Answers):
    assert figure("aurc", given) == pytest.approx(slow_aurc(given))


@given(answers, st.randoms())
def test_no_figure_depends_on_the_order_of_answers_or_leaves_its_range(given: Answers, chance):
    before = {name: figure(name, given) for name in ("ece", "aurc")}
    chance.shuffle(given)
    assert {name: figure(name, given) for name in ("ece", "aurc")} == pytest.approx(before)
    assert all(-1e-12 <= value <= 1 + 1e-12 for value in before.values())


@given(answers)
def test_the_curve_ends_at_the_share_of_wrong_answers(given: Answers):
    assert risk_coverage(np.array(given))[-1] == pytest.approx(1 - np.mean([right for _, right in given]))


@given(answers, st.integers(0, 29))
def test_a_wrong_answer_that_becomes_right_never_raises_the_risk(given: Answers, at: int):
    better = list(given)
    better[at % len(given)] = (given[at % len(given)][0], 1.0)
    assert figure("aurc", better) <= figure("aurc", given) + 1e-12


@given(st.lists(st.booleans().map(float), min_size=1, max_size=20))
def test_who_is_sure_exactly_where_it_is_right_has_the_least_error(right: list[float]):
    assert figure("ece", [(one, one) for one in right]) == 0
    assert figure("aurc", [(one, one) for one in right]) <= figure("aurc", [(0.5, one) for one in right]) + 1e-12


@given(answers)
async def test_brier_is_that_of_scikit_learn(given: Answers):
    wanted = case(expected=("cod",))
    brier = metric("brier")
    rows = [
        await brier.row(answered("cod" if right else "eel", wanted, confidence=confidence), NoTools())
        for confidence, right in given
    ]
    ours = brier.figure(np.array(rows))
    assert 0 <= ours <= 1
    truth = [right for _, right in given]
    assert ours == pytest.approx(brier_score_loss(truth, [sure for sure, _ in given], pos_label=1.0, labels=[0.0, 1.0]))


async def test_confidence_counts_where_there_is_an_answer_with_one():
    wanted = case(expected=("cod",), contains=("fresh",))
    unanswerable = case(abstains=True)
    for name in ("aurc", "ece"):
        found = metric(name)
        assert await found.row(answered("fresh cod", wanted, confidence=0.7), NoTools()) == (0.7, 1.0)
        assert await found.row(answered("old cod", wanted, confidence=0.7), NoTools()) == (0.7, 0.0)
        assert await found.row(answered("cod", unanswerable, confidence=0.7), NoTools()) == (0.7, 0.0)
        assert await found.row(answered("cod", wanted, confidence=None), NoTools()) is None
        assert await found.row(answered("cod", wanted, confidence=0.7, abstained=True), NoTools()) is None
        assert await found.row(searched(["a"], wanted), NoTools()) is None
        assert found.score((0.7, 1.0)) is None


async def test_answered_and_refused_are_of_different_cases():
    answered_, refused = metric("answered"), metric("refused")
    asked, unanswerable = case(expected=("cod",)), case(abstains=True)
    assert [answered_.applies(one) for one in (asked, unanswerable)] == [True, False]
    assert [refused.applies(one) for one in (asked, unanswerable)] == [False, True]
    for abstained in (True, False):
        outcome = answered("cod", abstained=abstained)
        assert await answered_.row(outcome, NoTools()) == (float(not abstained),)
        assert await refused.row(outcome, NoTools()) == (float(abstained),)
    assert await answered_.row(searched(["a"], asked), NoTools()) is None
