"""What a file is, by its content. Its name only decides between kinds of text, since any text may be Markdown."""

from __future__ import annotations

import csv
import json
import re
from pathlib import PurePosixPath

from ragstone.ingestion.containers import SHEET, SLIDES, WORD, in_ole, in_zip
from ragstone.ingestion.parsers.text import encoding_of

__all__ = ["LOOKS", "delimiter_of", "detect", "kind"]

_SIGNATURES = (
    ("application/zip", b"PK\x03\x04"),
    ("application/zip", b"PK\x05\x06"),
    ("application/x-ole-storage", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF8"),
    ("image/tiff", b"II*\0"),
    ("image/tiff", b"MM\0*"),
    ("image/bmp", b"BM"),
    ("application/gzip", b"\x1f\x8b"),
    ("application/x-bzip2", b"BZh"),
    ("application/x-xz", b"\xfd7zXZ\0"),
    ("application/zstd", b"\x28\xb5\x2f\xfd"),
    ("application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c"),
    ("application/vnd.rar", b"Rar!\x1a\x07"),
    ("application/x-elf", b"\x7fELF"),
    ("application/x-dosexec", b"MZ"),
    ("application/vnd.sqlite3", b"SQLite format 3\0"),
    ("application/vnd.apache.parquet", b"PAR1"),
    ("audio/mpeg", b"ID3"),
    ("audio/flac", b"fLaC"),
    ("application/ogg", b"OggS"),
)
LOOKS = {
    "application/pdf": "a PDF document",
    "application/zip": "a ZIP archive",
    WORD: "a Word document",
    SHEET: "an Excel workbook",
    SLIDES: "a PowerPoint presentation",
    "application/msword": "an old Word document",
    "application/vnd.ms-excel": "an old Excel workbook",
    "application/vnd.ms-powerpoint": "an old PowerPoint presentation",
    "application/vnd.ms-outlook": "an Outlook message",
    "application/x-ole-encrypted": "an Office document with a password",
    "application/x-ole-storage": "an old Office file",
    "application/vnd.oasis.opendocument.text": "an OpenDocument text",
    "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet",
    "application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation",
    "application/vnd.oasis.opendocument.graphics": "an OpenDocument drawing",
    "application/epub+zip": "an EPUB book",
    "application/rtf": "an RTF document",
    "image/png": "a PNG image",
    "image/jpeg": "a JPEG image",
    "image/gif": "a GIF image",
    "image/tiff": "a TIFF image",
    "image/bmp": "a BMP image",
    "image/webp": "a WebP image",
    "image/heic": "a HEIC image",
    "video/mp4": "a film or a recording",
    "application/x-riff": "a sound or a film",
    "application/gzip": "a gzip archive",
    "application/x-bzip2": "a bzip2 archive",
    "application/x-xz": "an xz archive",
    "application/zstd": "a Zstandard archive",
    "application/x-tar": "a tar archive",
    "application/x-7z-compressed": "a 7-Zip archive",
    "application/vnd.rar": "a RAR archive",
    "application/x-elf": "a program",
    "application/x-dosexec": "a program",
    "application/vnd.sqlite3": "a SQLite database",
    "application/vnd.apache.parquet": "a Parquet table",
    "audio/mpeg": "an MP3 recording",
    "audio/flac": "a FLAC recording",
    "application/ogg": "a sound or a film",
    "message/rfc822": "an e-mail",
    "text/csv": "a CSV table",
    "text/tab-separated-values": "a TSV table",
    "text/x-rst": "a reStructuredText file",
    "text/org": "an Org file",
    "application/x-ipynb+json": "a Jupyter notebook",
}
"""How a person names each kind."""

_CODE = """
py pyi js mjs cjs ts tsx jsx java kt kts scala go rs c h cc cpp cxx hh hpp cs swift rb php pl pm lua r jl sh bash zsh
fish ps1 sql hs ml mli ex exs erl clj dart zig m mm vue svelte css scss less proto tf nix f90 f95 pas vb groovy gradle
cmake
"""
_BY_NAME = {
    **{f".{suffix}": "text/x-source" for suffix in _CODE.split()},
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".rst": "text/x-rst",
    ".org": "text/org",
}
_SHEBANG = re.compile(r"#! ?/\S")
# What may stand before the root: atomic, since a million comments in a row must not be tried in all combinations.
_PROLOG = r"(?>\s++|<\?(?>.*?\?>)|<!--(?>.*?-->))*+"
_PAGE = re.compile(_PROLOG + r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_FRAGMENT = re.compile(
    r"\s*<(?:h[1-6]|p|div|span|a|b|br|font|center|table|ul|ol|section|article|main|header|nav|title|meta|script|style)[\s/>]",
    re.IGNORECASE,
)
_HEAD = 4096  # bytes in which a signature is looked for
_MORE = 65_536  # bytes of a text that are looked at


def detect(data: bytes, uri: str) -> str:
    """The media type of a file; `application/octet-stream` where nothing knows it.

    >>> detect(b"%PDF-1.7 ...", "report.txt"), detect(b"<!DOCTYPE html><p>Cod", "page.md"), detect(b"# Cod", "cod.md")
    ('application/pdf', 'text/html', 'text/markdown')
    """
    if data[:_HEAD].lstrip().startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith(b"{\\rtf"):
        return "application/rtf"
    mark, encoding = encoding_of(data)
    for media_type, signature in _SIGNATURES:
        # A text, too, may begin with BM or MZ.
        if data.startswith(signature) and (encoding is None or not signature.isascii()):
            return _container(media_type, data)
    if encoding is None:
        return _binary(data)
    text = data[len(mark) : len(mark) + _MORE].decode(encoding, "replace")
    return _textual(text, PurePosixPath(uri).suffix.lower(), data[-200:], whole=len(data) - len(mark) <= _MORE)


def kind(media_type: str) -> str:
    """How a person names it."""
    return LOOKS.get(media_type, f"a file of type {media_type}")


def _container(media_type: str, data: bytes) -> str:
    if media_type == "application/zip":
        return in_zip(data)
    return in_ole(data) if media_type == "application/x-ole-storage" else media_type


def _binary(data: bytes) -> str:
    """The media type of what is no text, by what stands further down."""
    if data.startswith(b"RIFF"):
        return "image/webp" if data[8:12] == b"WEBP" else "application/x-riff"
    if data[4:8] == b"ftyp":
        return "image/heic" if data[8:11] in (b"hei", b"mif") else "video/mp4"
    if data[257:262] == b"ustar":
        return "application/x-tar"
    return "application/pdf" if b"%PDF-" in data[:1024] else "application/octet-stream"


# ── Kinds of text ────────────────────────────────────────────────────────────────────────────────────────────────────


def _textual(head: str, suffix: str, tail: bytes, *, whole: bool) -> str:
    """The media type of a text by its first characters; it tells what else they may be by the suffix."""
    if _PAGE.match(head):
        return "text/html"
    fields = _mail_fields(head)
    if len(fields & _SURE_FIELDS) >= 2:
        return "message/rfc822"
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    if len(fields & _MAIL_FIELDS) >= 2:
        return "message/rfc822"
    if (suffix in (".html", ".htm", ".xhtml") and "<" in head) or (suffix != ".xml" and _FRAGMENT.match(head)):
        return "text/html"
    found = _json(head, suffix, whole=whole) or _xml(head, suffix, tail)
    if found:
        return found
    if _SHEBANG.match(head):
        return "text/x-source"
    return _table(head, suffix, whole=whole) or "text/plain"


_SURE_FIELDS = frozenset(("received", "message-id", "mime-version", "return-path", "delivered-to", "from"))
_MAIL_FIELDS = _SURE_FIELDS | frozenset(("to", "cc", "subject", "date", "reply-to", "sender", "content-type"))
_HEADER = re.compile(r"([!-9;-~]+)[ \t]*:[^\n]*\n(?:[ \t]+\S[^\n]*\n)*")


def _mail_fields(head: str) -> frozenset[str]:
    """The names of the header fields, in lower case, that a text begins with, where an e-mail could begin so."""
    head = head[:_MORE].replace("\r\n", "\n").lstrip("\n") + "\n"
    if head.startswith("From "):  # the line that begins a message in a mailbox
        head = head.partition("\n")[2]
    found, at = set[str](), 0
    while field := _HEADER.match(head, at):
        found.add(field[1].lower())
        at = field.end()
    # After the header comes a blank line; else it was a note of the form "key: value", or a damaged header.
    ends = at >= len(head) - 1 or head[at] == "\n"
    return frozenset(found) if ends or len(found & _SURE_FIELDS) > 2 else frozenset()


def _json(head: str, suffix: str, *, whole: bool) -> str | None:
    text = head.strip()
    if text[:1] not in ("{", "["):
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    complete = lines if whole else lines[:-1]
    if len(complete) > 1 and all(line.lstrip()[:1] in "{[" and _is_json(line) for line in complete[:20]):
        return "application/x-ndjson"
    if suffix in (".jsonl", ".ndjson"):
        return "application/x-ndjson"
    if suffix not in (".json", ".ipynb", ".geojson") and not _is_json(text, whole=whole):
        return None
    notebook = '"cells"' in text and ('"nbformat"' in text or '"cell_type"' in text)
    return "application/x-ipynb+json" if notebook else "application/json"


def _is_json(text: str, *, whole: bool = True) -> bool:
    """Whether it is JSON, or could be if it went on."""
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        return not whole and (error.msg.startswith("Unterminated string") or error.pos >= len(text) - 16)
    except (ValueError, RecursionError):
        return False
    return True


_DOCTYPE = r"(?:<!DOCTYPE[^>\[]*+(?:\[(?>.*?\]\s*+>)|>))?+"
_ROOT = re.compile(_PROLOG + _DOCTYPE + _PROLOG + r"<(?:([\w.-]+):)?([\w.-]+)(?=[\s/>])", re.DOTALL)
_ROOTS = {"rss": "application/rss+xml", "rdf": "application/rss+xml", "feed": "application/atom+xml"}


def _xml(head: str, suffix: str, tail: bytes) -> str | None:
    """XML where it says so, by its suffix, or where the end closes what the beginning opens."""
    root = _ROOT.match(head)
    if root is None:
        return None
    prefix, name = root[1], root[2].lower()
    closing = f"</{prefix + ':' if prefix else ''}{root[2]}>".encode()
    declared = head.lstrip().startswith("<?xml") or suffix in (".xml", ".rss", ".atom", ".rdf", ".xsl", ".svg", ".opml")
    if not declared and not tail.replace(b"\0", b"").rstrip().endswith(closing):
        return None
    if name == "rdf" and "purl.org/rss" not in head:
        return "application/xml"
    return "text/html" if name == "html" else _ROOTS.get(name, "application/xml")


_DELIMITERS = ("\t", ";", ",", "|")
_LONGEST_CELL = 30  # characters on average of one in a table that is not called one
_RECORDS = 50


def delimiter_of(text: str) -> str:
    r"""The delimiter of a table that is called one: a comma where nothing parts its fields.

    >>> delimiter_of("fish;kg\ncod;3,5\n")
    ';'
    """
    return (_columns(text[:_MORE].splitlines(keepends=True), named=True) or (1, ","))[1]


def _table(head: str, suffix: str, *, whole: bool) -> str | None:
    """CSV where each record has as many fields; a file that is called so may have some that differ, or one column."""
    named = suffix in (".csv", ".tsv", ".tab")
    lines = head.splitlines(keepends=True)
    if not whole:
        lines = lines[:-1]
    found = _columns(lines, named=named)
    if found is None and named and lines and sum(map(len, lines)) / len(lines) < 3 * _LONGEST_CELL:
        return "text/csv"  # of one column
    return found and ("text/tab-separated-values" if found[1] == "\t" else "text/csv")


def _columns(lines: list[str], *, named: bool) -> tuple[int, str] | None:
    """The most columns that a delimiter makes of the lines, and that delimiter."""
    best: tuple[int, str] | None = None
    for delimiter in _DELIMITERS:
        rows = _records(lines, delimiter)
        widths = [len(row) for row in rows]
        width = max(set(widths), key=widths.count, default=1)
        if width < 2 or widths.count(width) < (0.7 if named else 1) * len(widths):
            continue
        if (named or _is_table(rows, delimiter)) and (best is None or width > best[0]):
            best = width, delimiter
    return best


def _records(lines: list[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter, strict=True):
            if row:
                rows.append(row)
            if len(rows) == _RECORDS:
                break
    except csv.Error:
        return []
    return rows


def _is_table(rows: list[list[str]], delimiter: str) -> bool:
    """Whether records that are equally long are a table: in prose, too, some lines may have as many commas."""
    cells = [cell for row in rows for cell in row]
    if len(rows) < 3 or len(rows[0]) < (2 if delimiter == "\t" else 3) or not all(cell.strip() for cell in rows[0]):
        return False
    if delimiter == "|" or any(cell.startswith((" ", "- ", "* ", "#")) for cell in rows[0]):
        return False  # a table of Markdown, or words after a comma
    spaced = sum(cell.startswith(" ") for cell in cells)
    return spaced < len(cells) / 4 and sum(map(len, cells)) / len(cells) < _LONGEST_CELL
