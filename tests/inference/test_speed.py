"""How fast a model has been of late."""

from __future__ import annotations

import pytest

from ragstone.inference.speed import Speed


def test_nothing_is_expected_before_the_first_call() -> None:
    assert Speed().expected(100) is None


def test_the_first_word_and_the_pace_make_up_what_an_answer_takes() -> None:
    speed = Speed()
    speed.note(first=0.5, tokens=100, seconds=2.0)
    assert speed.expected(200) == pytest.approx(0.5 + 4.0)


def test_new_calls_move_the_averages() -> None:
    speed = Speed()
    speed.note(first=1.0, tokens=100, seconds=1.0)
    speed.note(first=2.0, tokens=200, seconds=1.0)
    assert (speed.first, speed.tokens) == (pytest.approx(1.2), pytest.approx(120.0))
    for _ in range(40):
        speed.note(first=2.0, tokens=200, seconds=1.0)
    assert speed.first == pytest.approx(2.0, rel=1e-3)


def test_what_came_at_once_is_taken_for_a_whole_call() -> None:
    speed, whole = Speed(), Speed()
    speed.note(first=1.0, tokens=50, seconds=0.0)
    whole.whole(tokens=50, seconds=1.0)
    assert speed == whole
    assert speed.expected(50) == pytest.approx(1.0)
