"""Spherical k-means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.text.clusters import APART, assigned, clustered, moved


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cloud(seed: int, n: int, dimensions: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(n, dimensions)))


def islands(seed: int, groups: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around axes that stand at right angles, and the axis of each."""
    lot = np.random.default_rng(seed)
    truth = np.repeat(np.arange(groups), each)
    return unit(np.eye(groups + 1)[truth] + lot.normal(scale=0.05, size=(len(truth), groups + 1))), truth


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


clouds = st.builds(cloud, st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 6))


@given(rows=clouds, k=st.integers(1, 12), seed=st.integers(0, 100))
@settings(deadline=None)
def test_each_row_stands_with_its_nearest_centre_and_no_cluster_is_empty(rows: np.ndarray, k: int, seed: int) -> None:
    found = clustered(rows, k=k, seed=seed, starts=2)
    cosines = rows @ found.centers.T
    likest = (rows @ rows.T - 2 * np.eye(len(rows))).max()
    assert len(found.centers) == min(k, len(rows)) or 1 - likest <= APART, "where all rows differ"
    assert np.allclose(cosines[np.arange(len(rows)), found.labels], cosines.max(axis=1))
    assert np.allclose(found.distances, 1 - cosines.max(axis=1), atol=1e-9)
    assert np.allclose(np.linalg.norm(found.centers, axis=1), 1)
    sizes = np.bincount(found.labels, minlength=len(found.centers))
    assert sizes.min() > 0
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True), "the largest first"


@given(rows=clouds, starts=st.lists(st.integers(0, 59), min_size=1, max_size=8), rounds=st.integers(1, 6))
@settings(deadline=None)
def test_no_round_makes_the_inertia_grow(rows: np.ndarray, starts: list[int], rounds: int) -> None:
    """Also from centres that are equal, so that some stand empty, and from rows that cancel each other out."""
    rows = np.concatenate([rows, -rows[: len(rows) // 2]])
    centers = rows[[place % len(rows) for place in starts]]
    labels, cosines = assigned(rows, centers)
    for _ in range(rounds):
        centers = moved(rows, labels, cosines, centers)
        before = cosines.sum()
        labels, cosines = assigned(rows, centers)
        assert cosines.sum() >= before - 1e-9 * len(rows)


@given(seed=st.integers(0, 1000), groups=st.integers(1, 8), each=st.integers(1, 9), lot=st.randoms())
@settings(deadline=None)
def test_what_is_far_apart_is_told_apart_in_any_order(seed: int, groups: int, each: int, lot: object) -> None:
    rows, truth = islands(seed, groups, each)
    order = np.random.default_rng(lot.randrange(10**6)).permutation(len(rows))  # type: ignore[attr-defined]
    found = clustered(rows, k=groups, seed=seed)
    assert partition(found.labels) == partition(truth)
    assert (clustered(rows[order], k=groups, seed=seed).labels == found.labels[order]).all()


@given(rows=clouds, k=st.integers(1, 8), seed=st.integers(0, 50))
@settings(deadline=None)
def test_the_order_of_the_rows_and_another_run_change_nothing(rows: np.ndarray, k: int, seed: int) -> None:
    found = clustered(rows, k=k, seed=seed, starts=2)
    again = clustered(rows[::-1].copy(), k=k, seed=seed, starts=2)
    assert (again.labels[::-1] == found.labels).all()
    assert (clustered(rows, k=k, seed=seed, starts=2).centers == found.centers).all()


def test_an_empty_centre_becomes_the_point_that_is_farthest_from_its_own() -> None:
    rows = unit(np.array([[1.0, 0.0], [0.99, 0.1], [0.0, 1.0]]))
    centers = np.array([[1.0, 0.0], [-1.0, 0.0]])
    labels, cosines = assigned(rows, centers)
    assert labels.tolist() == [0, 0, 0]
    assert moved(rows, labels, cosines, centers)[1].tolist() == rows[2].tolist()


def test_rows_that_are_equal_make_fewer_clusters() -> None:
    rows = unit(np.array([[1.0, 0.0]] * 5 + [[0.0, 1.0]] * 2))
    found = clustered(rows, k=4)
    assert found.labels.tolist() == [0] * 5 + [1] * 2
    assert len(found.centers) == 2
    assert found.inertia == pytest.approx(0, abs=1e-9)


def test_the_members_come_nearest_to_the_centre_first() -> None:
    found = clustered(cloud(3, 40, 5), k=3)
    for cluster in range(3):
        distances = found.distances[found.members(cluster)]
        assert (np.diff(distances) >= 0).all()
    assert sorted(place for cluster in range(3) for place in found.members(cluster)) == list(range(40))


def test_the_best_of_several_starts_counts() -> None:
    rows = cloud(1, 200, 8)
    assert clustered(rows, k=9, starts=10).inertia <= min(clustered(rows, k=9, starts=n).inertia for n in (1, 3))
