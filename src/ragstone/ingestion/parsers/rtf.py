"""RTF documents."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["RtfParser"]

_GAPS = re.compile(r"\n\s*\n+")
_TITLE = re.compile(rb"\{\\title\s+([^{}\\]+)\}")


class RtfParser(Parser):
    """The words with their paragraphs; RTF names no headings that could be trusted."""

    media_types: ClassVar[tuple[str, ...]] = ("application/rtf",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text. Raises ParseError for a damaged or empty document."""
        to_text: Callable[..., str] = import_module("striprtf.striprtf").rtf_to_text  # it has no types
        try:
            text = to_text(data.decode("latin-1"), errors="ignore")
        except (ValueError, LookupError, IndexError, UnicodeError) as error:
            raise ParseError(f"is a damaged RTF document: {error}", where=uri) from error
        text = _GAPS.sub("\n\n", text.replace("\x00", "").replace("\r", "")).strip()
        if not text:
            raise ParseError("holds no text", where=uri)
        named = _TITLE.search(data)
        title = named[1].decode("cp1252", "replace").strip() if named else ""
        return Parsed(text=text, media_type=self.media_types[0], title=title or title_from(uri))
