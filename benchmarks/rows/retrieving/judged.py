"""nDCG@10 of ranked documents, and the characters that returned spans share with the right ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

__all__ = ["Span", "ndcg", "overlap"]

Span = tuple[int, int]


def ndcg(ranked: Sequence[str], relevant: Mapping[str, int], *, deep: int = 10) -> float:
    """Between 0 and 1, with linear gain, as trec_eval counts it; `relevant` are grades above 0.

    >>> ndcg(["b", "a"], {"a": 1})
    0.6309297535714575
    """
    best = sorted((grade for grade in relevant.values() if grade > 0), reverse=True)[:deep]
    ideal = sum(grade / log2(place + 2) for place, grade in enumerate(best))
    gained = sum(max(0, relevant.get(name, 0)) / log2(place + 2) for place, name in enumerate(ranked[:deep]))
    return gained / ideal if ideal else 0.0


def overlap(found: Sequence[Span], right: Sequence[Span]) -> tuple[float, float]:
    """Recall and IoU of characters; one that is returned twice is paid for twice (Smith and Troynikov 2024).

    >>> overlap([(0, 10)], [(5, 15)])
    (0.5, 0.3333333333333333)
    """
    wanted, returned = _joined(right), sum(end - start for start, end in found)
    met = sum(max(0, min(end, last) - max(start, first)) for start, end in _joined(found) for first, last in wanted)
    length = sum(end - start for start, end in wanted)
    return met / length, met / (length + returned - met)


def _joined(spans: Sequence[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found
