"""Token vectors in 64 bytes each."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.compact import SCALE, WIDTH, Projection, fitted


def cone(seed: int, count: int, dimensions: int) -> Any:
    """Vectors of length 1 as a network makes them: all near one direction, and most alive in few others."""
    random = np.random.default_rng(seed)
    strength = 1 / (1 + np.arange(dimensions)) ** 0.5
    rows = random.normal(size=(count, dimensions)) * strength
    rows[:, 0] += 3
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@cache
def fit(dimensions: int) -> Projection:
    return fitted(cone(0, 300, dimensions))


def unit(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


@given(st.integers(0, 200), st.sampled_from([8, WIDTH, 100]), st.integers(0, 30))
def test_each_row_is_127_times_a_vector_of_length_one(seed: int, dimensions: int, count: int):
    rows = fit(dimensions).rows(cone(seed + 1, count, dimensions))
    assert rows.dtype == np.int8
    assert rows.shape == (count, min(WIDTH, dimensions))
    lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
    assert np.abs(lengths - SCALE).max(initial=0) <= 0.5 * min(WIDTH, dimensions) ** 0.5  # each number is off by half


@given(st.integers(0, 200), st.sampled_from([WIDTH, 100]))
def test_cosines_are_those_of_the_projected_vectors(seed: int, dimensions: int):
    by, vectors = fit(dimensions), cone(seed + 1, 20, dimensions)
    projected = unit((vectors - by.mean) @ by.basis)
    rows = by.rows(vectors).astype(np.float32) / SCALE
    assert np.abs(rows @ rows.T - projected @ projected.T).max() < 0.03


@pytest.mark.parametrize("dimensions", [5, WIDTH - 1, WIDTH])
def test_where_there_are_fewer_dimensions_nothing_is_lost_but_what_all_have_in_common(dimensions: int):
    known, vectors = cone(1, 400, dimensions), cone(2, 20, dimensions)
    by = fitted(known)
    assert by.basis.shape == (dimensions, dimensions)
    moved = unit(vectors - known.mean(axis=0))
    rows = unit(by.rows(vectors).astype(np.float32))
    assert np.abs(rows @ rows.T - moved @ moved.T).max() < 0.03


def test_the_directions_that_differ_most_are_kept_first():
    known = cone(3, 500, 100)
    by = fitted(known)
    assert by.basis.shape == (100, WIDTH)
    assert by.basis.T @ by.basis == pytest.approx(np.eye(WIDTH), abs=1e-4)
    moved = known - known.mean(axis=0)
    spread = ((moved @ by.basis) ** 2).sum(axis=0)
    assert (np.diff(spread) <= 1e-2).all()
    assert spread.sum() > ((moved @ np.eye(100, dtype=np.float32)[:, :WIDTH]) ** 2).sum()
    assert spread.sum() > 0.8 * (moved**2).sum()


def test_what_all_tokens_share_is_taken_away():
    vectors = cone(4, 300, 100)
    plain = vectors @ vectors.T
    rows = fitted(vectors).rows(vectors).astype(np.float32) / SCALE
    away = ~np.eye(300, dtype=bool)
    assert plain[away].mean() > 0.6
    assert abs(float((rows @ rows.T)[away].mean())) < 0.05


def test_a_vector_that_has_nothing_of_its_own_becomes_zeros():
    by = Projection(np.array([1, 0, 0], np.float32), np.eye(3, 2, dtype=np.float32))
    assert by.rows(np.array([[1, 0, 0], [1, 1, 0]], np.float32)).tolist() == [[0, 0], [0, 127]]


def test_two_fits_of_the_same_vectors_are_equal():
    one, other = fitted(cone(5, 200, 80)), fitted(cone(5, 200, 80))
    assert np.array_equal(one.basis, other.basis)
    assert np.array_equal(one.mean, other.mean)
