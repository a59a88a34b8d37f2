"""Tables in CSV and TSV: their text as it stands, and where each record lies in it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from ragstone.ingestion.detect import delimiter_of
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.text import LINE, decode
from ragstone.protocols import Parser
from ragstone.types import Parsed, Span

if TYPE_CHECKING:
    from _csv import Reader as Records

__all__ = ["CsvParser"]


class CsvParser(Parser):
    """The decoded file, unchanged but for a byte-order mark. The first record is the header.

    The file is one table; each record is a row, numbered as a spreadsheet would, and keeps the line breaks in its
    quoted fields.
    """

    media_types: ClassVar[tuple[str, ...]] = ("text/csv", "text/tab-separated-values")

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text, the table and its rows. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        delimiter = delimiter_of(text)
        try:
            rows = _rows(text, csv.reader(_lines(text), delimiter=delimiter))
        except csv.Error:  # a quote that is never closed swallows all that follows
            rows = _plain_rows(text)
            warnings = (*warnings, "a quote is never closed: each line was read as a row")
        spans = (Span("table", rows[0].start, rows[-1].end, ""), *rows) if rows else ()
        return Parsed(
            text=text,
            media_type="text/tab-separated-values" if delimiter == "\t" else "text/csv",
            title=title_from(uri),
            spans=spans,
            warnings=warnings,
            verbatim=True,
        )


def _lines(text: str) -> Iterator[str]:
    return (line[0] for line in LINE.finditer(text))


def _rows(text: str, records: Records) -> list[Span]:
    """Each record that holds anything."""
    ends = [0, *(line.end() for line in LINE.finditer(text))]
    rows: list[Span] = []
    start = 0
    for number, record in enumerate(records, 1):
        end = ends[records.line_num]
        if any(field.strip() for field in record):
            rows.append(Span("row", start, start + len(text[start:end].rstrip("\r\n")), str(number)))
        start = end
    return rows


def _plain_rows(text: str) -> list[Span]:
    """Each line that holds anything."""
    rows: list[Span] = []
    for number, line in enumerate(LINE.finditer(text), 1):
        if line[0].strip():
            rows.append(Span("row", line.start(), line.start() + len(line[0].rstrip("\r\n")), str(number)))
    return rows
