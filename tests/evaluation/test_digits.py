"""Figures are shown in as many digits as say something."""

from __future__ import annotations

import pytest

from ragstone.evaluation.digits import chance, interval, number, signed, span
from ragstone.evaluation.metrics.metric import Metric
from sample_runs import ALL

_, CONTAINED, COST, SLOWEST = ALL


@pytest.mark.parametrize(
    ("value", "metric", "said"),
    [
        (0.8421, CONTAINED, "0.842"),
        (0.0, CONTAINED, "0.000"),
        (0.00042, COST, "0.00042 USD"),
        (0.0, COST, "0.00 USD"),
        (1234.5, COST, "1,234 USD"),
        (12.345, SLOWEST, "12.35 s"),
        (0.123456, SLOWEST, "0.123 s"),
    ],
)
def test_a_figure_has_as_many_digits_as_say_something(value: float, metric: Metric, said: str) -> None:
    assert number(value, metric) == said


def test_a_difference_has_a_sign_unless_it_is_none() -> None:
    assert [signed(value, CONTAINED) for value in (0.1, -0.1, 0.0, 0.0001)] == ["+0.100", "−0.100", "0", "0"]
    assert interval((0.1, 0.25), CONTAINED) == "0.100 to 0.250"
    assert span((-0.1, 0.25), CONTAINED) == "−0.100 to +0.250"
    assert chance(0.0001) == "<\u00a00.001"
