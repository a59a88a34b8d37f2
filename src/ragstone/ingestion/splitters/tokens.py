"""Pieces of at most so many tokens, counted by the tokenizer of the embedder that will read them.

    split: {by: tokens, size: 200}

A piece ends, in this order of preference, where a section, a paragraph or a sentence ends; a sentence that does not fit
is cut between words, and a word that does not fit anywhere.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.breaks import Break, body, breaks, stretches
from ragstone.protocols import Embedder, Splitter
from ragstone.types import Document, Piece, Span

__all__ = ["TokenSplitter"]

VERSION = 1  # of the rules below; raise it when they cut otherwise

LEAST = 8  # tokens: a single character may take several
SPECIAL = 2  # tokens that an embedder puts around a text
CHARACTERS = 8  # most characters for each token of the size: a text without spaces is one unknown token, however long
TINY = 0.15  # of the size: a section below this joins its neighbour
SPARE = 0.25  # of the size: a rest below this is not left alone
FULL = (
    (Break.PARAGRAPH, 0.85),
    (Break.SENTENCE, 0.5),
)  # of the size: a piece this full ends there, not at a later place

_INK = re.compile(r"\S")
_SPACES = ("", " ", "\t", "\r", "\n")  # what every tokenizer takes for a space, and the ends of the text


class TokenSplitter(Splitter):
    """Cuts a document into pieces of at most `size` tokens, special ones not counted.

    A piece keeps to one section. It takes in the section below, if both fit, and sections of a few lines are put
    together. With `overlap`, a piece begins with the last sentences of the one before, at most so many tokens of them.
    """

    def __init__(self, *, embedder: Embedder, size: int = 200, overlap: int = 0) -> None:
        if not LEAST <= size <= embedder.window - SPECIAL:
            raise ConfigError(
                "size is out of range",
                expected=f"{LEAST} to {embedder.window - SPECIAL}, what the embedder takes",
                found=str(size),
            )
        if not 0 <= overlap <= size // 2:
            raise ConfigError(
                "overlap is out of range", expected=f"0 to {size // 2}, half the size", found=str(overlap)
            )
        self.embedder, self.size, self.overlap = embedder, size, overlap

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        parts = ("tokens", VERSION, self.size, self.overlap, self.embedder.fingerprint)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order, with their token ids; together they hold every character that is not whitespace."""
        text = document.text
        headings = sorted((span for span in document.spans if span.kind == "heading"), key=lambda span: span.start)
        starts = [heading.start for heading in headings]
        pieces: list[Piece] = []
        for start, end in stretches(text, starts):
            tokens = _Tokens(self.embedder, text, start, end, size=self.size)
            within = headings[bisect_left(starts, start) : bisect_left(starts, end)]
            for section in _joined(_sections(text, start, end, within), tokens):
                for first, last in self._cut(text, section, tokens):
                    pieces.extend(self._pieces(text, first, last, tokens))
        return pieces

    def _cut(self, text: str, section: _Section, tokens: _Tokens) -> Iterator[tuple[int, int]]:
        """The ranges of a section's pieces."""
        start, end = _ink(text, section.start, section.end), section.end
        places: list[tuple[int, Break]] = []
        if not tokens.fits(start, end):
            headings = [heading.start for heading in section.headings]
            places = breaks(text, start, end, headings=headings, fits=tokens.fits)
        done = start
        while not tokens.fits(start, end):
            done = self._end(start, done, end, places, tokens)
            yield start, done
            start = _ink(text, self._next_start(start, done, end, places, tokens), end)
        yield start, end

    def _end(self, start: int, done: int, end: int, places: Sequence[tuple[int, Break]], tokens: _Tokens) -> int:
        """Where the piece that begins at `start` ends: after `done`, up to where the pieces before it reach."""
        budget, rest = self.size, tokens.count(start, end)
        if rest <= budget * (1 + SPARE):
            budget = min(budget, rest * 2 // 3 + 1)
        most = tokens.reach(start, budget)
        reached = bisect_right(places, most, key=_place)
        for kind, share in FULL:
            least = max(done, tokens.reach(start, int(budget * share)))
            for at, found in reversed(places[bisect_right(places, least, key=_place) : reached]):
                if found >= kind:
                    return at
        last = places[reached - 1][0] if reached else start
        return last if last > done else most

    def _next_start(self, start: int, done: int, end: int, places: Sequence[tuple[int, Break]], tokens: _Tokens) -> int:
        """Where the next piece begins: at `done`, or with the sentences before it that the overlap allows."""
        if not self.overlap:
            return done
        after = bisect_right(places, done, key=_place)
        least = places[after][0] if after < len(places) else end  # what the next piece must hold
        earliest = max(start + 1, tokens.back(done, self.overlap))
        repeated = places[bisect_left(places, earliest, key=_place) : after]
        return next((at for at, kind in repeated if kind >= Break.SENTENCE and tokens.fits(at, least)), done)

    def _pieces(self, text: str, start: int, end: int, tokens: _Tokens) -> Iterator[Piece]:
        """The piece of a range without the whitespace around it; none for a blank range.

        The ids are those of the stretch where the range lies between spaces. Elsewhere the piece is tokenised alone,
        and halved if that takes more tokens.
        """
        start = _ink(text, start, end)
        end = start + len(text[start:end].rstrip())
        if start == end:
            return
        before, after = text[start - 1 : start], text[end : end + 1]
        if self._separable and before in _SPACES and after in _SPACES:
            yield Piece(start, end, tokens.within(start, end))
            return
        ids, offsets = self.embedder.tokens(text[start:end])
        if len(ids) <= self.size or end - start == 1:
            yield Piece(start, end, tuple(ids))
            return
        middle = start + max(1, offsets[len(ids) // 2][0])
        yield from self._pieces(text, start, middle, tokens)
        yield from self._pieces(text, middle, end, tokens)

    @cached_property
    def _separable(self) -> bool:
        """Whether a text has the ids of its parts, cut at spaces. Byte-level tokenizers count a space to a token."""
        parts = ("The sun ", "set.\n", "Nobody\n\n", "saw  ", "it.")
        whole, _ = self.embedder.tokens("".join(parts))
        return list(whole) == [id_ for part in parts for id_ in self.embedder.tokens(part.strip())[0]]


def _ink(text: str, start: int, end: int) -> int:
    """The first place in a range that is not blank; its end where there is none."""
    found = _INK.search(text, start, end)
    return found.start() if found else end


def _place(place: tuple[int, Break]) -> int:
    return place[0]


class _Tokens:
    """The tokens of a stretch of text, at their places in the whole text."""

    def __init__(self, embedder: Embedder, text: str, start: int, end: int, *, size: int) -> None:
        ids, offsets = embedder.tokens(text[start:end])
        self._ids = tuple(ids)
        self._starts = [start + first for first, _ in offsets]
        self._end, self.size, self._characters = end, size, size * CHARACTERS

    def count(self, start: int, end: int) -> int:
        """How many tokens begin in a range."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def within(self, start: int, end: int) -> tuple[int, ...]:
        """The ids of the tokens that begin in a range."""
        return self._ids[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def fits(self, start: int, end: int) -> bool:
        """Whether a range may be one piece."""
        return end - start <= self._characters and self.count(start, end) <= self.size

    def reach(self, start: int, tokens: int) -> int:
        """The farthest place to which a piece from `start` may go with at most so many tokens."""
        index = bisect_left(self._starts, start) + tokens
        end = self._starts[index] if index < len(self._starts) else self._end
        return max(start + 1, min(end, start + self._characters))

    def back(self, end: int, tokens: int) -> int:
        """The first place from which there are at most so many tokens to `end`."""
        return self._starts[max(0, bisect_left(self._starts, end) - tokens)]


# ── Sections ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Section:
    """A range that pieces do not cross, and the headings in it."""

    start: int
    end: int
    headings: tuple[Span, ...]

    def encloses(self, other: _Section) -> bool:
        """Whether the other lies below this one's last heading; text before the first heading encloses all."""
        return not self.headings or other.start < self.headings[-1].end


def _sections(text: str, start: int, end: int, headings: Sequence[Span]) -> list[_Section]:
    """The text under each heading up to the next. A heading without text of its own belongs to the section after it."""
    found: list[_Section] = []
    held: list[Span] = []
    under = start
    for heading in headings:
        if text[under : heading.start].strip():
            found.append(_Section(start, heading.start, tuple(held)))
            start, held = heading.start, []
        held.append(heading)
        under = body(text, heading.start)
    return [*found, _Section(start, end, tuple(held))]


def _joined(sections: Sequence[_Section], tokens: _Tokens) -> list[_Section]:
    """The sections, small ones put together: each with the one below it, then tiny ones with their neighbours."""

    def holds_it(left: _Section, right: _Section) -> bool:
        return tokens.fits(left.start, right.end) and left.encloses(right)

    def tiny(left: _Section, right: _Section) -> bool:
        least = min(tokens.count(left.start, left.end), tokens.count(right.start, right.end))
        return tokens.fits(left.start, right.end) and least < tokens.size * TINY

    return _merged(_merged(sections, holds_it), tiny)


def _merged(sections: Sequence[_Section], joins: Callable[[_Section, _Section], bool]) -> list[_Section]:
    merged = [sections[0]]
    for section in sections[1:]:
        last = merged[-1]
        if joins(last, section):
            merged[-1] = _Section(last.start, section.end, last.headings + section.headings)
        else:
            merged.append(section)
    return merged
