"""Word documents: paragraphs, headings and tables in the order in which they stand."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, ClassVar, TypeAlias

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.markup import root_of
from ragstone.ingestion.parsers.packed import opened
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["DocxParser"]

Element: TypeAlias = Any  # lxml's elements have no types

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|заголовок|标题)\s*(\d)", re.IGNORECASE)
_PARAGRAPH, _TABLE, _ROW, _CELL, _BOX = (_WORD + name for name in ("p", "tbl", "tr", "tc", "txbxContent"))


class DocxParser(Parser):
    """Headings by their styles, a line for each row of a table, page headers and footers once, footnotes at the end."""

    media_types: ClassVar[tuple[str, ...]] = (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    )

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a damaged or empty document."""
        from docx import Document

        opened(data, uri=uri).close()
        try:
            document: Any = Document(io.BytesIO(data))
        except Exception as error:  # python-docx raises whatever its parts raise
            raise ParseError(f"is a damaged Word document: {error}", where=uri) from error
        blocks = Blocks()
        levels = _levels(document)
        for part in _margins(document, "header"):
            _write(part, blocks, levels)
        _write(document.element.body, blocks, levels)
        for part in _margins(document, "footer"):
            _write(part, blocks, levels)
        for note in _notes(document):
            blocks.add(note)
        text, spans = blocks.text, blocks.spans()
        if not text:
            raise ParseError("holds no text", where=uri)
        named = (document.core_properties.title or "").strip()
        first = next((span.label for span in spans if span.kind == "heading"), "")
        return Parsed(text=text, media_type=self.media_types[0], title=named or first or title_from(uri), spans=spans)


def _levels(document: Any) -> dict[str, int]:
    """The heading level of each style id that has one, its own or its ancestor's."""
    levels: dict[str, int] = {}
    for style in document.styles:
        ancestor, depth = style, 0
        while ancestor is not None and depth < 10:
            name = ancestor.name or ""
            if found := _HEADING.match(name):
                levels[style.style_id] = int(found[1])
                break
            if name.lower() == "title":
                levels[style.style_id] = 1
                break
            ancestor, depth = getattr(ancestor, "base_style", None), depth + 1
    return levels


def _write(parent: Element, blocks: Blocks, levels: dict[str, int]) -> None:
    lines: list[str] = []
    for element in _flow(parent):
        if element.tag == _TABLE:
            _flush(lines, blocks)
            blocks.table(_rows(element))
            continue
        level, is_item = _style(element, levels)
        words = _words(element)
        if level:
            _flush(lines, blocks)
            blocks.heading(level, words)
        elif is_item and words.strip():
            lines.append(f"- {words.strip()}")
        else:
            _flush(lines, blocks)
            blocks.add(words)
        for box in _boxes(element):
            _flush(lines, blocks)
            _write(box, blocks, levels)
    _flush(lines, blocks)


def _flush(lines: list[str], blocks: Blocks) -> None:
    """The items of a list are one block."""
    blocks.add("\n".join(lines))
    lines.clear()


def _flow(parent: Element) -> Iterator[Element]:
    """Paragraphs and tables, also those in content controls and marked insertions."""
    for child in parent:
        if child.tag in (_PARAGRAPH, _TABLE):
            yield child
        elif child.tag in (f"{_WORD}sdt", f"{_WORD}sdtContent", f"{_WORD}ins", f"{_WORD}customXml", f"{_WORD}smartTag"):
            yield from _flow(child)


def _style(paragraph: Element, levels: dict[str, int]) -> tuple[int, bool]:
    properties = paragraph.find(f"{_WORD}pPr")
    if properties is None:
        return 0, False
    style = properties.find(f"{_WORD}pStyle")
    outline = properties.find(f"{_WORD}outlineLvl")
    level = levels.get(style.get(f"{_WORD}val"), 0) if style is not None else 0
    if not level and outline is not None:
        value = str(outline.get(f"{_WORD}val"))
        level = int(value) + 1 if value.isdigit() and int(value) < 9 else 0
    named = str(style.get(f"{_WORD}val")) if style is not None else ""
    return level, properties.find(f"{_WORD}numPr") is not None or named.startswith("List")


_SKIPPED = (f"{_WORD}del", f"{_WORD}moveFrom", f"{_WORD}txbxContent", _FALLBACK, f"{_WORD}instrText", f"{_WORD}delText")


def _words(paragraph: Element) -> str:
    """The text of a paragraph without what was deleted and without its text boxes."""
    parts: list[str] = []
    waiting = list(reversed(paragraph))
    while waiting:
        element = waiting.pop()
        tag = element.tag
        if tag in _SKIPPED or not isinstance(tag, str):
            continue
        if tag == f"{_WORD}t" or tag.endswith("}t"):
            parts.append(element.text or "")
        elif tag == f"{_WORD}tab":
            parts.append("\t")
        elif tag in (f"{_WORD}br", f"{_WORD}cr"):
            parts.append("\n")
        elif tag == f"{_WORD}noBreakHyphen":
            parts.append("-")
        else:
            waiting.extend(reversed(element))
    return "".join(parts)


def _boxes(paragraph: Element) -> list[Element]:
    """The text boxes of a paragraph, each once, though Word keeps a copy for older programs; none that lies in one."""
    return [
        box
        for box in paragraph.iter(_BOX)
        if not any(up.tag in (_FALLBACK, _BOX) for up in takewhile(lambda up: up is not paragraph, box.iterancestors()))
    ]


def _rows(table: Element) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in table.iter(_ROW):
        if next(row.iterancestors(_TABLE)) is not table:
            continue  # of a table inside a cell, which reads as that cell's words
        cells: list[str] = []
        for found in row.iter(_CELL):
            if next(found.iterancestors(_TABLE)) is table:
                words = (_words(p) for p in found.iter(_PARAGRAPH) if not any(map(_is_copy, p.iterancestors())))
                cells.append(" ".join(" ".join(part.split()) for part in words).strip())
                cells += [""] * (_width(found) - 1)  # of columns that it spans
        rows.append(cells)
    return rows


def _is_copy(element: Element) -> bool:
    return element.tag == _FALLBACK


def _width(found: Element) -> int:
    span = found.find(f"{_WORD}tcPr/{_WORD}gridSpan")
    value = str(span.get(f"{_WORD}val")) if span is not None else ""
    return min(int(value), 100) if value.isdigit() else 1


def _margins(document: Any, kind: str) -> Sequence[Element]:
    """The headers or footers of all sections, each once."""
    found: dict[str, Element] = {}
    for section in document.sections:
        for name in (kind, f"first_page_{kind}", f"even_page_{kind}"):
            part = getattr(section, name)
            if not part.is_linked_to_previous:
                words = "".join(part._element.itertext())
                found.setdefault(words, part._element)
    return list(found.values())


def _notes(document: Any) -> Iterator[str]:
    """The words of footnotes and endnotes."""
    for relation in document.part.rels.values():
        if relation.is_external or not relation.reltype.endswith(("/footnotes", "/endnotes")):
            continue
        for note in root_of(relation.target_part.blob):
            yield " ".join(" ".join(_words(paragraph).split()) for paragraph in note.iter(_PARAGRAPH)).strip()
