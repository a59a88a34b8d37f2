"""Makes a document of an item: reads it, finds out what it is, and hands it to the parser for that."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import cast

from ragstone import registry
from ragstone.errors import ParseError
from ragstone.ingestion.parsers import check_length, title_from
from ragstone.ingestion.parsers.text import encoding_of
from ragstone.protocols import Parser
from ragstone.types import Context, Document, Failure, Item, Parsed

__all__ = ["Family", "detect", "document_id", "parse"]


@dataclass(frozen=True, slots=True)
class Family:
    """A document, those that lie inside it, and why others in there could not be read."""

    document: Document
    children: tuple[Document, ...] = ()
    failed: tuple[Failure, ...] = ()


async def parse(item: Item, *, source: str, tenant: str, context: Context) -> Family:
    """The documents that an item holds, read and parsed in a thread.

    Raises ParseError, saying why, for whatever goes wrong with this one item; the trace notes it.
    """
    try:
        return Family(await asyncio.to_thread(_document, item, source, tenant))
    except ParseError:
        with context.trace.step("ingest.parse", uri=item.uri):
            raise


def document_id(tenant: str, source: str, uri: str) -> str:
    """The id of a document: the same for as long as it stays in its place, whatever becomes of its content."""
    return hashlib.blake2b(
        "\0".join((tenant, source, uri)).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


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


# ── What a file is, by its content ───────────────────────────────────────────────────────────────────────────────────

_OFFICE = "application/vnd.openxmlformats-officedocument."
_SIGNATURES = (
    ("application/zip", "a ZIP archive", b"PK\x03\x04"),
    ("application/zip", "a ZIP archive", b"PK\x05\x06"),
    ("application/x-ole-storage", "an old Office document or an Outlook message", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ("image/png", "a PNG image", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", "a JPEG image", b"\xff\xd8\xff"),
    ("image/gif", "a GIF image", b"GIF8"),
    ("image/tiff", "a TIFF image", b"II*\0"),
    ("image/tiff", "a TIFF image", b"MM\0*"),
    ("image/bmp", "a BMP image", b"BM"),
    ("application/x-riff", "a sound, a film or a WebP image", b"RIFF"),
    ("application/gzip", "a gzip archive", b"\x1f\x8b"),
    ("application/x-bzip2", "a bzip2 archive", b"BZh"),
    ("application/x-xz", "an xz archive", b"\xfd7zXZ\0"),
    ("application/zstd", "a Zstandard archive", b"\x28\xb5\x2f\xfd"),
    ("application/x-7z-compressed", "a 7-Zip archive", b"7z\xbc\xaf\x27\x1c"),
    ("application/vnd.rar", "a RAR archive", b"Rar!\x1a\x07"),
    ("application/x-elf", "a program", b"\x7fELF"),
    ("application/x-dosexec", "a program", b"MZ"),
    ("application/vnd.sqlite3", "a SQLite database", b"SQLite format 3\0"),
    ("audio/mpeg", "an MP3 recording", b"ID3"),
    ("application/ogg", "a sound or a film", b"OggS"),
)
_IN_ZIP = (
    (f"{_OFFICE}wordprocessingml.document", "a Word document", b"word/document.xml"),
    (f"{_OFFICE}spreadsheetml.sheet", "an Excel workbook", b"xl/workbook.xml"),
    (f"{_OFFICE}presentationml.presentation", "a PowerPoint presentation", b"ppt/presentation.xml"),
    (
        "application/vnd.oasis.opendocument.text",
        "an OpenDocument text",
        b"mimetypeapplication/vnd.oasis.opendocument.text",
    ),
    ("application/epub+zip", "an EPUB book", b"mimetypeapplication/epub+zip"),
)
_LOOKS = {"application/rtf": "an RTF document"} | {kind: looks for kind, looks, _ in (*_SIGNATURES, *_IN_ZIP)}

_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_FRAGMENT = re.compile(
    r"\s*<(?:h[1-6]|p|div|span|a|b|br|font|center|table|ul|ol|section|article|main|header|nav|title|meta|script|style)[\s/>]",
    re.IGNORECASE,
)
_HEAD = 4096  # bytes that are looked at


def detect(data: bytes, uri: str) -> str:
    """The media type of a file, by its content; only Markdown is known by its name, since any text may be Markdown.

    >>> detect(b"%PDF-1.7 ...", "report.txt"), detect(b"<!DOCTYPE html><p>Cod", "page.md"), detect(b"# Cod", "cod.md")
    ('application/pdf', 'text/html', 'text/markdown')
    """
    if data[:_HEAD].lstrip().startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith(b"{\\rtf"):
        return "application/rtf"
    mark, encoding = encoding_of(data)
    for media_type, _, signature in _SIGNATURES:
        # A text, too, may begin with BM or MZ.
        if data.startswith(signature) and (encoding is None or not signature.isascii()):
            return _in_zip(data) if media_type == "application/zip" else media_type
    if encoding is None:
        return "application/pdf" if b"%PDF-" in data[:1024] else "application/octet-stream"
    return _textual(data[len(mark) : _HEAD].decode(encoding, "replace"), PurePosixPath(uri).suffix.lower())


def _in_zip(data: bytes) -> str:
    return next((media_type for media_type, _, name in _IN_ZIP if name in data), "application/zip")


def _textual(head: str, suffix: str) -> str:
    if _PAGE.match(head):
        return "text/html"
    if suffix in (".md", ".markdown"):
        return "text/markdown"
    if _FRAGMENT.match(head) or (suffix in (".html", ".htm", ".xhtml") and "<" in head):
        return "text/html"
    return "text/plain"
