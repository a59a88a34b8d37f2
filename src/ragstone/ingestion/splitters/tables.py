"""The tables of a document: their header, their rows, and what stands right before them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ragstone.ingestion.splitters.breaks import body
from ragstone.types import Document

__all__ = ["Table", "lead", "tables"]

CAPTION = 200  # characters of a line that may be a table's caption

_LINE_END = re.compile(r"\r\n|\n|\r")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_CAPTION_BEFORE = re.compile(r"(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)[ \t]*\Z")  # a blank line


@dataclass(frozen=True)
class Table:
    """A range of a text in which each row is a line, the first one the header.

    `rows` is given where the parser has marked them: a quoted cell of a CSV file may hold line breaks.
    """

    text: str
    start: int
    end: int
    marked: tuple[int, ...] = ()

    @cached_property
    def places(self) -> list[int]:
        """Where the rows after the first begin."""
        if self.marked:
            return [at for at in self.marked if self.start < at < self.end]
        ends = (found.end() for found in _LINE_END.finditer(self.text, self.start, self.end))
        return [at for at in ends if at < self.end]

    @cached_property
    def body(self) -> int:
        """Where the first row after the header begins; the end where there is none."""
        after = [*self.places[:2], self.end]
        if len(after) > 1:
            second = self.text[after[0] : after[1]].rstrip("\r\n")
            if "|" in second and _DELIMITER.fullmatch(second):
                return after[1]
        return after[0]

    @property
    def header(self) -> str:
        """The header row, with the line of dashes under it in Markdown."""
        return self.text[self.start : self.body].strip()

    def last(self, start: int, most: int) -> int | None:
        """The last place after `start` and up to `most` where a row begins or the table ends."""
        if most >= self.end:
            return self.end
        at = bisect_right(self.places, most) - 1
        return self.places[at] if at >= 0 and self.places[at] > start else None

    def after(self, start: int, rows: int = 1) -> int:
        """Where so many rows end, the first being the one that holds a place."""
        at = bisect_right(self.places, start) + rows - 1
        return self.places[at] if at < len(self.places) else self.end


def tables(document: Document) -> list[Table]:
    """The tables of a document in order; one inside another is part of that."""
    rows = sorted(span.start for span in document.spans if span.kind == "row")
    found: list[Table] = []
    for span in sorted((span for span in document.spans if span.kind == "table"), key=lambda span: span.start):
        if span.start >= (found[-1].end if found else 0) and document.text[span.start : span.end].strip():
            marked = rows[bisect_left(rows, span.start) : bisect_left(rows, span.end)]
            found.append(Table(document.text, span.start, span.end, tuple(marked)))
    return found


def lead(text: str, least: int, start: int, headings: Sequence[int]) -> int:
    """Where what belongs to the table at `start` begins: its caption, one line that stands alone, and its headings."""
    under = _headings(text, least, start, headings)
    if under < start:
        return under
    first = max(least, start - CAPTION)
    before = text[first:start].rstrip()
    line = first + max(before.rfind("\n"), before.rfind("\r")) + 1
    if not before or (line == first > least):
        return start
    above = _headings(text, least, line, headings)
    alone = line == least or above < line or _CAPTION_BEFORE.search(text, max(least, line - 20), line)
    return above if alone else start


def _headings(text: str, least: int, start: int, headings: Sequence[int]) -> int:
    """Where the headings right before a place begin."""
    for heading in reversed(headings[bisect_left(headings, least) : bisect_left(headings, start)]):
        if body(text, heading) < start:
            break
        start = heading
    return start
