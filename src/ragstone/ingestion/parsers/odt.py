"""OpenDocument texts: headings, paragraphs, lists and tables in their order."""

from __future__ import annotations

import io
from typing import Any, ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.packed import opened
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["OdtParser"]

_SKIPPED = ("text:tracked-changes", "office:annotation", "office:forms", "text:sequence-decls", "text:table-of-content")


class OdtParser(Parser):
    """Sections by the outline levels of headings; a line for each row of a table and for each item of a list."""

    media_types: ClassVar[tuple[str, ...]] = ("application/vnd.oasis.opendocument.text",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a damaged, encrypted or empty document."""
        from odfdo import Document

        with opened(data, uri=uri) as archive:
            if "META-INF/manifest.xml" in archive.namelist():
                manifest = archive.read("META-INF/manifest.xml")
                if b"encryption-data" in manifest:
                    raise ParseError("is encrypted: it opens only with its password", where=uri)
        try:
            document: Any = Document(io.BytesIO(data))
            body: Any = document.body
            named = str(document.meta.title or "")
        except Exception as error:  # odfdo raises whatever its parts raise
            raise ParseError(f"is a damaged OpenDocument text: {error}", where=uri) from error
        blocks = Blocks()
        _write(body, blocks)
        text, spans = blocks.text, blocks.spans()
        if not text:
            raise ParseError("holds no text", where=uri)
        first = next((span.label for span in spans if span.kind == "heading"), "")
        title = named.strip() or first or title_from(uri)
        return Parsed(text=text, media_type=self.media_types[0], title=title, spans=spans)


def _write(parent: Any, blocks: Blocks) -> None:
    for element in parent.children:
        tag = element.tag
        if tag in _SKIPPED:
            continue
        if tag == "text:h":
            level = str(element.get_attribute("text:outline-level") or "1")
            blocks.heading(int(level) if level.isdigit() else 1, _words(element))
        elif tag == "text:p":
            blocks.add(_words(element))
        elif tag == "text:list":
            blocks.add("\n".join(_items(element)))
        elif tag == "table:table":
            blocks.table(
                [[_words(cell) for cell in row.children] for row in element.get_elements("descendant::table:table-row")]
            )
        else:
            _write(element, blocks)


def _items(parent: Any) -> list[str]:
    paragraphs = parent.get_elements("descendant::text:p|descendant::text:h")
    return [f"- {words}" for paragraph in paragraphs if (words := _words(paragraph).strip())]


def _words(element: Any) -> str:
    return " ".join(str(element.inner_text).split()) if element.children else " ".join((element.text or "").split())
