"""Makes a document of an item: reads it, finds out what it is, and hands it to the parser for that."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import zipfile
from functools import cache
from pathlib import PurePosixPath
from typing import cast

from ragstone import registry
from ragstone.errors import ParseError
from ragstone.ingestion.parsers import check_length, title_from
from ragstone.ingestion.parsers.text import encoding_of
from ragstone.protocols import Parser
from ragstone.types import Context, Document, Item, Parsed

__all__ = ["detect", "document_id", "parse"]


async def parse(item: Item, *, source: str, tenant: str, context: Context) -> Document:
    """The document that an item holds, read and parsed in a thread.

    Raises ParseError, saying why, for whatever goes wrong with this one item; the trace notes it.
    """
    try:
        return await asyncio.to_thread(_document, item, source, tenant)
    except ParseError:
        with context.trace.step("ingest.parse", uri=item.uri):
            raise


def document_id(tenant: str, source: str, uri: str) -> str:
    """The id of a document: the same for as long as it stays in its place, whatever becomes of its content."""
    return hashlib.blake2b("\0".join((tenant, source, uri)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _document(item: Item, source: str, tenant: str) -> Document:
    data = _read(item)
    parsed = _parsed(data, item.uri)
    return Document(
        id=document_id(tenant, source, item.uri),
        source=source,
        uri=item.uri,
        title=parsed.title or title_from(item.uri),
        media_type=parsed.media_type,
        text=parsed.text,
        content_hash=hashlib.blake2b(data, digest_size=16).hexdigest(),
        spans=parsed.spans,
        metadata={**parsed.metadata, **item.metadata},  # what the source says of a file outweighs what the file says
        acl=item.acl,
        warnings=parsed.warnings,
    )


def _read(item: Item) -> bytes:
    try:
        data = item.read()
    except ParseError:
        raise
    except Exception as error:
        raise ParseError(f"cannot be read: {type(error).__name__}: {error}", where=item.uri) from error
    if not data:
        raise ParseError("is empty", where=item.uri)
    return data


def _parsed(data: bytes, uri: str) -> Parsed:
    media_type = detect(data, uri)
    parser = _parsers().get(media_type)
    if parser is None:
        looks = _LOOKS.get(media_type)
        found = f"is a binary file (looks like {looks})" if looks else "is a binary file of an unknown kind"
        raise ParseError(f"{found}: not supported", where=uri, expected=_listed(registry.names("parser")))
    try:
        parsed = parser.parse(data, uri=uri)
    except ParseError:
        raise
    except Exception as error:  # one bad file never stops the run
        raise ParseError(f"the {media_type} parser failed: {type(error).__name__}: {error}", where=uri) from error
    check_length(len(parsed.text), uri=uri)
    if not parsed.text.strip():
        raise ParseError("holds no text", where=uri)
    return parsed


@cache
def _parsers() -> dict[str, Parser]:
    """The installed parsers by media type."""
    found: dict[str, Parser] = {}
    for name in registry.names("parser"):
        parser = cast("Parser", registry.find("parser", name)())
        found.update(dict.fromkeys(parser.media_types, parser))
    return found


def _listed(words: list[str]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else "".join(words)


# ── What a file is, by its content ───────────────────────────────────────────────────────────────────────────────────────

_OFFICE = "application/vnd.openxmlformats-officedocument."
_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"RIFF", "application/x-riff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x7fELF", "application/x-elf"),
    (b"MZ", "application/x-dosexec"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "application/ogg"),
)
_TEXTUAL_MAGIC = frozenset({b"BM", b"MZ", b"RIFF", b"BZh", b"ID3", b"GIF8", b"OggS"})  # a text may begin so too
_LOOKS = {
    "application/zip": "a ZIP archive",
    f"{_OFFICE}wordprocessingml.document": "a Word document",
    f"{_OFFICE}spreadsheetml.sheet": "an Excel workbook",
    f"{_OFFICE}presentationml.presentation": "a PowerPoint presentation",
    "application/vnd.oasis.opendocument.text": "an OpenDocument text",
    "application/epub+zip": "an EPUB book",
    "application/x-ole-storage": "an old Office document or an Outlook message",
    "application/rtf": "an RTF document",
    "image/png": "a PNG image",
    "image/jpeg": "a JPEG image",
    "image/gif": "a GIF image",
    "image/tiff": "a TIFF image",
    "image/bmp": "a BMP image",
    "application/x-riff": "a sound, film or WebP image",
    "application/gzip": "a gzip archive",
    "application/x-bzip2": "a bzip2 archive",
    "application/x-xz": "an xz archive",
    "application/zstd": "a Zstandard archive",
    "application/x-7z-compressed": "a 7-Zip archive",
    "application/vnd.rar": "a RAR archive",
    "application/x-elf": "a program",
    "application/x-dosexec": "a program",
    "application/vnd.sqlite3": "a SQLite database",
    "audio/mpeg": "an MP3 recording",
    "application/ogg": "a sound or film",
}
