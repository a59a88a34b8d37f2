"""What abstaining is worth: shares, the risk/coverage curve and its area."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.evaluation.abstaining import Abstaining, Asked, spread
from ragstone.evaluation.datasets.layouts import Question
from ragstone.evaluation.plots.abstaining import drawn
from ragstone.evaluation.plots.confidence import binned, calibration_error
from ragstone.evaluation.plots.confidence import drawn as drawn_confidence


def asked(probability: float, *, there: bool, right: bool = False, threshold: float = 0.5) -> Asked:
    return Asked("q", there, probability, answered=probability >= threshold, right=right)


FOUR = Abstaining(
    language="en",
    asked=(
        asked(0.9, there=True, right=True),
        asked(0.2, there=False),
        asked(0.6, there=True),
        asked(0.7, there=False),
    ),
)


def test_shares_are_of_the_questions_with_their_passage_and_of_those_without():
    assert (FOUR.answered, FOUR.refused, FOUR.right) == (1.0, 0.5, 0.5)
    assert (FOUR.shipped.threshold, FOUR.shipped.coverage, FOUR.shipped.risk) == (0.6, 0.75, 2 / 3)


def test_the_curve_goes_from_the_surest_answer_to_all_of_them():
    assert [(one.threshold, one.coverage) for one in FOUR.curve] == [(0.9, 0.25), (0.7, 0.5), (0.6, 0.75), (0.2, 1.0)]
    assert [round(one.risk, 3) for one in FOUR.curve] == [0.0, 0.5, 0.667, 0.75]
    assert FOUR.aurc == pytest.approx((0 + 1 / 2 + 2 / 3 + 3 / 4) / 4)
    assert FOUR.least_aurc == FOUR.aurc  # the one right answer is the surest
    assert FOUR.chance_aurc == 0.75


def test_answers_of_one_probability_go_together():
    same = Abstaining(language="", asked=(asked(0.9, there=True, right=True), asked(0.9, there=False)))
    assert [(one.coverage, one.risk) for one in same.curve] == [(1.0, 0.5)]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_no_order_is_better_than_the_best(rows: list[tuple[float, bool, bool]]):
    every = tuple(asked(probability, there=there, right=there and right) for probability, there, right in rows)
    found = Abstaining(language="", asked=every)
    assert found.least_aurc <= found.aurc + 1e-9 <= 1 + 1e-9
    assert found.curve[-1].coverage == 1.0
    assert found.curve[-1].risk == pytest.approx(found.chance_aurc)
    coverages = [one.coverage for one in found.curve]
    assert coverages == sorted(set(coverages))


def test_a_long_curve_is_printed_in_part_with_its_end():
    many = Abstaining(language="", asked=tuple(asked(at / 1000, there=at % 2 == 0) for at in range(1000)))
    curve = many.as_dict()["curve"]
    assert len(curve) <= 102
    assert (curve[0]["coverage"], curve[-1]["coverage"]) == (0.001, 1.0)


@given(st.integers(1, 40), st.integers(1, 50))
def test_a_limit_takes_as_many_questions_spread_over_all(count: int, limit: int):
    every = [Question(str(at), "?") for at in range(count)]
    taken = spread(every, limit)
    assert len(taken) == min(count, limit)
    assert len({one.id for one in taken}) == len(taken)
    assert spread(every, None) == every
    assert [int(one.id) for one in taken] == sorted(int(one.id) for one in taken)


def test_pictures_name_their_series():
    svg = drawn({"en": FOUR, "zh": FOUR}, title="a title").svg()
    assert all(words in svg for words in ("a title", "en 0.479", "zh 0.479", "answers that are wrong"))
    bins = binned([(0.1, 0.0), (0.9, 1.0), (1.0, 1.0)])
    assert [one.count for one in bins] == [1, 2]
    assert calibration_error(bins) == pytest.approx((0.1 + 2 * 0.05) / 3)
    assert "said: ECE 0.067" in drawn_confidence({"said": bins}, title="b").svg()
