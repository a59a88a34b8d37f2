"""Intervals of means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.evaluation.resampling import interval, resampled


@given(st.lists(st.integers(0, 10).map(lambda n: n / 10), min_size=1, max_size=40))
def test_an_interval_holds_the_mean(values: list[float]):
    low, high = interval(values)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert low - 1e-9 <= np.median(resampled(values)) <= high + 1e-9
    assert (low, high) == interval(values)  # no chance in it


def test_an_interval_is_that_of_the_normal_law_and_shrinks_with_more_questions():
    values = np.random.default_rng(1).random(400).tolist()
    low, high = interval(values)
    error = float(np.std(values)) / 400**0.5
    assert (low, high) == pytest.approx((np.mean(values) - 1.96 * error, np.mean(values) + 1.96 * error), abs=0.006)
    assert interval(values, level=0.5)[1] - interval(values, level=0.5)[0] < high - low
    wider = interval(values[:50])
    assert wider[1] - wider[0] > 2 * (high - low)
