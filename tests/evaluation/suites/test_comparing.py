"""Figures of a run, and what has changed from one to another."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.evaluated import MIDDLE, RIGHT, outcome

from ragstone.errors import UsageError
from ragstone.evaluation.compare import permuted
from ragstone.evaluation.suites.comparing import compare
from ragstone.evaluation.suites.figures import column, figures, scores


def test_a_case_counts_once_however_often_it_was_asked():
    found = figures([RIGHT], [outcome("a", 1), *(outcome("b", 0, repeat=at) for at in range(9))])["right"]
    assert (found.value, found.cases, found.missed) == (0.5, 2, 0)


def test_the_spread_is_that_between_repeats_of_one_case():
    same = figures([RIGHT], [outcome("a", 1), outcome("a", 1, repeat=1), outcome("b", 0), outcome("b", 0, repeat=1)])
    assert same["right"].spread == 0
    moved = figures([RIGHT], [outcome("a", 1), outcome("a", 0, repeat=1)])["right"]
    assert moved.spread == pytest.approx(np.std([1, 0], ddof=1))
    assert figures([RIGHT], [outcome("a", 1)])["right"].spread is None


def test_a_figure_that_is_no_mean_is_of_all_rows():
    many = [outcome(str(at), value, metric=MIDDLE) for at, value in enumerate((1, 2, 9))]
    found = figures([MIDDLE], many)["middle"]
    assert found.value == 2
    assert 1 <= found.interval[0] <= 2 <= found.interval[1] <= 9


def test_a_metric_without_a_row_has_no_figure():
    assert figures([RIGHT, MIDDLE], [outcome("a", 1)]).keys() == {"right"}


@given(st.dictionaries(st.text("abc", min_size=1), st.lists(st.floats(0, 1), min_size=1, max_size=3), min_size=1))
def test_a_mean_is_that_of_the_scores(rows: dict[str, list[float]]):
    outcomes = [outcome(case, value, repeat=at) for case, values in rows.items() for at, value in enumerate(values)]
    known = scores(RIGHT, outcomes)
    assert figures([RIGHT], outcomes)["right"].value == pytest.approx(np.mean(list(known.values())))
    assert column(RIGHT, outcomes).value(list(rows)) == pytest.approx(np.mean(list(known.values())))


def test_a_gain_is_told_with_the_questions_that_flipped():
    before = [outcome(str(at), float(at >= 10), tags=("even",) if at % 2 == 0 else ()) for at in range(20)]
    after = [outcome(str(at), 1.0 if at != 19 else 0.0, tags=("even",) if at % 2 == 0 else ()) for at in range(20)]
    found = compare([RIGHT], before, after)
    change = found.changes["right"]
    assert (change.before, change.after, found.cases) == (0.5, 0.95, 20)
    assert change.difference.mean == pytest.approx(0.45)
    assert (change.difference.better, change.difference.worse, change.verdict) == (10, 1, "better")
    assert [flip.case for flip in found.flips if flip.gained] == [str(at) for at in range(10)]
    assert [(flip.case, flip.said_before, flip.said_after) for flip in found.flips if not flip.gained] == [
        ("19", "It is 1.0.", "It is 0.0.")
    ]
    assert found.tags["even"]["right"].difference.questions == 10


def test_less_is_better_where_the_metric_says_so():
    before = [outcome(str(at), 2.0 + at / 10, metric=MIDDLE) for at in range(12)]
    after = [outcome(str(at), 1.0 + at / 10, metric=MIDDLE) for at in range(12)]
    found = compare([MIDDLE], before, after)
    assert found.changes["middle"].verdict == "better"
    assert found.changes["middle"].difference.mean == pytest.approx(-1)
    assert found.flips == []


def test_only_cases_of_both_are_compared():
    found = compare([RIGHT], [outcome("a", 0), outcome("b", 0)], [outcome("b", 1), outcome("c", 1)])
    assert (found.cases, list(found.left_out), found.changes["right"].before) == (1, ["a", "c"], 0)
    with pytest.raises(UsageError, match="no case in common"):
        compare([RIGHT], [outcome("a", 0)], [outcome("b", 0)])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=10), st.sampled_from([RIGHT, MIDDLE]))
def test_two_equal_runs_differ_by_nothing_and_the_way_back_is_the_opposite(pairs: list[tuple[float, float]], metric):
    before = [outcome(str(at), one, metric=metric) for at, (one, _) in enumerate(pairs)]
    after = [outcome(str(at), two, metric=metric) for at, (_, two) in enumerate(pairs)]
    same = compare([metric], before, before).changes[metric.name].difference
    assert (same.mean, same.better, same.worse, same.permuted) == (0, 0, 0, 1)
    there, back = (
        compare([metric], *way).changes[metric.name].difference for way in ((before, after), (after, before))
    )
    assert there.mean == pytest.approx(-back.mean)
    assert (there.better, there.worse) == (back.worse, back.better)


@given(st.lists(st.floats(-1, 1).map(lambda one: round(one, 2)), min_size=1, max_size=9))
def test_few_differences_are_exchanged_in_every_way(differences: list[float]):
    each = np.asarray(differences)
    ways = [abs(float(np.dot(signs, each))) for signs in product((1, -1), repeat=len(each))]
    as_far = sum(way >= abs(each.sum()) - 1e-9 for way in ways) / len(ways)
    assert permuted(each) == pytest.approx(as_far)


def test_many_differences_are_exchanged_by_lot():
    each = np.asarray([0.2, -0.1] * 30)
    drawn = np.random.default_rng(7).choice([-1.0, 1.0], (200_000, 60)) @ each
    assert permuted(each) == pytest.approx(float(np.mean(np.abs(drawn) >= 3 - 1e-9)), abs=0.01)
