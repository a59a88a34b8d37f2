"""Source code: its text as it stands."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar

from ragstone.ingestion.parsers.text import decode
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["SourceParser"]


class SourceParser(Parser):
    """The decoded file, unchanged but for a byte-order mark. Its title is its name."""

    media_types: ClassVar[tuple[str, ...]] = ("text/x-source",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        title = PurePosixPath(uri).name
        return Parsed(text=text, media_type="text/x-source", title=title, warnings=warnings, verbatim=True)
