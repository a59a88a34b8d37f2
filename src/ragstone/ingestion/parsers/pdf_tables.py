"""Tables of a PDF, found by their ruling lines, in place of the loose words of their cells."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ragstone.ingestion.parsers.blocks import cell

__all__ = ["Table", "find_tables", "has_ruling", "written"]

LEAST_LINES = 4  # of a frame with one line in it
MOST_PAGES = 300
MOST_SECONDS = 60.0
THIN = 3.0  # points
FILLED = 0.4  # of a table's cells; below it the lines draw something else


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, and where they stand: (left, bottom, right, top) in points from the page's lower left corner."""

    rows: tuple[tuple[str, ...], ...]
    box: tuple[float, float, float, float]

    @property
    def text(self) -> str:
        """A line for each row."""
        return "\n".join(" | ".join(row) for row in self.rows)


def has_ruling(page: Any) -> bool:
    """Whether a page of pdfium's draws enough straight lines, or boxes, for a table: a look at this costs little."""
    raw: Any = import_module("pypdfium2.raw")
    count = 0
    for found in page.get_objects(filter=(raw.FPDF_PAGEOBJ_PATH,), max_depth=3):
        left, bottom, right, top = found.get_bounds()
        wide, high = right - left, top - bottom
        if min(wide, high) < THIN:
            count += max(wide, high) > 4 * THIN
        else:
            count += 2 if wide > 4 * THIN and high > 2 * THIN else 0
        if count >= LEAST_LINES:
            return True
    return False


def find_tables(data: bytes, pages: Sequence[int]) -> tuple[dict[int, list[Table]], str]:
    """The tables of these pages, by index, and a warning where some could not be looked at."""
    try:
        pdfplumber: Any = import_module("pdfplumber")
    except ModuleNotFoundError:
        return {}, "tables are read as loose words (pip install 'ragstone[documents]' reads their rows)"
    logging.getLogger("pdfminer").setLevel(logging.ERROR)
    found: dict[int, list[Table]] = {}
    limit = time.monotonic() + MOST_SECONDS
    try:
        with pdfplumber.open(io.BytesIO(data)) as document:
            for done, index in enumerate(pages):
                if done == MOST_PAGES or time.monotonic() > limit:
                    return found, f"tables were looked for on {done} of {len(pages)} pages with ruling lines"
                page = document.pages[index]
                if tables := list(_tables(page)):
                    found[index] = tables
                page.close()
    except Exception as error:  # pdfminer raises whatever a damaged file makes it; the words are there all the same
        return found, f"some tables could not be read: {type(error).__name__}"
    return found, ""


def _tables(page: Any) -> Iterator[Table]:
    if page.rotation:
        return
    height = float(page.height)
    for table in page.find_tables():
        rows = [tuple(cell(value or "") for value in row) for row in table.extract()]
        rows = [row for row in rows if any(row)]
        columns = [at for at in range(max(map(len, rows), default=0)) if any(row[at] for row in rows)]
        rows = [tuple(row[at] for at in columns) for row in rows]
        if len(rows) < 2 or len(columns) < 2:
            continue
        if sum(bool(value) for row in rows for value in row) < FILLED * len(rows) * len(columns):
            continue
        left, top, right, bottom = map(float, table.bbox)
        yield Table(tuple(rows), (left, height - bottom, right, height - top))


def written(page: Any, text: str, tables: Sequence[Table]) -> str:
    """The text of a page with its tables as rows, in place of their words; where others stand beside them, after it."""
    ordered = sorted(tables, key=lambda table: -table.box[3])
    placed = _placed(page, ordered)
    if placed is not None and _letters(placed) >= 0.95 * _letters(text):
        return placed
    return "\n\n".join([text, *(table.text for table in ordered)])


def _placed(page: Any, tables: Sequence[Table]) -> str | None:
    width, height = page.get_size()
    parts: list[str] = []
    top = height
    with closing(page.get_textpage()) as words:
        for table in tables:
            left, bottom, right, upper = table.box
            beside = words.get_text_bounded(0, bottom, left - 1, upper) + words.get_text_bounded(
                right + 1, bottom, width, upper
            )
            if upper > top + 1 or beside.strip():
                return None
            parts += [words.get_text_bounded(0, upper, width, top), table.text]
            top = bottom
        parts.append(words.get_text_bounded(0, 0, width, top))
    return "\n\n".join(clean for part in parts if (clean := part.replace("\r\n", "\n").strip()))


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
