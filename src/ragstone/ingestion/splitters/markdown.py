"""One piece for each section under a heading.

    split: {by: markdown, level: 2, size: 200}

It works on every format whose parser finds headings: Markdown, HTML, Word and others.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.cutting import SizedSplitter
from ragstone.ingestion.splitters.tokens import sections
from ragstone.protocols import Embedder
from ragstone.types import Document, Piece

__all__ = ["MarkdownSplitter"]

DEEPEST = 6


class MarkdownSplitter(SizedSplitter):
    """Cuts before every heading up to `level`, and puts no two sections together.

    A heading without text of its own stays with the section after it. A section that does not fit is cut as `tokens`
    cuts, fenced code and tables whole where they fit.
    """

    def __init__(self, *, embedder: Embedder, level: int = 2, size: int = 200) -> None:
        super().__init__(embedder=embedder, size=size)
        if not 1 <= level <= DEEPEST:
            raise ConfigError("level is out of range", expected=f"1 to {DEEPEST}", found=str(level))
        self.level = level

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        return self.identity("markdown", self.level)

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order; together they hold every character that is not whitespace."""
        cutter, text = self.cutter(document), document.text
        headings = [span for span in document.spans if span.kind == "heading" and span.level <= self.level]
        headings.sort(key=lambda span: span.start)
        return [
            piece
            for section in sections(text, 0, len(text), headings)
            for piece in cutter.cut(section.start, section.end)
        ]
