"""Plain text, and how bytes are decoded for every format that is text."""

from __future__ import annotations

import codecs
import re
from typing import ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.encodings import eastern_utf_16_of, guess, utf_16_of
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["LINE", "TextParser", "decode", "encoding_of"]

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
"""A line with its end, as editors count lines."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark begins the same
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\b\t\n\v\f\r\x1b"))  # less those of logs, manual pages and terminals
_MOST_CONTROLS = 0.02  # of all bytes, a few stray ones not counted
_SAMPLE = 65_536
_LOST = "\ufffd"


class TextParser(Parser):
    """The decoded file, unchanged but for a byte-order mark: every line break and space stays."""

    media_types: ClassVar[tuple[str, ...]] = ("text/plain",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        return Parsed(text=text, media_type="text/plain", title=title_from(uri), warnings=warnings, verbatim=True)


def decode(data: bytes, *, uri: str, charset: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The text of bytes, and a warning where the encoding was guessed. Raises ParseError for a binary or blank file.

    In this order: a byte-order mark, UTF-16 or UTF-32 told by what it would say, UTF-8, the charset that the file
    declares, UTF-8 with a few faults, the encoding that the bytes suggest, and cp1252.
    """
    mark, encoding = encoding_of(data)
    if encoding is None:
        raise ParseError("is a binary file", where=uri)
    if mark or encoding != "utf-8":
        text = _decoded(data[len(mark) :], encoding)
        warnings = () if mark else (f"decoded as {encoding}: it has no byte-order mark",)
        if text is None:
            raise ParseError(f"is not valid {encoding}, as its first bytes say", where=uri, hint="Save it as UTF-8.")
    else:
        text, warnings = _unmarked(data, charset, uri)
    if "\0" in text:
        raise ParseError("is a binary file", where=uri)
    if not text.strip():
        raise ParseError("is empty", where=uri)
    return text, warnings


def encoding_of(data: bytes) -> tuple[bytes, str | None]:
    """The byte-order mark and what it names; without one UTF-8, UTF-16, UTF-32, or None for a binary file."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return mark, encoding
    sample = data[:_SAMPLE]
    if b"\0" in data:
        return b"", utf_16_of(sample)
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return b"", utf_16_of(sample) if controls > 2 + _MOST_CONTROLS * len(sample) else "utf-8"


def _unmarked(data: bytes, charset: str | None, uri: str) -> tuple[str, tuple[str, ...]]:
    """Text without a byte-order mark."""
    for encoding in ("utf-8", charset):  # in another encoding hardly any two bytes make a character of UTF-8
        if encoding and (text := _decoded(data, encoding)) is not None:
            return text, ()
    if (text := _mended(data)) is not None:
        return text, (f"{text.count(_LOST)} places are not valid UTF-8: each stands as {_LOST}",)
    for encoding in (eastern_utf_16_of(data[:_SAMPLE]), guess(data), "cp1252"):
        if encoding and (text := _decoded(data, encoding)) is not None:
            return text, (f"decoded as {encoding}: not valid UTF-8",)
    raise ParseError("its encoding is unknown", where=uri, expected="UTF-8, UTF-16 or cp1252", hint="Save it as UTF-8.")


def _mended(data: bytes) -> str | None:
    """UTF-8 with a few faults."""
    text = data.decode("utf-8", "replace")
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return text if 10 * text.count(_LOST) <= beyond else None


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
