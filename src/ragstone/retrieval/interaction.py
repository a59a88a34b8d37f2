"""Late interaction: each word of the question looks for its best match among the tokens of a passage.

After ColBERT (Khattab and Zaharia 2020, SIGIR), with the token vectors that the embedder makes anyway.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragstone.compact import SCALE, product, sums

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.compact import Compact

    Scores = NDArray[np.float32]

__all__ = ["Asking", "cosines", "interact", "rarity", "weighted", "words"]

FLOOR = 0.3
"""Cosines below it tell nothing: any two tokens of English text come near it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A question: the compact rows of its tokens, the weight of each, and its terms."""

    rows: Compact
    weights: Sequence[float]
    terms: frozenset[str]


def interact(asking: Asking, passages: Sequence[Compact]) -> Scores:
    """For each passage Σ w·max(0, best cosine - .3)² / Σ w over the question's tokens, in [0, .49].

    A passage without tokens scores 0.
    """
    import numpy as np

    scores = np.zeros(len(passages), np.float32)
    filled = [at for at, rows in enumerate(passages) if len(rows)]
    if filled and len(asking.rows):
        starts = np.cumsum([0, *(len(passages[at]) for at in filled[:-1])])
        found = cosines(asking, np.concatenate([passages[at] for at in filled]))
        scores[filled] = weighted(asking, np.maximum.reduceat(found, starts, axis=0))
    return scores


def cosines(asking: Asking, rows: Compact) -> Scores:
    """Between tokens of a passage and those of the question, shape (passage's tokens, question's tokens)."""
    import numpy as np

    question = asking.rows.astype(np.float32) / np.float32(SCALE**2)
    return product(rows.astype(np.float32), np.ascontiguousarray(question.T))


def weighted(asking: Asking, best: Scores) -> Scores:
    """The score of each row of best cosines, shape (rows, question's tokens)."""
    import numpy as np

    total = float(sum(asking.weights))
    if total <= 0:
        return np.zeros(len(best), np.float32)
    weight = (np.asarray(asking.weights) / total).astype(np.float32)
    return sums(np.maximum(best - np.float32(FLOOR), np.float32(0)) ** 2, weight)


def words(text: str, ranges: Sequence[tuple[int, int]]) -> list[str]:
    """For each token the whole word that it is a piece of; "" where it is none.

    >>> words("soft ferrites?", [(0, 4), (5, 10), (10, 13), (13, 14)])
    ['soft', 'ferrites', 'ferrites', '']
    """
    found: list[str] = []
    first = last = 0
    for start, end in ranges:
        inside = [at for at in range(start, end) if text[at].isalnum()]
        if not inside:
            found.append("")  # a mark is no piece of the word that it touches
            continue
        if not first <= inside[0] <= inside[-1] < last:  # else it is a piece of the last word, too
            first, last = inside[0], inside[-1] + 1
            while first > 0 and text[first - 1].isalnum():
                first -= 1
            while last < len(text) and text[last].isalnum():
                last += 1
        found.append(text[first:last])
    return found


def rarity(frequency: int, total: int) -> float:
    """The inverse document frequency of BM25: ln(1 + (N - n + .5) / (n + .5))."""
    return math.log(1 + (max(total, frequency) - frequency + 0.5) / (frequency + 0.5))
