"""Pieces of at most so many tokens, counted by the tokenizer of the embedder that will read them.

    split: {by: tokens, size: 200}

A piece ends, in this order of preference, where a section, a paragraph or a sentence ends; a sentence that does not fit
is cut between words, and a word that does not fit anywhere. A table stands apart, and is cut between rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.breaks import body, stretches
from ragstone.ingestion.splitters.cutting import Cutter, SizedSplitter, Tokens
from ragstone.protocols import Embedder
from ragstone.types import Document, Piece, Span

__all__ = ["Section", "TokenSplitter", "sectioned", "sections"]

TINY = 0.15  # of the size: a section below this joins its neighbour


class TokenSplitter(SizedSplitter):
    """Cuts a document into pieces of at most `size` tokens, special ones not counted.

    A piece keeps to one section. It takes in the section below, if both fit, and sections of a few lines are put
    together. With `overlap`, a piece begins with the last sentences of the one before, at most so many tokens of them.
    A table is a piece of its own, with the heading or the caption right before it; one that does not fit is cut between
    rows, and each piece after the first has the header row as its context.
    """

    def __init__(self, *, embedder: Embedder, size: int = 200, overlap: int = 0) -> None:
        super().__init__(embedder=embedder, size=size)
        if not 0 <= overlap <= size // 2:
            raise ConfigError(
                "overlap is out of range", expected=f"0 to {size // 2}, half the size", found=str(overlap)
            )
        self.overlap = overlap

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        return self.identity("tokens", self.overlap)

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order, with their token ids; together they hold every character that is not whitespace."""
        return list(sectioned(self.cutter(document, overlap=self.overlap), document))


def sectioned(cutter: Cutter, document: Document) -> Iterator[Piece]:
    """The pieces of a whole document, each kept to one section."""
    text = document.text
    headings = sorted((span for span in document.spans if span.kind == "heading"), key=lambda span: span.start)
    starts = [heading.start for heading in headings]
    for first, last, table in cutter.parts(0, len(text)):
        if table is not None:
            yield from cutter.rows(first, last, table)
            continue
        for start, end in stretches(text, starts, first, last):
            tokens = cutter.tokens(start, end)
            within = headings[bisect_left(starts, start) : bisect_left(starts, end)]
            for section in _joined(sections(text, start, end, within), tokens):
                for begun, ended in cutter.ranges(tokens, section.start, section.end):
                    yield from cutter.pieces(tokens, begun, ended)


@dataclass(frozen=True, slots=True)
class Section:
    """A range that pieces do not cross, and the headings in it."""

    start: int
    end: int
    headings: tuple[Span, ...]

    def encloses(self, other: Section) -> bool:
        """Whether the other lies below this one's last heading; text before the first heading encloses all."""
        return not self.headings or other.start < self.headings[-1].end


def sections(text: str, start: int, end: int, headings: Sequence[Span]) -> list[Section]:
    """The text under each heading up to the next. A heading without text of its own belongs to the section after it."""
    found: list[Section] = []
    held: list[Span] = []
    under = start
    for heading in headings:
        if text[under : heading.start].strip():
            found.append(Section(start, heading.start, tuple(held)))
            start, held = heading.start, []
        held.append(heading)
        under = body(text, heading.start)
    return [*found, Section(start, end, tuple(held))]


def _joined(sections: Sequence[Section], tokens: Tokens) -> list[Section]:
    """The sections, small ones put together: each with the one below it, then tiny ones with their neighbours."""

    def holds_it(left: Section, right: Section) -> bool:
        return tokens.fits(left.start, right.end) and left.encloses(right)

    def tiny(left: Section, right: Section) -> bool:
        least = min(tokens.count(left.start, left.end), tokens.count(right.start, right.end))
        return tokens.fits(left.start, right.end) and least < tokens.size * TINY

    return _merged(_merged(sections, holds_it), tiny)


def _merged(sections: Sequence[Section], joins: Callable[[Section, Section], bool]) -> list[Section]:
    merged = [sections[0]]
    for section in sections[1:]:
        last = merged[-1]
        if joins(last, section):
            merged[-1] = Section(last.start, section.end, last.headings + section.headings)
        else:
            merged.append(section)
    return merged
