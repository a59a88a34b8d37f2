"""How sure a mean is: the bootstrap over questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Interval", "interval", "resampled"]

Interval = tuple[float, float]

RESAMPLES = 2_000


def interval(values: Sequence[float], *, seed: int = 0, level: float = 0.95) -> Interval:
    """The bootstrap interval of the mean over questions (percentile method, 2,000 resamples; Efron 1979)."""
    low, high = (1 - level) / 2, (1 + level) / 2
    bounds = np.quantile(resampled(values, seed=seed), [low, high])
    return float(bounds[0]), float(bounds[1])


def resampled(values: Sequence[float], *, seed: int = 0) -> NDArray[np.float64]:
    """Means of as many values drawn with replacement, 2,000 times."""
    given = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(given), (RESAMPLES, len(given)))
    return given[drawn].mean(axis=1)
