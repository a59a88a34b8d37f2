"""Tests of two samples, held against known answers, the slow way, and their own error rate."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragstone.evaluation.two_samples import alike, energy, far, groups, holm, shift, stability

Floats = NDArray[np.float64]
NUMBERS = st.lists(st.floats(-100, 100), min_size=3, max_size=12)


def unit(rows: Floats) -> Floats:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cloud(count: int, *, seed: int, moved: float = 0.0, dimensions: int = 8) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(count, dimensions))
    rows[:, 0] += moved
    return unit(rows)


def slowly(before: Floats, now: Floats) -> float:
    def mean(some: Floats, others: Floats) -> float:
        return float(np.mean([np.linalg.norm(one - other) for one in some for other in others]))

    across = mean(before, now)
    return (2 * across - mean(before, before) - mean(now, now)) / (2 * across)


# ── The distance of two clouds ──────────────────────────────────────────────────────────────────────────────────────


def test_the_energy_distance_is_what_its_definition_says():
    before, now = cloud(7, seed=1), cloud(5, seed=2, moved=2.0)
    assert energy(before, now)[0] == pytest.approx(slowly(before, now))


def test_the_same_points_are_no_distance_apart_and_two_single_places_are_wholly():
    points = cloud(20, seed=1)
    assert energy(points, points) == (pytest.approx(0, abs=1e-12), 1.0)
    assert energy(np.zeros((5, 2)), np.zeros((6, 2))) == (0.0, 1.0)
    apart, p = energy(np.tile([1.0, 0.0], (9, 1)), np.tile([0.0, 1.0], (9, 1)))
    assert apart == pytest.approx(1.0)
    assert p == pytest.approx(0.001, abs=0.002)


@settings(max_examples=30)
@given(first=st.integers(2, 12), second=st.integers(2, 12), seed=st.integers(0, 99))
def test_the_order_of_the_samples_and_of_their_points_does_not_count(first: int, second: int, seed: int):
    before, now = cloud(first, seed=seed), cloud(second, seed=seed + 1)
    assert energy(before, now)[0] == pytest.approx(energy(now[::-1], before)[0])


def test_of_one_distribution_one_in_twenty_is_flagged_and_a_moved_one_is_found():
    pairs = [(cloud(25, seed=2 * n), cloud(30, seed=2 * n + 1)) for n in range(200)]
    flagged = sum(energy(*pair, seed=n)[1] <= 0.05 for n, pair in enumerate(pairs))
    assert 2 <= flagged <= 20  # 10 are expected; both bounds are beyond 99.5 % of a binomial
    moved = [(cloud(25, seed=2 * n), cloud(30, seed=2 * n + 1, moved=1.5)) for n in range(30)]
    assert sum(energy(*pair, seed=n)[1] <= 0.05 for n, pair in enumerate(moved)) >= 27


def test_of_a_large_sample_as_many_are_drawn_as_fit():
    before = cloud(1_500, seed=1, dimensions=3)
    assert energy(before, cloud(40, seed=2, dimensions=3))[1] > 0.05
    assert energy(before, cloud(40, seed=2, moved=2.0, dimensions=3))[1] <= 0.05


# ── The difference of two means ─────────────────────────────────────────────────────────────────────────────────────


def test_the_difference_its_interval_and_its_p():
    found = shift([1.0] * 10 + [2.0] * 10, [2.0] * 10 + [3.0] * 10)
    assert (found.before, found.now, found.difference) == (1.5, 2.5, 1.0)
    assert found.interval[0] < 1.0 < found.interval[1]
    assert found.interval[0] > 0.5
    assert found.p <= 0.005


def test_p_is_that_of_all_exchanges():
    before, now = [0.1, 0.4, 0.3, 0.9], [1.1, 0.8, 1.6]
    every = [*before, *now]
    apart = [
        abs(sum(drawn) / 3 - (sum(every) - sum(drawn)) / 4) >= shift(before, now).difference - 1e-9
        for drawn in combinations(every, 3)
    ]
    assert shift(before, now).p == pytest.approx(np.mean(apart), abs=0.03)


def test_the_interval_of_two_shares_is_newcombes():
    """His first example: 56 of 70 and 48 of 80."""
    found = shift([1.0] * 48 + [0.0] * 32, [1.0] * 56 + [0.0] * 14)
    assert found.interval == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    none = shift([0.0] * 20, [0.0] * 20)
    assert none.interval[0] < -0.1 < 0.1 < none.interval[1]
    assert none.p == 1


def test_one_in_twenty_differences_is_flagged_without_any():
    random = np.random.default_rng(7)
    drawn = [(random.exponential(size=20), random.exponential(size=35)) for _ in range(200)]
    flagged = sum(shift(a.tolist(), b.tolist(), seed=n).p <= 0.05 for n, (a, b) in enumerate(drawn))
    assert 2 <= flagged <= 20


def test_what_is_detectable_is_seen_in_four_of_five_samples():
    random = np.random.default_rng(3)
    size = shift(random.normal(size=4_000).tolist(), random.normal(size=4_000).tolist()).detectable
    each = size * math.sqrt(4_000 / 40)
    drawn = [(random.normal(size=40).tolist(), random.normal(each, size=40).tolist()) for _ in range(100)]
    assert 68 <= sum(shift(a, b, seed=n).p <= 0.05 for n, (a, b) in enumerate(drawn)) <= 91


@settings(max_examples=30)
@given(before=NUMBERS, now=NUMBERS)
def test_the_other_way_round_the_difference_has_the_other_sign(before: list[float], now: list[float]):
    one, other = shift(before, now), shift(now, before)
    assert one.difference == -other.difference
    assert one.interval[0] <= one.difference + 1e-6
    assert one.interval[1] >= one.difference - 1e-6
    assert 0 < one.p <= 1


# ── How stable a population is ──────────────────────────────────────────────────────────────────────────────────────


def test_the_stability_index_of_known_shares():
    before = [float(n) for n in range(1_000)]
    now = [n / 2 for n in before]
    index, chance = stability(before, now)  # the lower five tenths hold twice their share, the upper none
    full, empty = (200.5 / 1005, 0.5 / 1005)
    usual = 100.5 / 1005
    assert index == pytest.approx(
        5 * ((full - usual) * math.log(full / usual) + (empty - usual) * math.log(empty / usual)), abs=0.02
    )
    assert chance == pytest.approx(9 * 2 / 1_000)
    assert stability(before, before)[0] == 0


def test_without_a_change_it_is_what_chance_gives_on_average():
    random = np.random.default_rng(5)
    drawn = [stability(random.normal(size=100).tolist(), random.normal(size=150).tolist()) for _ in range(200)]
    assert np.mean([index for index, _ in drawn]) == pytest.approx(drawn[0][1], rel=0.15)


def test_few_values_make_few_bins():
    assert stability([0.0] * 30, [0.0] * 30)[0] == 0
    assert stability([0.0] * 15 + [1.0] * 15, [1.0] * 30)[0] > 0.25


@given(before=NUMBERS, now=NUMBERS)
def test_the_stability_index_is_never_negative(before: list[float], now: list[float]):
    assert stability(before, now)[0] >= 0
    assert math.isfinite(stability(before, now)[0])


# ── Many tests at once ──────────────────────────────────────────────────────────────────────────────────────────────


def test_holms_correction_of_a_known_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(ps=st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_keeps_the_order_and_lies_between_nothing_and_bonferroni(ps: list[float]):
    found = holm(ps)
    for p, adjusted in zip(ps, found, strict=True):
        assert p <= adjusted <= min(1.0, p * len(ps)) + 1e-9
    ranked = [adjusted for _, adjusted in sorted(zip(ps, found, strict=True))]
    assert ranked == sorted(ranked)


# ── Points that are far ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_threshold_is_the_95th_percentile_of_the_nearest_other_point():
    before = cloud(39, seed=1)
    found = far(before, cloud(10, seed=2))
    rows = list(before)
    nearest = sorted(1 - max(float(one @ other) for other in rows if other is not one) for one in rows)
    assert found.threshold == pytest.approx(nearest[37])  # the 38th of 39: 0.95 * 40
    assert found.expected == pytest.approx(2 / 40)


def test_far_points_are_those_beyond_it():
    before = unit(np.array([[1.0, 0.01 * n] for n in range(30)]))
    found = far(before, np.concatenate([before[:3], [[0.0, 1.0]], [[-1.0, 0.0]]]))
    assert found.places == (3, 4)
    assert found.share == 0.4
    assert found.distances[0] == pytest.approx(0)
    assert found.interval[0] < 0.4 < found.interval[1]
    assert found.p < 0.02


def test_no_far_point_has_a_p_of_one():
    before = cloud(20, seed=1)
    assert far(before, before).p == 1


def test_of_one_distribution_few_are_flagged_for_far_points_and_a_new_topic_is():
    """It is no more than a little beyond its rate, and mostly below: each point of before has one neighbour less."""
    pairs = [(cloud(60, seed=2 * n), cloud(50, seed=2 * n + 1)) for n in range(300)]
    found = [far(*pair) for pair in pairs]
    assert np.mean([one.share for one in found]) == pytest.approx(found[0].expected, abs=0.015)
    assert sum(one.p <= 0.05 for one in found) <= 25  # 15 are expected
    topic = unit(np.eye(8)[:1] * -6 + 0.1 * np.random.default_rng(0).normal(size=(8, 8)))
    narrow = [unit(cloud(60, seed=n) + 2 * np.eye(8)[0]) for n in range(20)]
    usual = [unit(cloud(42, seed=n + 99) + 2 * np.eye(8)[0]) for n in range(20)]
    added = [far(one, np.concatenate([other, topic])) for one, other in zip(narrow, usual, strict=True)]
    assert all(set(range(42, 50)) <= set(one.places) for one in added)
    assert sum(one.p <= 0.05 for one in added) >= 18


def test_far_points_are_grouped_by_steps_and_the_middle_comes_first():
    angles = np.radians([0, 10, 20, 90, 91, 180])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert groups(points, within=1 - math.cos(math.radians(11))) == [[1, 0, 2], [3, 4], [5]]
    assert groups(points[:0], within=0.1) == []


@given(count=st.integers(0, 15), within=st.floats(0, 2), seed=st.integers(0, 20))
def test_every_point_is_in_one_group(count: int, within: float, seed: int):
    found = groups(cloud(count, seed=seed, dimensions=3), within=within) if count else []
    assert sorted(place for members in found for place in members) == list(range(count))
    assert [len(members) for members in found] == sorted((len(members) for members in found), reverse=True)


def test_one_value_alone_cannot_change():
    assert alike([0.0, 0.0], [0.0])
    assert not alike([0.0], [0.1])
