"""Puts a text together from blocks, with the spans that lie over them, for every format that is no text itself."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Literal

from ragstone.ingestion.parsers import sections
from ragstone.types import Span

__all__ = ["Blocks", "cell"]

GAP = "\n\n"
_BREAKS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class Blocks:
    r"""Text in the making: blocks with a blank line between them.

    >>> blocks = Blocks()
    >>> blocks.heading(1, "Fish")
    >>> blocks.table([["name", "kg"], ["Cod", "3"]])
    >>> blocks.text
    'Fish\n\nname | kg\nCod | 3'
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[tuple[int, int, str]] = []
        self._spans: list[Span] = []

    @property
    def text(self) -> str:
        """What was put together so far."""
        return "".join(self._parts)

    def spans(self) -> tuple[Span, ...]:
        """Everything that lies over the text, sections first."""
        return (*sections(self._headings, self._length), *self._spans)

    def add(self, text: str) -> int:
        """Adds a block, and returns where it begins; a blank one adds nothing."""
        text = text.strip("\n").rstrip()
        if not text.strip():
            return self._length
        if self._parts:
            self._put(GAP)
        start = self._length
        self._put(text)
        return start

    def heading(self, level: int, label: str) -> None:
        """Adds a heading: a section begins. A blank one is none."""
        if label := " ".join(label.split()):
            start = self.add(label)
            self._headings.append((start, level, label))

    def table(self, rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = (), caption: str = "") -> None:
        """Adds a table, a line for each row; with `numbers` each row is a span of its own, too."""
        lines = [" | ".join(map(cell, row)).rstrip() for row in rows]
        if not any(line.strip(" |") for line in lines):
            return
        if self._parts:
            self._put(GAP)
        start = self._length
        for at, line in enumerate(lines):
            if at:
                self._put("\n")
            begun = self._length
            self._put(line or "|")
            if numbers:
                self._spans.append(Span("row", begun, self._length, str(numbers[at])))
        self._spans.append(Span("table", start, self._length, caption))

    def insert(
        self, text: str, headings: Sequence[tuple[int, int, str]] = (), tables: Sequence[tuple[int, int]] = ()
    ) -> None:
        """Adds a text that has been put together already, with the places in it."""
        start = self.add(text) if text == text.strip() else self.add(text.strip())
        self._headings += [(start + at, level, label) for at, level, label in headings]
        self._spans += [Span("table", start + first, start + last, "") for first, last in tables]

    @contextmanager
    def within(self, kind: Literal["page", "slide", "sheet"], label: str) -> Generator[None]:
        """What is added inside belongs to that page, slide or sheet; one without any text has no span."""
        before = self._length
        yield
        start = before + len(GAP) if before else 0
        if self._length > start:
            self._spans.append(Span(kind, start, self._length, label))

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def cell(value: str) -> str:
    """The words of a cell on one line."""
    return _BREAKS.sub(" ", value).strip()
