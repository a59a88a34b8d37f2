"""One piece for each page, slide or sheet.

split: {by: page, size: 250}
"""

from __future__ import annotations

from collections.abc import Sequence

from ragstone.ingestion.splitters.cutting import SizedSplitter, divided
from ragstone.protocols import Embedder
from ragstone.types import Document, Piece

__all__ = ["PageSplitter"]

KINDS = ("page", "slide", "sheet")


class PageSplitter(SizedSplitter):
    """Cuts between pages, slides and sheets; one that does not fit is cut as `tokens` cuts.

    A document without pages is cut like one long page.
    """

    def __init__(self, *, embedder: Embedder, size: int = 200) -> None:
        super().__init__(embedder=embedder, size=size)

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        return self.identity("page")

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order; together they hold every character that is not whitespace."""
        cutter, text = self.cutter(document), document.text
        pages = sorted((span for span in document.spans if span.kind in KINDS), key=lambda span: span.start)
        return [piece for start, end, _ in divided(text, 0, len(text), pages) for piece in cutter.cut(start, end)]
