"""PDF: the text layer page by page, with the sections that the outline names."""

from __future__ import annotations

import io
import re
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, ClassVar, Literal, TypeAlias

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import check_length, sections, title_from
from ragstone.ingestion.parsers.image import NO_OCR
from ragstone.ingestion.parsers.pdf_lines import without_running_lines
from ragstone.ingestion.parsers.pdf_tables import Table, find_tables, has_ruling, written
from ragstone.protocols import Ocr, Parser
from ragstone.types import Parsed, Span

__all__ = ["PdfParser"]

Handle: TypeAlias = Any  # pypdfium2 has no types

PAGE_BREAK = "\n\n"
MAX_BOOKMARKS = 10_000
DOTS = 300  # to the inch, of a page that OCR reads

_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD of fpdfview.h
_PDFIUM = threading.Lock()  # pdfium keeps global state and may be called by one thread at a time

_HYPHEN = "\ufffe"  # pdfium's sign where a hyphen ended a line
_BROKEN_WORD = re.compile(rf"(\w+){_HYPHEN}(\w+)")
_COMPOUND = re.compile(r"\w+-\w+")
_CLEAN = str.maketrans(
    {
        **dict.fromkeys(range(0x20)),
        **{space: chr(space) for space in b"\t\n"},
        **{chr(ligature): unicodedata.normalize("NFKC", chr(ligature)) for ligature in range(0xFB00, 0xFB07)},
        **dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff\uffff"), None),
        **dict.fromkeys(map(ord, "\uf0a7\uf0b7"), "•"),  # bullets of the Wingdings and Symbol fonts
    }
)
_MADE_TITLE = re.compile(
    r"untitled.*|\(anonymous\)|microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|pdf|tex|dvi|indd|rtf|qxd)", re.IGNORECASE
)


class PdfParser(Parser):
    """The text as the pages show it, a blank line between two pages, and a span for each page that has text.

    A word that a line broke in two is joined; its hyphen stays where the same compound stands elsewhere in the text, or
    a capital follows. Control characters and soft hyphens go, ligatures become letters. A section begins where the
    title of its bookmark stands on its page; a title that does not stand there only ends the section before it.
    """

    media_types: ClassVar[tuple[str, ...]] = ("application/pdf",)

    def __init__(
        self,
        *,
        repeated_lines: Literal["drop", "keep"] = "drop",
        tables: bool = True,
        password: str = "",
        ocr: Ocr | None = None,
    ) -> None:
        self.repeated_lines, self.tables, self.password, self.ocr = repeated_lines, tables, password, ocr

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its pages. Raises ParseError for an encrypted, damaged or scanned file."""
        with _PDFIUM, closing(_opened(data, uri, self.password)) as document:
            pages, ruled = _pages(document, uri, look=self.tables)
            bookmarks = _bookmarks(document)
            named = document.get_metadata_value("Title").strip()
            read = self._read_scans(document, pages)
            found, said = find_tables(data, ruled) if ruled and not self.password else ({}, "")
            for index, tables in found.items():
                with closing(document[index]) as page:
                    pages[index] = _clean(written(page, pages[index], tables))
        if not any(pages):
            count = f"{len(pages)} page{'s' * (len(pages) != 1)}"
            reason = f"has no text layer ({count}): it is scanned or holds only images"
            raise ParseError(reason, where=uri, hint=NO_OCR if self.ocr is None else "OCR found no words on it.")
        if self.repeated_lines == "drop":
            pages = without_running_lines(pages)
        pages = _rejoined(pages)
        text = PAGE_BREAK.join(page for page in pages if page)
        page_spans = _page_spans(pages, len(text))
        title = named if named and not _MADE_TITLE.fullmatch(named) else title_from(uri)
        without = [number for number, page in enumerate(pages, 1) if not page]
        warnings = [f"no text on page{'s' * (len(without) > 1)} {_ranges(without)}"] if without else []
        warnings += [f"the words of page{'s' * (len(read) > 1)} {_ranges(read)} were read by OCR"] if read else []
        warnings += [said] if said else []
        spans = (*page_spans, *_outline(text, bookmarks, page_spans), *_table_spans(text, page_spans, found))
        return Parsed(text=text, media_type="application/pdf", title=title, spans=spans, warnings=tuple(warnings))

    def _read_scans(self, document: Handle, pages: list[str]) -> list[int]:
        """Reads the pages without text where there is OCR, and returns their numbers."""
        if self.ocr is None:
            return []
        read: list[int] = []
        for index, text in enumerate(pages):
            if not text:
                with closing(document[index]) as page:
                    pages[index] = _clean(self.ocr.read(_picture(page)))
                read += [index + 1] if pages[index] else []
        return read


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _library() -> Handle:
    import pypdfium2  # pyright: ignore[reportMissingTypeStubs]

    return pypdfium2


def _opened(data: bytes, uri: str, password: str) -> Handle:
    pypdfium2 = _library()

    try:
        return pypdfium2.PdfDocument(data, password=password or None)
    except pypdfium2.PdfiumError as error:
        if error.err_code == _PASSWORD_ERROR:
            raise ParseError(
                "is encrypted: it opens only with its password",
                where=uri,
                hint="Save it without one, or set `parse: {pdf: {password: …}}`.",
            ) from error
        raise ParseError("is damaged: it cannot be opened as a PDF", where=uri) from error


def _pages(document: Handle, uri: str, *, look: bool) -> tuple[list[str], list[int]]:
    """The text of each page, none for a damaged one, and the indices of those that may hold tables."""
    pages, ruled, length = list[str](), list[int](), 0
    for index in range(len(document)):
        text = ""
        try:
            with closing(document[index]) as page:
                with closing(page.get_textpage()) as textpage:
                    text = textpage.get_text_range()
                if look and text and has_ruling(page):
                    ruled.append(index)
        except _library().PdfiumError:
            pass
        length += len(text)
        check_length(length, uri=uri)
        pages.append(_clean(text))
    return pages, ruled


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CLEAN)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def _picture(page: Handle) -> bytes:
    """A page as PNG, at a resolution that OCR reads well."""
    with io.BytesIO() as target:
        page.render(scale=DOTS / 72, grayscale=True).to_pil().save(target, "PNG")
        return target.getvalue()


def _bookmarks(document: Handle) -> list[tuple[int, int, str]]:
    """The outline: for each bookmark its level from 1, the index of its page, and its title."""
    found: list[tuple[int, int, str]] = []
    for bookmark in islice(document.get_toc(), MAX_BOOKMARKS):
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        if page is not None:
            found.append((bookmark.level + 1, page, " ".join(bookmark.get_title().split())))
    return found


# ── Making sense of it ───────────────────────────────────────────────────────────────────────────────────────────────


def _rejoined(pages: Sequence[str]) -> list[str]:
    """The pages with the words whole that a line broke in two."""
    compounds = {compound.lower() for page in pages for compound in _COMPOUND.findall(page)}

    def joined(broken: re.Match[str]) -> str:
        compound = f"{broken[1]}-{broken[2]}"
        return compound if broken[2][0].isupper() or compound.lower() in compounds else broken[1] + broken[2]

    return [_BROKEN_WORD.sub(joined, page).replace(_HYPHEN, "-") for page in pages]


def _page_spans(pages: Sequence[str], end: int) -> tuple[Span, ...]:
    """A span for each page with text, the blank line after it included."""
    starts: list[tuple[int, str]] = []
    at = 0
    for number, page in enumerate(pages, 1):
        if page:
            starts.append((at, str(number)))
            at += len(page) + len(PAGE_BREAK)
    ends = [start for start, _ in starts[1:]] + [end]
    return tuple(Span("page", start, stop, label) for (start, label), stop in zip(starts, ends, strict=True))


def _outline(text: str, bookmarks: Sequence[tuple[int, int, str]], pages: Sequence[Span]) -> list[Span]:
    """The sections under the bookmarks whose titles stand on their pages."""
    page_at = {int(page.label) - 1: page for page in pages}
    headings: list[tuple[int, int, str]] = []
    least = 0
    for level, index, title in bookmarks:
        page = page_at.get(index)
        if page is None:
            continue
        words = r"\s+".join(map(re.escape, title.split()))
        line = re.compile(rf"^(?:[\d.]+\s+)?{words}$", re.MULTILINE)
        found = line.search(text, max(least, page.start), page.end) if title else None
        least = found.start() if found else max(least, page.start)
        headings.append((least, level, title if found else ""))
    return [span for span in sections(headings, len(text)) if span.label]


def _table_spans(text: str, pages: Sequence[Span], found: Mapping[int, Sequence[Table]]) -> list[Span]:
    """Where each table stands; one that a hyphen at a line's end has changed is loose words."""
    page_at = {int(page.label) - 1: page for page in pages}
    spans: list[Span] = []
    for index, tables in found.items():
        page = page_at.get(index)
        for table in tables if page else ():
            assert page is not None
            start = text.find(_clean(table.text), page.start, page.end)
            if start >= 0:
                spans.append(Span("table", start, start + len(_clean(table.text)), ""))
    return spans


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers in order, runs shortened.

    >>> _ranges([1, 3, 4, 5])
    '1, 3–5'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("–".join(map(str, run)) for run in runs)
