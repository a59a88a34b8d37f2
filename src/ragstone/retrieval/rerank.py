"""Puts candidates in a better order, by a dearer score than those that found them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragstone.compact import product

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]

__all__ = ["mixed", "smoothed"]

NEIGHBOURS = 10


def mixed(before: Sequence[float], scores: Sequence[float], *, weight: float) -> list[float]:
    """(1 - weight) · before + weight · score, both stretched to [0, 1] over the candidates.

    `scores` may be of the first candidates only: the others have none, and count as the worst.

    >>> mixed([3.0, 2.0, 1.0], [0.1, 0.9], weight=0.6)
    [0.4, 0.8, 0.0]
    """
    stretched = _stretched(scores)
    rest = [0.0] * (len(before) - len(stretched))
    return [
        round((1 - weight) * old + weight * new, 12)
        for old, new in zip(_stretched(before), [*stretched, *rest], strict=True)
    ]


def smoothed(scores: Sequence[float], centres: Scores, *, weight: float) -> list[float]:
    """(1 - weight) · own score + weight · mean score of the ten nearest other candidates, by squared cosine.

    What answers a question has neighbours that nearly do: the cluster hypothesis (van Rijsbergen 1979), as score
    regularisation (Diaz 2005, CIKM). `centres` has one row of length 1 for each score.
    """
    import numpy as np

    own = np.asarray(scores, np.float32)
    nearest = min(NEIGHBOURS, len(own) - 1)
    if nearest < 1:
        return list(scores)
    cosines = product(centres, np.ascontiguousarray(centres.T))
    np.fill_diagonal(cosines, -1)
    places = np.argpartition(-cosines, nearest - 1, axis=1)[:, :nearest]
    near = np.maximum(np.take_along_axis(cosines, places, axis=1), 0) ** 2
    around = (near * own[places]).sum(axis=1) / np.maximum(near.sum(axis=1), 1e-12)
    return ((1 - weight) * own + weight * around).tolist()


def _stretched(scores: Sequence[float]) -> list[float]:
    if not len(scores):
        return []
    low, high = min(scores), max(scores)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]
