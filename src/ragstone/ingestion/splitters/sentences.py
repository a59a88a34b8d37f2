"""Pieces of whole sentences.

split: {by: sentences, sentences: 3, overlap: 1}
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.breaks import stretches
from ragstone.ingestion.splitters.cutting import Cutter, SizedSplitter, Tokens
from ragstone.protocols import Embedder
from ragstone.text.sentences import sentences as find_sentences
from ragstone.types import Document, Piece

__all__ = ["SentenceSplitter"]


class SentenceSplitter(SizedSplitter):
    """Puts sentences together, at most `sentences` of them (any number where it is not set) and `size` tokens.

    With `overlap`, a piece begins with so many of the last sentences of the one before, as far as they fit. A piece
    ends before a heading, a table is cut as `tokens` cuts it, and so is a sentence that does not fit.
    """

    def __init__(self, *, embedder: Embedder, sentences: int | None = None, size: int = 200, overlap: int = 0) -> None:
        super().__init__(embedder=embedder, size=size)
        if sentences is not None and sentences < 1:
            raise ConfigError("sentences is out of range", expected="1 or more", found=str(sentences))
        if overlap < 0 or (sentences is not None and overlap >= sentences):
            expected = (
                "0 or more" if sentences is None else f"0 to {sentences - 1}, fewer than the sentences of a piece"
            )
            raise ConfigError("overlap is out of range", expected=expected, found=str(overlap))
        self.sentences, self.overlap = sentences, overlap

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        return self.identity("sentences", self.sentences, self.overlap)

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order; together they hold every character that is not whitespace."""
        cutter, pieces = self.cutter(document), list[Piece]()
        for first, last, table in cutter.parts(0, len(document.text)):
            if table is not None:
                pieces += cutter.rows(first, last, table)
                continue
            for start, end in stretches(document.text, cutter.headings, first, last):
                tokens = cutter.tokens(start, end)
                found = [(start + begun, start + ended) for begun, ended in find_sentences(document.text[start:end])]
                for begun, ended in self._groups(found, cutter, tokens):
                    for each in cutter.ranges(tokens, begun, ended):
                        pieces += cutter.pieces(tokens, *each)
        return pieces

    def _groups(self, found: Sequence[tuple[int, int]], cutter: Cutter, tokens: Tokens) -> Iterator[tuple[int, int]]:
        """The sentences put together. A heading is a sentence that does not count, and begins a group."""
        headed = [_begins(cutter.headings, start, end) for start, end in found]
        first = done = 0  # of the group; where the groups so far end
        while done < len(found):
            last, counted = first, 0
            while last < len(found):
                start, end = found[first][0], found[last][1]
                if last > first and (not tokens.fits(start, end) or (headed[last] and counted)):
                    break
                if not headed[last] and counted == self.sentences:
                    break
                counted += not headed[last]
                last += 1
            yield found[first][0], found[last - 1][1]
            done = last
            first = self._next(found, first, done, headed, tokens)

    def _next(
        self, found: Sequence[tuple[int, int]], first: int, done: int, headed: Sequence[bool], tokens: Tokens
    ) -> int:
        """Where the group after `done` begins: with as many sentences before it as overlap and fit."""
        at = done
        if done < len(found) and not headed[done]:
            while at - 1 > first and done - at < self.overlap and not headed[at - 1]:
                if not tokens.fits(found[at - 1][0], found[done][1]):
                    break
                at -= 1
        return at


def _begins(headings: Sequence[int], start: int, end: int) -> bool:
    """Whether a heading begins in this range."""
    at = bisect_left(headings, start)
    return at < len(headings) and headings[at] < end
