"""Cuts a found passage down to the run of sentences that the question is about.

What is found best is a passage of some length; what is read best is the part of it that matters. So chunks are searched
whole, and trimmed for each question anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ragstone.types import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragstone.compact import Compact

    Floats = NDArray[np.float32]
    Places = NDArray[np.intp]

__all__ = ["cut", "relevance", "run"]

WINDOWS = (60, 100, 200)
"""Tokens around a sentence that are scored beside it: what a sentence means hangs on those around it."""

OWN = 0.3  # of a sentence's own score; the rest is the mean of its windows'

Range = tuple[int, int]


def relevance(question: Compact, rows: Compact, sentences: Sequence[Range]) -> list[float]:
    """For each sentence, a range of `rows`: .3 of its cosine with the question + .7 of the mean of its windows'."""
    import numpy as np

    sums = np.concatenate([np.zeros((1, rows.shape[1]), np.float32), np.cumsum(rows, axis=0, dtype=np.float32)])
    asked = question.sum(axis=0, dtype=np.float32)
    asked /= max(float(np.linalg.norm(asked)), 1e-12)

    def score(starts: Places, ends: Places) -> Floats:
        parts = sums[ends] - sums[starts]
        return (parts @ asked) / np.maximum(np.linalg.norm(parts, axis=1), 1e-12)

    first, last = np.array([start for start, _ in sentences]), np.array([end for _, end in sentences])
    around = np.zeros(len(sentences), np.float32)
    for width in WINDOWS:
        begun = np.clip((first + last - width) // 2, 0, max(0, len(rows) - width))
        around += score(np.minimum(begun, first), np.maximum(np.minimum(begun + width, len(rows)), last))
    return (OWN * score(first, last) + (1 - OWN) * around / len(WINDOWS)).tolist()


def run(scores: Sequence[float], lengths: Sequence[int], *, threshold: float, best: float) -> Range:
    """The contiguous run of sentences, a range of them, that maximises Σ length · (score - threshold · best).

    The sentence of the highest score is always in a run; with `threshold` 0 and scores above 0 all of them are.
    """
    gains = [length * (score - threshold * best) for score, length in zip(scores, lengths, strict=True)]
    top = max(range(len(scores)), key=lambda at: scores[at])
    first, last = top, top + 1
    so_far = best_left = 0.0
    for at in range(top - 1, -1, -1):  # the best beginning and the best end do not depend on each other
        so_far += gains[at]
        if so_far > best_left:
            best_left, first = so_far, at
    so_far = best_right = 0.0
    for at in range(top + 1, len(scores)):
        so_far += gains[at]
        if so_far > best_right:
            best_right, last = so_far, at + 1
    return first, last


def spans(ranges: Sequence[Range], sentences: Sequence[Range]) -> list[Range]:
    """For each sentence, a range of characters, the range of tokens that begin in it."""
    starts = [start for start, _ in ranges]
    return [(bisect_left(starts, begun), bisect_left(starts, ended)) for begun, ended in sentences]


def cut(chunk: Chunk, start: int, end: int) -> Chunk:
    """The chunk from one character of its text to another. It keeps its id, so that what was found can be told."""
    text = chunk.text[start:end]
    first = chunk.start + start
    return replace(
        chunk,
        text=text,
        start=first,
        end=chunk.start + end,
        line=None if chunk.line is None else chunk.line + chunk.text.count("\n", 0, start),
        spans=tuple(span for span in chunk.spans if span.start < chunk.start + end and span.end > first),
        parent=None,
    )
