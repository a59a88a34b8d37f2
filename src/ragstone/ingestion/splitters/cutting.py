"""Cuts any range of a document into pieces of at most so many tokens: what every splitter shares."""

from __future__ import annotations

import hashlib
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters import breaks as _breaks
from ragstone.ingestion.splitters.breaks import Break, breaks, stretches
from ragstone.ingestion.splitters.tables import Table, lead, tables
from ragstone.protocols import Embedder, Splitter
from ragstone.types import Document, Piece, Span

__all__ = ["LEAST", "Cutter", "Said", "SizedSplitter", "Tokens", "divided", "ink"]

VERSION = 2  # of the rules below; raise it when they cut otherwise

LEAST = 8  # tokens: a single character may take several
SPECIAL = 2  # tokens that an embedder puts around a text
CHARACTERS = 8  # most characters for each token of the size: a text without spaces is one unknown token, however long
SPARE = 0.25  # of the size: a rest below this is not left alone
CONTEXT = 0.5  # of the size: a longer context would leave too little room for the text
FULL = (
    (Break.PARAGRAPH, 0.85),
    (Break.SENTENCE, 0.5),
)  # of the size: a piece this full ends there, not at a later place

Tokenise: TypeAlias = Callable[[str], tuple[Sequence[int], Sequence[tuple[int, int]]]]

_INK = re.compile(r"\S")
_SPACES = ("", " ", "\t", "\r", "\n")  # what every tokenizer takes for a space, and the ends of the text


def ink(text: str, start: int, end: int) -> int:
    """The first place in a range that is not blank; its end where there is none."""
    found = _INK.search(text, start, end)
    return found.start() if found else end


@dataclass(frozen=True, slots=True)
class Said:
    """What is said before the text of a piece, and its token ids."""

    text: str
    ids: tuple[int, ...]


class SizedSplitter(Splitter):
    """A splitter whose pieces hold at most `size` tokens, special ones not counted."""

    def __init__(self, *, embedder: Embedder, size: int) -> None:
        most = embedder.window - SPECIAL
        if not LEAST <= size <= most:
            raise ConfigError(
                "size is out of range", expected=f"{LEAST} to {most}, what the embedder takes", found=str(size)
            )
        self.embedder, self.size, self.tokenising = embedder, size, 0.0

    def identity(self, *parts: object) -> str:
        """A fingerprint of the rules, the settings and the embedder's tokenizer."""
        known = (*parts, VERSION, self.size, self.embedder.fingerprint)
        return hashlib.blake2b(repr(known).encode(), digest_size=16).hexdigest()

    def tokenised(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """The embedder's tokens of a text, and what they took noted."""
        begun = time.perf_counter()
        found = self.embedder.tokens(text)
        self.tokenising += time.perf_counter() - begun
        return found

    def cutter(self, document: Document, *, size: int | None = None, overlap: int = 0) -> Cutter:
        """What cuts this document."""
        return Cutter(self.tokenised, document, size=size or self.size, overlap=overlap, separable=self._separable)

    @cached_property
    def _separable(self) -> bool:
        """Whether a text has the ids of its parts, cut at spaces. Byte-level tokenizers count a space to a token."""
        parts = ("The sun ", "set.\n", "Nobody\n\n", "saw  ", "it.")
        whole, _ = self.embedder.tokens("".join(parts))
        return list(whole) == [id_ for part in parts for id_ in self.embedder.tokens(part.strip())[0]]


class Tokens:
    """The tokens of one or more neighbouring stretches of text, at their places in the whole text."""

    def __init__(self, tokenise: Tokenise, text: str, *ranges: tuple[int, int], size: int) -> None:
        known: list[int] = []
        self._starts: list[int] = []
        for start, end in ranges:
            ids, offsets = tokenise(text[start:end])
            known += ids
            self._starts += [start + first for first, _ in offsets]
        self._ids = tuple(known)
        self.start, self.end = ranges[0][0], ranges[-1][1]
        self.size, self._characters = size, size * CHARACTERS

    def narrowed(self, size: int) -> Tokens:
        """The same tokens for pieces of another size."""
        other = copy(self)
        other.size, other._characters = size, size * CHARACTERS
        return other

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
        end = self._starts[index] if index < len(self._starts) else self.end
        return max(start + 1, min(end, start + self._characters))

    def back(self, end: int, tokens: int) -> int:
        """The first place from which there are at most so many tokens to `end`."""
        return self._starts[max(0, bisect_left(self._starts, end) - tokens)]


class Cutter:
    """Makes pieces of ranges of one document.

    A piece ends, in this order of preference, where a paragraph or a sentence ends; a sentence that does not fit is cut
    between words, and a word that does not fit anywhere. A table is cut between rows, and its header row is the context
    of every piece after the first.
    """

    def __init__(
        self, tokenise: Tokenise, document: Document, *, size: int, overlap: int = 0, separable: bool = False
    ) -> None:
        self.tokenise, self.text, self.size, self.overlap = tokenise, document.text, size, overlap
        self.headings = sorted(span.start for span in document.spans if span.kind == "heading")
        self.tables = tables(document)
        self._separable = separable

    def cut(self, start: int, end: int) -> Iterator[Piece]:
        """The pieces of a range: one, where it fits; else its tables apart from the text around them."""
        start, inside = ink(self.text, start, end), self.tables_in(start, end)
        if not any(table.body <= start for table in inside[:1]) and end - start <= _breaks.STRETCH:
            tokens = self.tokens(start, end)
            if not inside or tokens.fits(start, end):
                for first, last in self.ranges(tokens, start, end):
                    yield from self.pieces(tokens, first, last)
                return
        for first, last, table in self.parts(start, end):
            yield from self.prose(first, last) if table is None else self.rows(first, last, table)

    def tokens(self, start: int, end: int, *, size: int | None = None) -> Tokens:
        """The tokens of a stretch."""
        return Tokens(self.tokenise, self.text, (start, end), size=self.size if size is None else size)

    def all_tokens(self) -> Tokens:
        """The tokens of the whole text, read stretch by stretch."""
        return Tokens(self.tokenise, self.text, *stretches(self.text, self.headings), size=self.size)

    def said(self, context: str) -> Said | None:
        """A context with its token ids; None where there is none, or no room for it."""
        context = context.strip()
        if not context or len(context) > self.size * CHARACTERS:
            return None
        ids = tuple(self.tokenise(context)[0])
        return Said(context, ids) if len(ids) <= self.size * CONTEXT else None

    # ── Text ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def prose(self, start: int, end: int, said: Said | None = None) -> Iterator[Piece]:
        """The pieces of a range without tables."""
        for first, last in stretches(self.text, self.headings, start, end):
            tokens = self.tokens(first, last, size=self.size - len(said.ids) if said else self.size)
            for begun, ended in self.ranges(tokens, first, last):
                yield from self.pieces(tokens, begun, ended, said)

    def ranges(self, tokens: Tokens, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where a part of a stretch is cut."""
        start = ink(self.text, start, end)
        places: list[tuple[int, Break]] = []
        if not tokens.fits(start, end):
            headings = self.headings[bisect_left(self.headings, start) : bisect_left(self.headings, end)]
            places = breaks(self.text, start, end, headings=headings, fits=tokens.fits)
        done = start
        while not tokens.fits(start, end):
            done = self._end(start, done, end, places, tokens)
            yield start, done
            start = ink(self.text, self._next_start(start, done, end, places, tokens), end)
        yield start, end

    def _end(self, start: int, done: int, end: int, places: Sequence[tuple[int, Break]], tokens: Tokens) -> int:
        """Where the piece that begins at `start` ends: after `done`, up to where the pieces before it reach."""
        budget, rest = tokens.size, tokens.count(start, end)
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

    def _next_start(self, start: int, done: int, end: int, places: Sequence[tuple[int, Break]], tokens: Tokens) -> int:
        """Where the next piece begins: at `done`, or with the sentences before it that the overlap allows."""
        if not self.overlap:
            return done
        after = bisect_right(places, done, key=_place)
        least = places[after][0] if after < len(places) else end  # what the next piece must hold
        earliest = max(start + 1, tokens.back(done, self.overlap))
        repeated = places[bisect_left(places, earliest, key=_place) : after]
        return next((at for at, kind in repeated if kind >= Break.SENTENCE and tokens.fits(at, least)), done)

    def pieces(self, tokens: Tokens, start: int, end: int, said: Said | None = None) -> Iterator[Piece]:
        """The piece of a range without the whitespace around it; none for a blank range.

        The ids are those of the stretch where the range lies between spaces. Elsewhere the piece is tokenised alone,
        and halved if that takes more tokens.
        """
        text, start = self.text, ink(self.text, start, end)
        end = start + len(text[start:end].rstrip())
        if start == end:
            return
        before, after = text[start - 1 : start], text[end : end + 1]
        if self._separable and before in _SPACES and after in _SPACES:
            ids = tokens.within(start, end)
            yield Piece(start, end, said.ids + ids, said.text) if said else Piece(start, end, ids)
            return
        context = f"{said.text}\n" if said else ""
        ids, offsets = self.tokenise(context + text[start:end])
        if len(ids) <= self.size:
            yield Piece(start, end, tuple(ids), said.text if said else "")
            return
        if end - start == 1:
            yield Piece(start, end, tuple(self.tokenise(text[start:end])[0]))
            return
        inner = [first - len(context) for first, _ in offsets if first > len(context)]
        middle = start + (inner[len(inner) // 2] if inner else (end - start) // 2)
        yield from self.pieces(tokens, start, middle, said)
        yield from self.pieces(tokens, middle, end, said)

    # ── Tables ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def tables_in(self, start: int, end: int) -> list[Table]:
        """The tables that overlap a range."""
        first = bisect_right(self.tables, start, key=lambda table: table.end)
        return self.tables[first : bisect_left(self.tables, end, key=lambda table: table.start)]

    def parts(self, start: int, end: int) -> Iterator[tuple[int, int, Table | None]]:
        """The range in parts, each the text between tables or a table with what belongs to it."""
        for table in self.tables_in(start, end):
            first = lead(self.text, start, table.start, self.headings) if table.start > start else start
            if first > start:
                yield start, first, None
            start = min(end, table.end)
            yield first, start, table
        if start < end:
            yield start, end, None

    def rows(self, start: int, end: int, table: Table, *, at_most: int | None = None) -> Iterator[Piece]:
        """The pieces of a table from `start`, where its caption may stand, up to `end`.

        A table that fits is one piece. Any other is cut between rows, and a row that does not fit is cut like text.
        `at_most` so many rows are in a piece, the header not counted.
        """
        tokens = self._rows_read(start, end, table)
        if start < table.start:
            whole = at_most is None and tokens.end == end and tokens.fits(table.start, end)
            least = end if whole else min(end, table.after(table.body))
            if not (least <= tokens.end and tokens.fits(start, least)):
                yield from self.prose(start, table.start)
                start = table.start
        context = self.said(table.header)
        while start < end:
            if tokens.end <= start:
                tokens = self._rows_read(start, end, table)
            said = context if start >= table.body else None
            few = end if at_most is None else table.after(max(start, table.body), at_most)
            fitting = tokens.narrowed(self.size - len(said.ids)) if said else tokens
            most = min(few, fitting.reach(start, fitting.size))
            if most >= tokens.end < end and tokens.start < start:
                tokens = self._rows_read(start, end, table)  # more rows may fit than were read
                continue
            stop = end if most >= end else table.last(start, most)
            if stop is None:
                stop = min(end, table.after(start))
                yield from self.prose(start, stop, said)
            else:
                yield from self.pieces(tokens, start, stop, said)
            start = stop

    def _rows_read(self, start: int, end: int, table: Table) -> Tokens:
        """The tokens of as many rows as make up a stretch; of part of a row that is longer."""
        most = start + _breaks.STRETCH
        return self.tokens(start, end if most >= end else table.last(start, most) or most)


def divided(text: str, start: int, end: int, spans: Sequence[Span]) -> Iterator[tuple[int, int, Span | None]]:
    """A range in parts, each one of these spans, sorted by their start, or what lies between two of them."""
    for span in spans[bisect_left(spans, start, key=_start) : bisect_left(spans, end, key=_start)]:
        if span.start < start or span.start == span.end or span.end > end:
            continue
        if text[start : span.start].strip():
            yield start, span.start, None
        yield span.start, span.end, span
        start = span.end
    if text[start:end].strip():
        yield start, end, None


def _start(span: Span) -> int:
    return span.start


def _place(place: tuple[int, Break]) -> int:
    return place[0]
