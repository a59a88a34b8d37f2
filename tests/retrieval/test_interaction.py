"""Late interaction: the formula, held against the slow way to say it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.compact import SCALE
from ragstone.retrieval.interaction import FLOOR, Asking, interact, rarity, words

WIDE = 8


def rows(seed: int, count: int) -> Any:
    """That many random rows of length 127."""
    numbers = np.random.default_rng(seed).normal(size=(count, WIDE)) + 0.4
    return np.rint(SCALE * numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.int8)


def asking(question: Any, weight: list[float]) -> Asking:
    return Asking(question, weight, frozenset())


def slowly(question: Any, weight: list[float], passage: Any) -> float:
    """The formula, word by word."""
    total = 0.0
    for asked, own in zip(question.astype(float) / SCALE, weight, strict=True):
        best = max((float(asked @ token) for token in passage.astype(float) / SCALE), default=0.0)
        total += own * max(0.0, best - FLOOR) ** 2
    return total / sum(weight) if sum(weight) else 0.0


@given(
    seed=st.integers(0, 1000),
    weight=st.lists(st.just(0.0) | st.floats(0.001, 5), min_size=1, max_size=6),  # of the smallest floats none is left
    lengths=st.lists(st.integers(0, 7), max_size=8),
)
def test_each_word_of_the_question_looks_for_its_best_match(seed: int, weight: list[float], lengths: list[int]):
    question = rows(seed, len(weight))
    passages = [rows(seed + 1 + at, length) for at, length in enumerate(lengths)]
    found = interact(asking(question, weight), passages)
    assert found.tolist() == pytest.approx([slowly(question, weight, one) for one in passages], abs=1e-4)


def test_the_best_score_is_that_of_the_same_words():
    question = rows(1, 4)
    same, other = interact(asking(question, [1.0, 2.0, 0.5, 1.0]), [question[::-1], rows(2, 4)])
    assert same == pytest.approx((1 - FLOOR) ** 2, abs=0.02)
    assert 0 <= other < same


def test_a_word_without_weight_does_not_count():
    question, passage = rows(3, 2), rows(4, 5)
    assert interact(asking(question, [1.0, 0.0]), [passage])[0] == pytest.approx(
        interact(asking(question[:1], [3.0]), [passage])[0]
    )


def test_nothing_asked_or_nothing_there_scores_nothing():
    question, passage, none = rows(5, 2), rows(6, 3), rows(7, 0)
    assert interact(asking(question, [1.0, 1.0]), []).tolist() == []
    assert interact(asking(question, [1.0, 1.0]), [none, none]).tolist() == [0, 0]
    assert interact(asking(question, [0.0, 0.0]), [passage]).tolist() == [0]
    assert interact(asking(none, []), [passage]).tolist() == [0]
    first, middle, last = interact(asking(question, [1.0, 1.0]), [passage, none, passage])
    assert first == last > middle == 0


@pytest.mark.parametrize(
    ("text", "ranges", "expected"),
    [
        ("soft ferrites", [(0, 4), (5, 10), (10, 13)], ["soft", "ferrites", "ferrites"]),
        ("a x3b?", [(0, 1), (2, 3), (3, 4), (4, 5), (5, 6)], ["a", "x3b", "x3b", "x3b", ""]),
        ("non-stick", [(0, 3), (3, 4), (4, 9)], ["non", "", "stick"]),
        ("Größe …", [(0, 5), (6, 7)], ["Größe", ""]),
        ("比目鱼", [(0, 1), (1, 2), (2, 3)], ["比目鱼"] * 3),
        ("", [], []),
        ("x y", [(0, 0), (0, 1), (1, 3)], ["", "x", "y"]),  # some tokenizers count the space before a word
    ],
)
def test_a_piece_stands_for_its_whole_word(text: str, ranges: list[tuple[int, int]], expected: list[str]):
    assert words(text, ranges) == expected


def test_a_rare_word_weighs_more_and_none_weighs_less_than_nothing():
    weights = [rarity(frequency, 1000) for frequency in (0, 1, 10, 500, 1000)]
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0
    assert rarity(10, 1000) == pytest.approx(math.log(1 + 990.5 / 10.5))
    assert rarity(7, 3) == rarity(7, 7) > 0  # counted at two moments
