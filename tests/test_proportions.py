"""The interval of a share is Wilson's, and holds what was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.proportions import ONE_SIDED, wilson

COUNTS = st.integers(1, 1000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (9, 10, 0.5958, 0.9821),
        (10, 10, 0.7225, 1.0),
        (0, 10, 0.0, 0.2775),
        (1, 1, 0.2065, 1.0),
        (3, 20, 0.0524, 0.3604),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_the_interval_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    """The fifth is from Brown, Cai and DasGupta, Statistical Science 16, 2001; the last from Newcombe, Statistics in
    Medicine 17, 1998, table I."""
    assert wilson(count, of) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_it_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(COUNTS, st.sampled_from([{}, {"z": ONE_SIDED}]))
def test_it_holds_the_share_and_mirrors(counts: tuple[int, int], options: dict[str, float]) -> None:
    count, of = counts
    low, high = wilson(count, of, **options)
    assert 0 <= low <= count / of <= high <= 1
    assert wilson(of - count, of, **options) == pytest.approx((1 - high, 1 - low))


@given(COUNTS)
def test_more_of_the_same_narrows_it(counts: tuple[int, int]) -> None:
    count, of = counts
    (low, high), (least, most) = wilson(count, of), wilson(10 * count, 10 * of)
    assert most - least <= high - low
