"""Pieces that end where the words change.

split: {by: semantic, size: 200}

Utiyama and Isahara, "A Statistical Model for Domain-Independent Text Segmentation" (ACL 2001): the most probable
segmentation, found exactly by dynamic programming, where each segment draws its words from a distribution of its own
and each boundary costs the logarithm of the number of words. It asks no model, so it costs no more than counting.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from ragstone.ingestion.splitters.breaks import stretches
from ragstone.ingestion.splitters.cutting import Cutter, SizedSplitter, Tokens
from ragstone.text.analyzer import stop_words, terms
from ragstone.text.language import detect
from ragstone.text.sentences import sentences
from ragstone.types import Document, Piece

__all__ = ["SemanticSplitter"]


class SemanticSplitter(SizedSplitter):
    """Puts neighbouring sentences together that share their words, at most `size` tokens of them.

    A piece ends before a heading, a table is cut as `tokens` cuts it, and so is a sentence that does not fit.
    """

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the size and the embedder's tokenizer."""
        return self.identity("semantic")

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order; together they hold every character that is not whitespace."""
        text, language = document.text, detect(document.text)
        cutter, pieces = self.cutter(document), list[Piece]()
        for first, last, table in cutter.parts(0, len(text)):
            if table is not None:
                pieces += cutter.rows(first, last, table)
                continue
            for start, end in stretches(text, cutter.headings, first, last):
                tokens = cutter.tokens(start, end)
                found = [(start + begun, start + ended) for begun, ended in sentences(text[start:end])]
                words = [_words(text[begun:ended], language) for begun, ended in found]
                for begun, ended in _segments(found, words, cutter, tokens):
                    for each in cutter.ranges(tokens, begun, ended):
                        pieces += cutter.pieces(tokens, *each)
        return pieces


def _words(sentence: str, language: str) -> list[str]:
    stopped = stop_words(language)
    return [term for term in terms(sentence, language=language) if term not in stopped]


def _segments(
    found: Sequence[tuple[int, int]], words: Sequence[Sequence[str]], cutter: Cutter, tokens: Tokens
) -> Iterator[tuple[int, int]]:
    """The sentences in the groups whose costs are the least in all."""
    if not found:
        return
    headed = [_headed(cutter.headings, start, end) for start, end in found]
    least, came = [0.0, *[math.inf] * len(found)], [0] * (len(found) + 1)
    vocabulary = len({word for some in words for word in some})
    boundary = math.log(max(2, sum(map(len, words))))
    for first in range(len(found)):
        for last, cost in enumerate(_costs(words, first, vocabulary), first):
            start, end = found[first][0], found[last][1]
            if last > first and (not tokens.fits(start, end) or (headed[last] and not headed[last - 1])):
                break
            if least[first] + cost + boundary < least[last + 1]:
                least[last + 1], came[last + 1] = least[first] + cost + boundary, first
    ends = [len(found)]
    while ends[-1]:
        ends.append(came[ends[-1]])
    for first, last in zip(ends[:0:-1], ends[-2::-1], strict=True):
        yield found[first][0], found[last - 1][1]


def _costs(words: Sequence[Sequence[str]], first: int, vocabulary: int) -> Iterator[float]:
    """What the sentences from `first` on cost as one segment: the first, the first two, and so on.

    The cost is the negative logarithm of the probability, the boundary not counted. A word that stands f times among
    the n of a segment has the probability (f + 1) / (n + size of the vocabulary).
    """
    counts: Counter[str] = Counter()
    total, gained = 0, 0.0
    for sentence in words[first:]:
        for word in sentence:
            f = counts[word]
            counts[word] = f + 1
            gained += (f + 1) * math.log(f + 2) - f * math.log(f + 1)
        total += len(sentence)
        yield total * math.log(total + vocabulary) - gained if total else 0.0


def _headed(headings: Sequence[int], start: int, end: int) -> bool:
    """Whether a heading begins in this range."""
    at = bisect_left(headings, start)
    return at < len(headings) and headings[at] < end
