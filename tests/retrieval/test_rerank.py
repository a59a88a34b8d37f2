"""Old scores and new ones joined, and scores smoothed over neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.retrieval.rerank import NEIGHBOURS, mixed, smoothed

numbers = st.integers(-1000, 1000).map(lambda n: n / 10)


def unit(seed: int, count: int, wide: int = 6) -> Any:
    """Random rows of length 1, most of them near each other."""
    rows = np.random.default_rng(seed).normal(size=(count, wide)).astype(np.float32) + 0.5
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_both_scores_are_stretched_and_weighed():
    assert mixed([3.0, 2.0, 1.0], [0.1, 0.9, 0.5], weight=0.4) == pytest.approx([0.6, 0.7, 0.2])


def test_a_candidate_that_was_not_read_counts_as_the_worst():
    assert mixed([3.0, 2.0, 1.0], [0.1, 0.9], weight=0.6) == [0.4, 0.8, 0.0]
    assert mixed([3.0, 1.0], [], weight=0.5) == [0.5, 0.0]


def test_equal_scores_all_count_as_the_best():
    assert mixed([7.0, 7.0], [0.2, 0.2], weight=0.3) == [1.0, 1.0]
    assert mixed([], [], weight=0.3) == []


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12), st.floats(0, 1))
def test_mixed_scores_lie_between_their_two_parts(pairs: list[tuple[float, float]], weight: float):
    before, scores = [old for old, _ in pairs], [new for _, new in pairs]
    only_old, only_new = mixed(before, scores, weight=0), mixed(before, scores, weight=1)
    for old, new, both in zip(only_old, only_new, mixed(before, scores, weight=weight), strict=True):
        assert 0 <= min(old, new) <= max(old, new) <= 1
        assert min(old, new) - 1e-9 <= both <= max(old, new) + 1e-9


@given(st.lists(numbers, min_size=2, max_size=12, unique=True), st.floats(0.1, 50), numbers)
def test_the_scale_of_a_reranker_does_not_matter(scores: list[float], factor: float, shift: float):
    before = list(range(len(scores), 0, -1))
    moved = [score * factor + shift for score in scores]
    assert mixed(before, scores, weight=0.4) == pytest.approx(mixed(before, moved, weight=0.4), abs=1e-6)


def slowly(scores: list[float], rows: Any, weight: float) -> list[float]:
    """The formula, one candidate after the other."""
    found: list[float] = []
    for at, own in enumerate(scores):
        others = sorted((o for o in range(len(scores)) if o != at), key=lambda o: -float(rows[at] @ rows[o]))
        near = {o: max(0.0, float(rows[at] @ rows[o])) ** 2 for o in others[:NEIGHBOURS]}
        around = sum(near[o] * scores[o] for o in near) / sum(near.values()) if sum(near.values()) else 0.0
        found.append((1 - weight) * own + weight * around)
    return found


@given(st.integers(0, 500), st.integers(2, 30), st.floats(0, 1))
def test_a_score_moves_towards_those_of_the_ten_nearest_others(seed: int, count: int, weight: float):
    scores = np.random.default_rng(seed).random(count).tolist()
    rows = unit(seed, count)
    assert smoothed(scores, rows, weight=weight) == pytest.approx(slowly(scores, rows, weight), abs=1e-4)


def test_a_neighbour_of_good_ones_gains_and_a_lonely_one_loses():
    rows = np.array([[1, 0], [0.8, 0.6], [0, -1]], np.float32)
    best, neighbour, lonely = smoothed([1.0, 0.5, 0.5], rows, weight=0.4)
    assert neighbour > 0.5 > lonely
    assert best == pytest.approx(0.6 * 1.0 + 0.4 * 0.5)
    assert lonely == pytest.approx(0.6 * 0.5)  # what points elsewhere is no neighbour


def test_one_alone_keeps_its_score():
    assert smoothed([0.7], unit(1, 1), weight=0.4) == [0.7]
    assert smoothed([], unit(1, 0), weight=0.4) == []


def test_without_a_vector_there_is_nothing_to_smooth_by():
    rows = np.stack([*unit(2, 3), np.zeros(6, np.float32)])
    found = smoothed([0.9, 0.8, 0.7, 0.5], rows, weight=0.5)
    assert found[3] == pytest.approx(0.25)
    assert found[:3] == pytest.approx(smoothed([0.9, 0.8, 0.7], rows[:3], weight=0.5))
