"""Plain text, and how bytes are decoded for every format that is text."""

from __future__ import annotations

import codecs
from typing import ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["TextParser", "decode", "encoding_of"]

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


class TextParser(Parser):
    """The decoded file, unchanged but for a byte-order mark: every line break and space stays."""

    media_types: ClassVar[tuple[str, ...]] = ("text/plain",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        return Parsed(text=text, media_type="text/plain", title=title_from(uri), warnings=warnings, verbatim=True)


def decode(data: bytes, *, uri: str, charset: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The text of bytes, and a warning where the encoding was guessed. Raises ParseError for a binary or blank file.

    In this order: a byte-order mark, UTF-16 told by its zeros, the charset that the file declares, UTF-8, and cp1252,
    the usual encoding of old Windows files.
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
    """The byte-order mark and the encoding that it names; without one UTF-8, UTF-16, or None for a binary file."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return mark, encoding
    sample = data[:_SAMPLE]
    if b"\0" in data:
        return b"", _wide(sample)
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return b"", None if controls > 2 + _MOST_CONTROLS * len(sample) else "utf-8"


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark, told by the zeros in every other byte of Western text."""
    half = max(1, len(sample) // 2)
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if min(even, odd) > 0.02 or max(even, odd) < 0.7:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _unmarked(data: bytes, charset: str | None, uri: str) -> tuple[str, tuple[str, ...]]:
    """Text without a byte-order mark."""
    for encoding in ([charset] if charset else []) + ["utf-8"]:
        if (text := _decoded(data, encoding)) is not None:
            return text, ()
    if (text := _decoded(data, "cp1252")) is not None:
        return text, ("decoded as cp1252: not valid UTF-8",)
    raise ParseError("its encoding is unknown", where=uri, expected="UTF-8, UTF-16 or cp1252", hint="Save it as UTF-8.")


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
