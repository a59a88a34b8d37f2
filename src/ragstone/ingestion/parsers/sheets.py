"""Workbooks: Excel, old and new, and OpenDocument. Each sheet is a table whose first row is its header."""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence
from typing import Any, ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.packed import opened
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["SheetsParser"]

MOST_ROWS = 1_000_000
"""Of one sheet; those after them are left out, and a warning says so."""

_TYPES = {
    b"PK": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"\xd0\xcf": "application/vnd.ms-excel",
}
_OPEN = "application/vnd.oasis.opendocument.spreadsheet"


class SheetsParser(Parser):
    """A heading with each sheet's name, then its rows, each with its number; empty rows and columns are left out."""

    media_types: ClassVar[tuple[str, ...]] = (*_TYPES.values(), _OPEN)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text, its sheets and rows. Raises ParseError for a damaged, encrypted or empty workbook."""
        from python_calamine import CalamineError, CalamineWorkbook

        if data.startswith(b"PK"):
            opened(data, uri=uri).close()
        try:
            book = CalamineWorkbook.from_filelike(io.BytesIO(data))
            names = list(book.sheet_names)
        except (CalamineError, OSError, ValueError) as error:
            if "assword" in type(error).__name__ + str(error):
                raise ParseError("is encrypted: it opens only with its password", where=uri) from error
            raise ParseError(f"is a damaged workbook: {error}", where=uri) from error
        blocks, warnings = Blocks(), list[str]()
        for name in names:
            try:
                rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            except (CalamineError, OSError, ValueError) as error:
                warnings.append(f"sheet {name!r} cannot be read: {error}")
                continue
            if len(rows) > MOST_ROWS:
                warnings.append(f"sheet {name!r} has {len(rows):,} rows, of which {MOST_ROWS:,} were read")
            _sheet(name, rows[:MOST_ROWS], blocks)
        text = blocks.text
        if not text:
            raise ParseError("holds no text: every sheet is empty", where=uri)
        media_type = _TYPES.get(data[:2], _OPEN)
        if media_type == self.media_types[0] and b"mimetypeapplication/vnd.oasis" in data[:200]:
            media_type = _OPEN
        return Parsed(
            text=text, media_type=media_type, title=title_from(uri), spans=blocks.spans(), warnings=tuple(warnings)
        )


def _sheet(name: str, rows: Sequence[Sequence[Any]], blocks: Blocks) -> None:
    written = [(number, [_shown(value) for value in row]) for number, row in enumerate(rows, 1)]
    written = [(number, row) for number, row in written if any(row)]
    if not written:
        return
    columns = [at for at in range(len(written[0][1])) if any(at < len(row) and row[at] for _, row in written)]
    with blocks.within("sheet", name):
        blocks.heading(1, name)
        cells = [[row[at] if at < len(row) else "" for at in columns] for _, row in written]
        blocks.table(cells, numbers=[number for number, _ in written], caption=name)


def _shown(value: Any) -> str:
    """A value as a person reads it.

    >>> _shown(3.0), _shown(2.5), _shown(datetime.date(2024, 5, 1)), _shown(True)
    ('3', '2.5', '2024-05-01', 'TRUE')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat(*([" "] if isinstance(value, datetime.datetime) else []))
    return str(value).strip()
