"""What the embedder knows of a sentence: two more signals, from the vectors of its tokens inside their passage.

A passage goes through the network whole, so that "it" in one sentence takes on the meaning of the sentence before, and
all its sentences together cost one run.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragstone.connectors.extractive.candidates import Candidate
from ragstone.connectors.extractive.signals import Question
from ragstone.protocols import Embedder
from ragstone.text.analyzer import terms
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["MOST_WINDOWS", "Window", "similarities", "windows"]

MOST_WINDOWS = 6
"""Texts that are run for one answer. Of the eight passages of a search, the last two moved no figure by 0.3 points."""

_SLACK = 8  # tokens kept free in a window: the special ones, and words that a cut takes apart
_WORD = re.compile(r"\w+")

Signals = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a passage that fits the embedder, from a character of it on, and the sentences that begin in it."""

    text: str
    start: int
    sentences: tuple[Candidate, ...]


def windows(text: str, sentences: Sequence[Candidate], embedder: Embedder) -> Iterator[Window]:
    """Cuts a passage into windows, at the beginnings of its sentences; a passage of the usual size is one window."""
    _, places = embedder.tokens(text)
    room = embedder.window - _SLACK
    begins = [bisect_left(places, (sentence.start, 0)) for sentence in sentences]
    first = 0
    while first < len(places):
        last = first + room
        if last < len(places):
            last = max((begin for begin in begins if first < begin <= last), default=last)
        start, end = places[first][0], places[min(last, len(places)) - 1][1]
        inside = tuple(each for each, begin in zip(sentences, begins, strict=True) if first <= begin < last)
        if inside:
            yield Window(text[start:end], start, inside)
        first = last


async def similarities(
    question: Question, found: Sequence[Window], embedder: Embedder, *, context: Context
) -> Mapping[Candidate, Signals]:
    """Two signals for each sentence: closeness and words.

    `closeness` is the cosine of the question's mean vector and the sentence's; `words` the mean, over the words that
    the question asks about, of the cosine to the nearest token of the sentence (late interaction, Khattab and Zaharia
    2020, arXiv 2004.12832).
    """
    asked_text = _beginning(question.text, embedder)
    asked, *vectors = await embedder.embed_tokens([asked_text, *(window.text for window in found)], context=context)
    if not len(asked):
        return {}
    groups = _groups(question, asked_text, embedder)
    signals: dict[Candidate, Signals] = {}
    for window, tokens in zip(found, vectors, strict=True):
        _, places = embedder.tokens(window.text)
        for sentence in window.sentences:
            first = bisect_left(places, (sentence.start - window.start, 0))
            last = bisect_left(places, (sentence.end - window.start, 0))
            if first < last:
                signals[sentence] = _compared(asked, tokens[first:last], groups)
    return signals


def _compared(asked: Matrix, tokens: Matrix, groups: Sequence[Sequence[int]]) -> Signals:
    nearest = (asked @ tokens.T).max(axis=1)
    words = [float(nearest[group].mean()) for group in groups]
    return {"closeness": float(_direction(asked) @ _direction(tokens)), "words": sum(words) / len(words)}


def _beginning(text: str, embedder: Embedder) -> str:
    """The text as far as it fits: a pasted page asks by its beginning."""
    _, places = embedder.tokens(text)
    room = embedder.window - _SLACK
    return text if len(places) <= room else text[: places[room - 1][1]]


def _groups(question: Question, text: str, embedder: Embedder) -> list[list[int]]:
    """The tokens of each word that the question asks about; every token alone where there is no such word."""
    _, places = embedder.tokens(text)
    wanted = set(question.terms)
    groups: list[list[int]] = []
    for word in _WORD.finditer(text):
        group = [index for index, (start, end) in enumerate(places) if word.start() <= start < end <= word.end()]
        if group and wanted & set(terms(word[0], language=question.language)):
            groups.append(group)
    return groups or [[index] for index in range(len(places))]


def _direction(vectors: Matrix) -> Vector:
    import numpy as np

    mean = vectors.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)
