"""Late interaction: each word of the question looks for its best match among the tokens of a passage.

After ColBERT (Khattab and Zaharia 2020, SIGIR), with the token vectors that the embedder makes anyway.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragstone.compact import SCALE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.compact import Compact

    Scores = NDArray[np.float32]

__all__ = ["Asking", "interact", "rarity", "words"]

FLOOR = 0.3
"""Cosines below it tell nothing: any two tokens of English text come near it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A question: the compact rows of its tokens, the weight of each, and its terms."""

    rows: Compact
    weights: Sequence[float]
    terms: frozenset[str]


def interact(question: Compact, weight: Sequence[float], passages: Sequence[Compact]) -> Scores:
    """For each passage Σ w·max(0, best cosine - .3)² / Σ w over the question's tokens, in [0, .49].

    `weight` has one number for each row of `question`. A passage without tokens scores 0.
    """
    import numpy as np

    scores = np.zeros(len(passages), np.float32)
    filled = [at for at, rows in enumerate(passages) if len(rows)]
    total = float(sum(weight))
    if not filled or not len(question) or total <= 0:
        return scores
    lengths = [len(passages[at]) for at in filled]
    starts = np.cumsum([0, *lengths[:-1]])
    stacked = np.concatenate([passages[at] for at in filled]).astype(np.float32)
    cosines = stacked @ (question.astype(np.float32).T / SCALE**2)
    best = np.maximum.reduceat(cosines, starts, axis=0)
    scores[filled] = np.maximum(best - FLOOR, 0) ** 2 @ (np.asarray(weight, np.float32) / total)
    return scores


def words(text: str, ranges: Sequence[tuple[int, int]]) -> list[str]:
    """For each token the whole word that it is a piece of; "" where it is none.

    >>> words("soft ferrites", [(0, 4), (5, 10), (10, 13)])
    ['soft', 'ferrites', 'ferrites']
    """
    found: list[str] = []
    first = last = 0
    plain = False  # whether what lies between them is one word and nothing else
    for start, end in ranges:
        if not (plain and first <= start and end <= last):  # a long word is looked for once, not for each piece
            first, last = start, end
            while first > 0 and text[first - 1].isalnum():
                first -= 1
            while last < len(text) and text[last].isalnum():
                last += 1
            plain = text[first:last].isalnum()
        found.append(text[first:last] if plain or any(map(str.isalnum, text[first:last])) else "")
    return found


def rarity(frequency: int, total: int) -> float:
    """The inverse document frequency of BM25: ln(1 + (N - n + .5) / (n + .5))."""
    return math.log(1 + (max(total, frequency) - frequency + 0.5) / (frequency + 0.5))
