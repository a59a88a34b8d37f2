"""The pictures of a report."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.evaluation.reports.page import DARK
from ragstone.evaluation.reports.pictures import pictures
from ragstone.evaluation.reports.pictures.axes import across, shortened
from ragstone.evaluation.reports.pictures.curves import trusted
from ragstone.evaluation.reports.shown import of_run, of_two
from sample_runs import ALL, METRICS, case, mixed, outcome, run


def test_a_run_has_figures_tags_latency_and_what_its_confidence_is_worth() -> None:
    shown = of_run(run(mixed(60, 0.7)), ALL)
    assert [one.heading for one in pictures(shown)] == [
        "Figures",
        "Figures in USD",
        "Figures in s",
        "contained by tag",
        "Latency",
        "Risk and coverage",
        "Reliability",
    ]


def test_two_runs_have_differences_as_well() -> None:
    before, after = run(mixed(60, 0.5), name="a-1"), run(mixed(60, 0.9, seed=1), name="a-2")
    found = pictures(of_two(before, after, METRICS, pipelines=("answer", "answer")))
    (drawn,) = [one for one in found if one.heading == "Differences"]
    assert ">better</text>" in drawn.canvas.svg()


def test_what_has_not_changed_has_no_picture_of_differences() -> None:
    same = mixed(20, 0.5)
    found = pictures(of_two(run(same, name="a-1"), run(same, name="a-2"), METRICS, pipelines=("answer", "answer")))
    assert not [one for one in found if one.heading.startswith("Differences")]


def test_every_color_has_one_for_a_dark_screen() -> None:
    before, after = run(mixed(60, 0.5), name="a-1"), run(mixed(60, 0.9, seed=1), name="a-2")
    svg = "".join(one.canvas.svg() for one in pictures(of_two(before, after, METRICS, pipelines=("answer", "answer"))))
    used = set(re.findall(r"(?:fill|stroke)=\"(#[0-9a-f]{6})\"", svg))
    assert len(used) > 5
    assert used <= DARK.keys()


def test_answers_without_confidence_have_no_curve() -> None:
    silent = [replace(one, answer={**one.answer, "confidence": None}) for one in mixed(30, 0.5)]
    headings = [one.heading for one in pictures(of_run(run(silent), METRICS))]
    assert "Reliability" not in headings
    assert "Risk and coverage" not in headings


def test_an_answer_that_should_not_be_given_is_wrong() -> None:
    right, wrong = outcome(case(1)), outcome(case(2, expected=(), abstains=True), rows={})
    unknown = outcome(case(3, expected=()), rows={})
    shown = of_run(run([right, wrong, unknown]), METRICS)
    assert [right for _, right in trusted(shown, shown.sides[0])] == [True, False]


def test_a_run_of_nothing_has_no_picture() -> None:
    assert pictures(of_run(run([]), METRICS)) == []


@given(
    st.lists(st.floats(-1e6, 1e6).filter(lambda value: not value or abs(value) > 1e-6), min_size=1, max_size=8),
    st.booleans(),
)
def test_an_axis_covers_its_values_in_their_order(values: list[float], log: bool) -> None:
    scale = across(values, 100, 400, log=log)
    places = [scale.place(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(100 <= place <= 400 for place in places)
    assert list(scale.marks) == sorted(set(scale.marks))
    assert len(scale.marks) >= 2


@pytest.mark.parametrize(
    ("text", "width", "shown"), [("short", 100, "short"), ("a long name", 40, "a lon…"), ("", 5, "")]
)
def test_a_label_is_cut_to_its_room(text: str, width: float, shown: str) -> None:
    assert shortened(text, width) == shown
