"""The paired bootstrap, and the files that it compares."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import UsageError
from ragstone.evaluation.compare import compared, paired, read_figures

FIGURES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40)


def test_the_same_gain_on_every_question_is_beyond_doubt() -> None:
    found = paired([0.1 * number for number in range(8)], [0.1 * number + 0.2 for number in range(8)])
    assert found.mean == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.2, 0.2))
    assert found.gained
    assert (found.better, found.worse, found.questions) == (8, 0, 8)
    assert found.p < 0.001


def test_as_many_better_as_worse_is_luck() -> None:
    found = paired([0.0, 1.0] * 20, [1.0, 0.0] * 20)
    assert not found.gained
    assert not found.lost
    assert found.interval[0] < 0 < found.interval[1]
    assert found.p > 0.9


def test_nothing_changed_is_no_gain() -> None:
    found = paired([0.3, 0.7], [0.3, 0.7])
    assert (found.mean, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)
    assert not found.gained
    assert not found.lost


def test_the_interval_is_that_of_the_normal_distribution_for_many_questions() -> None:
    before, after = [0.0] * 1000, [1.0] * 600 + [0.0] * 400
    low, high = paired(before, after).interval
    width = 1.96 * (0.6 * 0.4 / 1000) ** 0.5
    assert low == pytest.approx(0.6 - width, abs=0.005)
    assert high == pytest.approx(0.6 + width, abs=0.005)


@given(FIGURES)
def test_turned_round_the_difference_turns_its_sign(pairs: list[tuple[float, float]]) -> None:
    before, after = [one for one, _ in pairs], [other for _, other in pairs]
    there, back = paired(before, after), paired(after, before)
    assert back.mean == pytest.approx(-there.mean)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert back.p == pytest.approx(there.p)


def test_no_question_is_refused() -> None:
    with pytest.raises(UsageError, match="no question"):
        paired([], [])


def test_each_figure_of_two_runs_is_compared_by_question() -> None:
    before = {"q1": {"ndcg@10": 0.0, "mrr@10": 0.5}, "q2": {"ndcg@10": 1.0, "mrr@10": 0.5}}
    after = {"q2": {"ndcg@10": 1.0, "mrr@10": 0.5}, "q1": {"ndcg@10": 1.0, "mrr@10": 0.5}}
    found = compared(before, after)
    assert found["ndcg@10"].mean == 0.5
    assert found["mrr@10"].mean == 0.0


def test_runs_with_other_questions_are_not_compared() -> None:
    with pytest.raises(UsageError, match="the question 'q2' is not there"):
        compared({"q1": {"a": 1.0}}, {"q1": {"a": 1.0}, "q2": {"a": 0.0}})
    with pytest.raises(UsageError, match="no figure in common"):
        compared({"q1": {"a": 1.0}}, {"q1": {"b": 1.0}})


@pytest.mark.parametrize("line", ["{", "[1]", '{"ndcg@10": 1}', '{"id": "q1", "ndcg@10": "high"}'])
def test_a_line_that_holds_no_figures_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "q0", "ndcg@10": 0.5}\n' + line + "\n")
    with pytest.raises(UsageError, match=r"a\.jsonl:2"):
        read_figures(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_figures(tmp_path / "none.jsonl")
