"""Cuts found passages down to the runs of sentences that the question is about.

What is found best is a passage of some length; what is read best is the part of it that matters. So chunks are searched
whole, and trimmed for each question anew. `benchmarks/retrieval.py` measures what that brings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragstone.compact import sums
from ragstone.retrieval.interaction import Asking, cosines, rarity, weighted
from ragstone.types import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.compact import Compact

    Floats = NDArray[np.float32]
    Places = NDArray[np.intp]

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

    if not passages:
        return []
    text = _Text.of(passages)
    rare = _rarities(asking, passages)
    measures = _windowed(_interactions(asking, text)), _windowed(_coverage(rare, text)), _cosines(asking, text)
    mean = sum(scores / max(float(scores.max(initial=0.0)), 1e-9) for scores in measures) / len(measures)
    highest = max(passage.score for passage in passages)
    standing = [max(passage.score, 0.0) / highest if highest > 0 else 1.0 for passage in passages]
    counts = [len(passage.sentences) for passage in passages]
    scores = mean * np.repeat(np.array(standing) ** STANDING, counts)
    return [part.tolist() for part in np.split(scores, np.cumsum(counts)[:-1])]


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


@dataclass(frozen=True, slots=True)
class _Text:
    """All passages one after the other, so that each measure is taken of all sentences at once.

    For each sentence the places of its tokens, from `first` to before `last`, and of its passage's: `low` and `high`.
    """

    rows: Compact
    first: Places
    last: Places
    low: Places
    high: Places
    terms: Sequence[frozenset[str]]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> _Text:
        import numpy as np

        counts = [len(passage.sentences) for passage in passages]
        ends = np.cumsum([len(passage.rows) for passage in passages])
        high = np.repeat(ends, counts)
        low = np.repeat(np.concatenate([[0], ends[:-1]]), counts)
        first, last = np.array([own for passage in passages for own in passage.sentences]).reshape(-1, 2).T + low
        terms = [own for passage in passages for own in passage.terms]
        return cls(np.concatenate([passage.rows for passage in passages]), first, last, low, high, terms)

    def windows(self) -> tuple[Places, Places]:
        """Where ranges of tokens begin and end: those of the sentences, then for each width the windows around them.

        Both of shape (1 + widths, sentences).
        """
        import numpy as np

        middle = self.first + self.last
        widths = np.array(WINDOWS)[:, None]
        begun = np.clip((middle - widths) // 2, self.low, np.maximum(self.low, self.high - widths))
        starts = np.minimum(np.concatenate([self.first[None], begun]), self.first)
        ends = np.maximum(np.concatenate([self.last[None], np.minimum(begun + widths, self.high)]), self.last)
        return starts, ends


def _windowed(scores: Floats) -> Floats:
    """One score for each sentence, of those of its own range and of the windows around it."""
    return OWN * scores[0] + (1 - OWN) * scores[1:].mean(axis=0)


def _interactions(asking: Asking, text: _Text) -> Floats:
    import numpy as np

    starts, ends = text.windows()
    found = cosines(asking, text.rows)
    # One row for each of the question's tokens: ranges lie in one piece then, and take half the time. Its last column
    # stands there twice, so that a range may end where the tokens do.
    turned = np.empty((found.shape[1], len(found) + 1), np.float32)
    turned[:, :-1], turned[:, -1] = found.T, found[-1]
    pairs = np.stack([starts.ravel(), ends.ravel()], axis=1).ravel()
    best = np.maximum.reduceat(turned, pairs, axis=1)[:, ::2]
    return weighted(asking, np.ascontiguousarray(best.T)).reshape(starts.shape)


def _rarities(asking: Asking, passages: Sequence[Passage]) -> dict[str, float]:
    every = [own for passage in passages for own in passage.terms]
    return {term: rarity(sum(term in own for own in every), len(every)) for term in asking.terms}


def _coverage(rare: Mapping[str, float], text: _Text) -> Floats:
    import numpy as np

    starts, ends = text.windows()
    held = np.array([[term in own for term in rare] for own in text.terms], np.int32).reshape(len(text.terms), -1)
    counts = np.concatenate([np.zeros((1, len(rare)), np.int32), held.cumsum(axis=0)])
    begun = np.searchsorted(text.last, starts, side="right")
    ended = np.searchsorted(text.first, ends, side="left")
    weight = np.array(list(rare.values()), np.float32)
    covered = (counts[ended] > counts[begun]).astype(np.float32)
    return (sums(covered, weight) / max(float(weight.sum()), 1e-9)).astype(np.float32)


def _cosines(asking: Asking, text: _Text) -> Floats:
    import numpy as np

    asked = asking.rows.sum(axis=0, dtype=np.float32)
    asked /= max(float(np.linalg.norm(asked)), 1e-12)
    pairs = np.stack([text.first, text.last], axis=1).ravel()
    padded = np.concatenate([text.rows, text.rows[-1:]]).astype(np.float32)  # so that a range may end where they do
    parts = np.add.reduceat(padded, pairs, axis=0)[::2]
    return np.maximum(parts @ asked / np.maximum(np.linalg.norm(parts, axis=1), 1e-12), 0).astype(np.float32)
