"""Cuts found passages down to the runs of sentences that the question is about.

What is found best is a passage of some length; what is read best is the part of it that matters. So chunks are searched
whole, and trimmed for each question anew. `benchmarks/retrieval.py` measures what that brings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragstone.retrieval.interaction import Asking, interact, rarity
from ragstone.types import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.compact import Compact

    Floats = NDArray[np.float32]

__all__ = ["Passage", "cut", "relevance", "run", "spans"]

WINDOWS = (60, 100, 200)
"""Tokens around a sentence that are scored beside it: what a sentence means hangs on those around it."""

OWN = 0.3  # of a sentence's own score; the rest is the mean of its windows'
STANDING = 0.25
"""A sentence's score is multiplied by the score of its passage, relative to the best one's, to this power."""

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Passage:
    """A found chunk: compact rows, its sentences as ranges of these, the terms of each, and the score that found it."""

    rows: Compact
    sentences: Sequence[Range]
    terms: Sequence[frozenset[str]]
    score: float


def relevance(asking: Asking, passages: Sequence[Passage]) -> list[list[float]]:
    """For each sentence of each passage how much the question is about it, in [0, 1] of the best of all of them.

    The mean of three measures: late interaction and the share of the question's terms, both .3 of the sentence itself
    and .7 of the windows around it; and the cosine of its mean token with the question's. A term counts by how rare it
    is in these passages: what stands in all of their sentences tells none from another.
    """
    import numpy as np

    rare = _rarities(asking, passages)
    measures = (
        [_windowed(_interactions(asking, passage)) for passage in passages],
        [_windowed(_coverage(rare, passage)) for passage in passages],
        [_cosines(asking, passage) for passage in passages],
    )
    highest = max((passage.score for passage in passages), default=0.0)
    scores: list[list[float]] = []
    best = [max((float(part.max()) for part in parts if len(part)), default=0.0) for parts in measures]
    for at, passage in enumerate(passages):
        mean = sum(parts[at] / max(top, 1e-9) for parts, top in zip(measures, best, strict=True)) / len(measures)
        standing = max(passage.score, 0.0) / highest if highest > 0 else 1.0
        scores.append((np.asarray(mean) * standing**STANDING).tolist())
    return scores


def run(scores: Sequence[float], lengths: Sequence[int], *, threshold: float) -> Range:
    """The contiguous run of sentences, a range of them, that maximises Σ length · (score - threshold).

    The sentence of the highest score is always in it.
    """
    gains = [length * (score - threshold) for score, length in zip(scores, lengths, strict=True)]
    top = max(range(len(scores)), key=lambda at: scores[at])
    return top - _reach(gains[:top][::-1]), top + 1 + _reach(gains[top + 1 :])


def spans(ranges: Sequence[Range], sentences: Sequence[Range]) -> list[Range]:
    """For each sentence, a range of characters, the range of tokens that begin in it."""
    starts = [start for start, _ in ranges]
    return [(bisect_left(starts, begun), bisect_left(starts, ended)) for begun, ended in sentences]


def cut(chunk: Chunk, start: int, end: int) -> Chunk:
    """The chunk from one character of its text to another. It keeps its id, so that what was found can be told."""
    first, last = chunk.start + start, chunk.start + end
    return replace(
        chunk,
        text=chunk.text[start:end],
        start=first,
        end=last,
        line=None if chunk.line is None else chunk.line + chunk.text.count("\n", 0, start),
        spans=tuple(span for span in chunk.spans if span.start < last and span.end > first),
        parent=None,
    )


def _reach(gains: Sequence[float]) -> int:
    """How many of the first gains are worth taking: as many as make their sum the largest."""
    total = best = 0.0
    reach = 0
    for at, gain in enumerate(gains, 1):
        total += gain
        if total > best:
            best, reach = total, at
    return reach


# ── The three measures ──────────────────────────────────────────────────────────────────────────────────────────────


def _ranges(passage: Passage) -> list[list[Range]]:
    """The sentences themselves, then for each width the windows around them, as ranges of tokens."""
    length, found = len(passage.rows), [list(passage.sentences)]
    for width in WINDOWS:
        starts = [max(0, min((first + last - width) // 2, length - width)) for first, last in passage.sentences]
        found.append(
            [
                (min(start, first), max(min(start + width, length), last))
                for start, (first, last) in zip(starts, passage.sentences, strict=True)
            ]
        )
    return found


def _windowed(scores: Sequence[Floats]) -> Floats:
    import numpy as np

    own, *around = scores
    return (OWN * own + (1 - OWN) / len(around) * sum(around[1:], around[0])).astype(np.float32)


def _interactions(asking: Asking, passage: Passage) -> list[Floats]:
    return [
        interact(asking.rows, asking.weights, [passage.rows[start:end] for start, end in ranges])
        for ranges in _ranges(passage)
    ]


def _rarities(asking: Asking, passages: Sequence[Passage]) -> dict[str, float]:
    every = [own for passage in passages for own in passage.terms]
    return {term: rarity(sum(term in own for own in every), len(every)) for term in asking.terms}


def _coverage(rare: Mapping[str, float], passage: Passage) -> list[Floats]:
    import numpy as np

    total = sum(rare.values()) or 1.0
    held = [own & rare.keys() for own in passage.terms]

    def share(start: int, end: int) -> float:
        inside: set[str] = set()
        for own, (first, last) in zip(held, passage.sentences, strict=True):
            if first < end and last > start:
                inside |= own
        return sum(rare[term] for term in inside) / total

    return [np.array([share(*each) for each in ranges], np.float32) for ranges in _ranges(passage)]


def _cosines(asking: Asking, passage: Passage) -> Floats:
    import numpy as np

    width = passage.rows.shape[1]
    sums = np.concatenate([np.zeros((1, width), np.float32), np.cumsum(passage.rows, axis=0, dtype=np.float32)])
    asked = asking.rows.sum(axis=0, dtype=np.float32)
    asked /= max(float(np.linalg.norm(asked)), 1e-12)
    parts = np.array([sums[end] - sums[start] for start, end in passage.sentences])
    lengths = np.maximum(np.linalg.norm(parts, axis=1), 1e-12)
    return np.maximum(parts @ asked / lengths, 0).astype(np.float32)
