"""How sure a share is."""

from __future__ import annotations

from math import sqrt

__all__ = ["ONE_SIDED", "TWO_SIDED", "wilson"]

TWO_SIDED = 1.959963984540054
"""Standard errors of the normal distribution, for an interval of 95 %."""

ONE_SIDED = 1.6448536269514722
"""The same for one end alone, beyond which 5 % lie; both ends together are those of an interval of 90 %."""


def wilson(count: int, of: int, *, z: float = TWO_SIDED) -> tuple[float, float]:
    """The interval of a share: Wilson, J. Am. Stat. Assoc. 22 (1927), without a correction for continuity.

    It holds for few, and for all or none; of nothing it is everything.

    >>> [round(end, 4) for end in wilson(9, 10)]
    [0.5958, 0.9821]
    """
    if not of:
        return 0.0, 1.0
    share, square = count / of, z * z
    middle = share + square / (2 * of)
    half = z * sqrt(share * (1 - share) / of + square / (4 * of * of))
    whole = 1 + square / of
    # Rounding must not put a share of 0 or 1 outside its own interval.
    return max(0.0, min(share, (middle - half) / whole)), min(1.0, max(share, (middle + half) / whole))
