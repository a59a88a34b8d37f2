"""What two questions differ in, as numbers. Which of the two comes first makes no difference.

Token vectors see what one vector for all hides: the word of one question that nothing in the other is like. Each token
is matched with the nearest of the other question (MaxSim, Khattab and Zaharia 2020, "ColBERT"); what is left unmatched
says how much is missing, and in which direction of the embedding it lies says what. A fit learns from that which kind
of word may be missing ("best") and which may not ("Java").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.reading import Reading
from ragstone.text.proper_names import lacking

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = "NDArray[np.float64]"

__all__ = ["COMMON", "TOKENS", "WORDS", "Common", "Compared", "compared"]

WORDS = (
    "cosine",
    "cosine over 0.7",
    "cosine over 0.8",
    "cosine over 0.9",
    "shared stems",
    "shared content",
    "unmatched content, fewer",
    "unmatched content, more",
    "unmatched function words, fewer",
    "unmatched function words, more",
    "content in common",
    "difference in words",
    "words, logarithm",
    "unmatched weight, less",
    "unmatched weight, more",
    "weight in common",
    "share of the weight",
    "unmatched share, less",
    "unmatched share, more",
    "heaviest unmatched, lighter",
    "heaviest unmatched, heavier",
    "names that one lacks",
    "names in common",
    "one asks for a kind",
    "both ask for a kind",
    "order turned",
    "first word",
    "one tells a time",
    "one has a unit",
    "sentences that ask",
    "difference in length",
)
"""The features that need no token vectors."""

TOKENS = (
    "mean match, worse",
    "mean match, better",
    "least matched, worse",
    "least matched, better",
    "second least, worse",
    "second least, better",
    "third least, worse",
    "third least, better",
    "unmatched mass",
    "difference in mass",
    "least matched over 0.5",
    "least matched over 0.7",
)
"""Those that do."""

COMMON = 1_000
"""Stems whose weight is known; any other weighs as much as the rarest of them, and is taken to be rarer still."""


@dataclass(frozen=True, slots=True)
class Common:
    """How much a stem says: the logarithm of how rarely it stands in a question (Spärck Jones 1972)."""

    weights: Mapping[str, float]
    rarest: float

    def of(self, stem: str) -> float:
        """Its weight."""
        return self.weights.get(stem, self.rarest)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two questions side by side: `words` as WORDS names them, and where both have token vectors the other two.

    `tokens` goes by TOKENS; `unmatched`, shape (dimensions,), is the sum of all tokens, each by how little it matched.
    """

    words: Numbers
    tokens: Numbers | None
    unmatched: Numbers | None


def compared(first: Asked, second: Asked, here: Reading, there: Reading, common: Common) -> Compared:
    """Compares two questions that were read in one language."""
    cosine = float(np.dot(first.vector, second.vector))
    words = np.array(_words(cosine, here, there, common.of))
    if first.tokens is None or second.tokens is None or not len(first.tokens) or not len(second.tokens):
        return Compared(words, None, None)
    one, other = np.asarray(first.tokens, np.float32), np.asarray(second.tokens, np.float32)
    matches = one @ other.T
    left, right = matches.max(axis=1), matches.max(axis=0)
    unmatched = (1 - left) @ one + (1 - right) @ other
    return Compared(words, np.array(_tokens(left, right)), unmatched.astype(np.float64))


def _words(cosine: float, here: Reading, there: Reading, weight: Callable[[str], float]) -> list[float]:
    return [
        cosine,
        *(max(0.0, cosine - knot) for knot in (0.7, 0.8, 0.9)),
        *_overlap(here, there),
        *_weighed(here, there, weight),
        *_told(here, there),
    ]


def _overlap(here: Reading, there: Reading) -> list[float]:
    content = sorted((len(here.content - there.content), len(there.content - here.content)))
    function = sorted((len(here.rest - there.rest), len(there.rest - here.rest)))
    words = len(here.words) + len(there.words)
    return [
        len(here.stems & there.stems) / (len(here.stems | there.stems) or 1),
        len(here.content & there.content) / (len(here.content | there.content) or 1),
        *content,
        *function,
        len(here.content & there.content),
        abs(len(here.words) - len(there.words)),
        log(words or 1),
    ]


def _weighed(here: Reading, there: Reading, weight: Callable[[str], float]) -> list[float]:
    """The same by weight: to lack "Java" is more than to lack "good"."""
    own = [sorted(map(weight, one)) for one in (here.stems - there.stems, there.stems - here.stems)]
    less, more = sorted(map(sum, own))
    lighter, heavier = sorted(one[-1] if one else 0.0 for one in own)
    shared = sum(sorted(map(weight, here.stems & there.stems)))
    return [
        less,
        more,
        shared,
        shared / (shared + less + more or 1),
        less / (shared + less or 1),
        more / (shared + more or 1),
        lighter,
        heavier,
    ]


def _told(here: Reading, there: Reading) -> list[float]:
    language = here.language
    lacked = [
        lacking(here.names, there.words, own=here.words, language=language),
        lacking(there.names, here.words, own=there.words, language=language),
    ]
    length = len(here.text) + len(there.text)
    return [
        sum(map(bool, lacked)),
        float(len(here.names) + len(there.names) > sum(map(len, lacked))),
        float(bool(here.asks) != bool(there.asks)),
        float(not set(here.asks).isdisjoint(there.asks)),
        _turned(here.words, there.words),
        float(here.words[:1] == there.words[:1]),
        float(bool(here.times) != bool(there.times)),
        float(bool(here.units) != bool(there.units)),
        float(here.text.count("?") != there.text.count("?")),
        abs(len(here.text) - len(there.text)) / (length or 1),
    ]


def _turned(first: tuple[str, ...], second: tuple[str, ...]) -> float:
    """The share of pairs of words that stand in the other order (Kendall 1938), of those that come once in both."""
    places = [second.index(word) for word in first if first.count(word) == 1 and second.count(word) == 1]
    pairs = len(places) * (len(places) - 1) / 2
    turned = sum(place > later for at, place in enumerate(places) for later in places[at + 1 :])
    return turned / pairs if pairs else 0.0


def _tokens(left: NDArray[np.float32], right: NDArray[np.float32]) -> list[float]:
    both = [np.sort(one) for one in (left, right)]
    mass = [float((1 - one).sum()) for one in both]
    least = [sorted(float(one[min(place, len(one) - 1)]) for one in both) for place in range(3)]
    return [
        *sorted(float(one.mean()) for one in both),
        *(value for pair in least for value in pair),
        sum(mass),
        abs(mass[0] - mass[1]),
        *(max(0.0, least[0][0] - knot) for knot in (0.5, 0.7)),
    ]
