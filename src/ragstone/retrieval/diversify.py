"""Keeps the same thing from being said twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]

__all__ = ["apart", "capped", "distinct", "marginal"]

SHINGLE = 4  # words in a row
ALIKE = 0.9
AGREEING = 0.9  # a cosine below which no two texts are near-duplicates

_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+")


def distinct(
    texts: Sequence[str], *, alike: float = ALIKE, near: Scores | None = None, most: int | None = None
) -> list[int]:
    """The places of the first texts that say something new, in order: of near-duplicates only the first one counts.

    Two are near-duplicates when the shingles of four words that they share are `alike` of all that they have (the
    resemblance of Broder 1997). Short texts, and those without spaces, are compared by characters. With `near`, the
    cosines between the vectors of the first texts, only those of them are compared whose vectors nearly agree. After
    `most` of them it looks no further.
    """
    kept: list[int] = []
    known = 0 if near is None else len(near)
    parts: dict[int, frozenset[str]] = {}

    def shingles(place: int) -> frozenset[str]:
        if place not in parts:
            parts[place] = _shingles(texts[place])
        return parts[place]

    for place in range(len(texts)):
        if len(kept) == most:
            break
        rivals = [other for other in kept if place >= known or near is None or near[place, other] > AGREEING]
        if not any(_alike(shingles(place), shingles(other), alike) for other in rivals):
            kept.append(place)
    return kept


def apart(near: Scores | None, *, most: int) -> bool:
    """Whether no two of the first `most` are near enough for `distinct` to compare their texts; `near` as there."""
    import numpy as np

    if near is None or len(near) < most:
        return False
    return not np.triu(near[:most, :most] > AGREEING, 1).any()  # beside the diagonal: each is near itself


def capped(documents: Sequence[str], *, most: int) -> list[int]:
    """The places, in order, of at most so many of each document.

    >>> capped(["a", "a", "b", "a"], most=2)
    [0, 1, 2]
    """
    counts: Counter[str] = Counter()
    kept: list[int] = []
    for place, document in enumerate(documents):
        counts[document] += 1
        if counts[document] <= most:
            kept.append(place)
    return kept


def marginal(scores: Sequence[float], centres: Scores, *, weight: float, k: int) -> list[int]:
    """The places of k candidates by maximal marginal relevance (Carbonell and Goldstein 1998, SIGIR).

    One after the other that is taken which maximises (1 - weight) · score - weight · its highest cosine to one that is
    taken already. Scores are stretched to [0, 1]; `centres` has one row of length 1 for each.
    """
    import numpy as np

    given = np.asarray(scores, np.float32)
    spread = float(given.max() - given.min()) if len(given) else 0.0
    own = (given - given.min()) / spread if spread else np.ones_like(given)
    nearest = np.zeros(len(given), np.float32)
    left = np.ones(len(given), bool)
    taken: list[int] = []
    while len(taken) < min(k, len(given)):
        value = np.where(left, (1 - weight) * own - weight * nearest, -np.inf)
        place = int(np.argmax(value))
        taken.append(place)
        left[place] = False
        nearest = np.maximum(nearest, centres @ centres[place])
    return taken


def _shingles(text: str) -> frozenset[str]:
    words = _WORDS.findall(text.casefold())
    if len(words) >= 2 * SHINGLE and len(text) < 12 * len(words):
        return frozenset(" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1))
    letters = "".join(_WORD.findall(text.casefold())) or text
    return frozenset(letters[at : at + SHINGLE] for at in range(max(1, len(letters) - SHINGLE + 1)))


def _alike(one: frozenset[str], other: frozenset[str], least: float) -> bool:
    if min(len(one), len(other)) < least * max(len(one), len(other)):
        return False  # too different in length; spares the intersection
    shared = len(one & other)
    return shared >= least * (len(one) + len(other) - shared)
