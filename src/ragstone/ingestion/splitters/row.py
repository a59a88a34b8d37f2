"""One piece for each row of a table, or for a few.

split: {by: row, rows: 1}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.cutting import SizedSplitter, divided
from ragstone.protocols import Embedder
from ragstone.types import Document, Piece, Span

__all__ = ["RowSplitter"]


class RowSplitter(SizedSplitter):
    """Cuts tables after every `rows` rows, with the header row as the context of each piece after the first.

    The first piece holds the header itself. Rows that do not fit are cut further, and text outside of tables is cut as
    `tokens` cuts.
    """

    def __init__(self, *, embedder: Embedder, rows: int = 1, size: int = 200) -> None:
        super().__init__(embedder=embedder, size=size)
        if rows < 1:
            raise ConfigError("rows is out of range", expected="1 or more", found=str(rows))
        self.rows = rows

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Covers the rules, the settings and the embedder's tokenizer."""
        return self.identity("row", self.rows)

    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces in order; together they hold every character that is not whitespace."""
        cutter, text = self.cutter(document), document.text
        rows = sorted((span for span in document.spans if span.kind == "row"), key=lambda span: span.start)
        pieces: list[Piece] = []
        for start, end, table in cutter.parts(0, len(text)):
            if table is not None:
                pieces += cutter.rows(start, end, table, at_most=self.rows)
                continue
            for first, last in self._grouped(divided(text, start, end, rows)):
                pieces += cutter.cut(first, last)
        return pieces

    def _grouped(self, parts: Iterable[tuple[int, int, Span | None]]) -> Iterator[tuple[int, int]]:
        """The rows that stand outside of a table, so many together, and the text between them.

        They are the records of a JSON Lines file, for one.
        """
        start = held = last = 0
        for first, end, span in parts:
            if held and (span is None or held == self.rows):
                yield start, last
                held = 0
            if span is None:
                yield first, end
                continue
            start = start if held else first
            held, last = held + 1, end
        if held:
            yield start, last
