"""What a file is, by its content. Its name only decides between kinds of text, since any text may be Markdown."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import PurePosixPath

from ragstone.ingestion.parsers.text import encoding_of

__all__ = ["LOOKS", "detect", "kind"]

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

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
    ("audio/mpeg", b"ID3"),
    ("application/ogg", b"OggS"),
)
_IN_ZIP = (
    (f"{_OFFICE}wordprocessingml.document", "word/document.xml"),
    (f"{_OFFICE}spreadsheetml.sheet", "xl/workbook.xml"),
    (f"{_OFFICE}spreadsheetml.sheet", "xl/workbook.bin"),
    (f"{_OFFICE}presentationml.presentation", "ppt/presentation.xml"),
    ("application/epub+zip", "META-INF/container.xml"),
)
_IN_OLE = (  # streams, in the order in which they decide
    ("application/x-ole-encrypted", "EncryptedPackage"),
    ("application/vnd.ms-outlook", "__properties_version1.0"),
    ("application/msword", "WordDocument"),
    ("application/vnd.ms-powerpoint", "PowerPoint Document"),
    ("application/vnd.ms-excel", "Workbook"),
    ("application/vnd.ms-excel", "Book"),
)

LOOKS = {
    "application/zip": "a ZIP archive",
    f"{_OFFICE}wordprocessingml.document": "a Word document",
    f"{_OFFICE}spreadsheetml.sheet": "an Excel workbook",
    f"{_OFFICE}presentationml.presentation": "a PowerPoint presentation",
    "application/msword": "an old Word document",
    "application/vnd.ms-excel": "an old Excel workbook",
    "application/vnd.ms-powerpoint": "an old PowerPoint presentation",
    "application/vnd.ms-outlook": "an Outlook message",
    "application/x-ole-encrypted": "an Office document with a password",
    "application/x-ole-storage": "an old Office file",
    f"{_OPEN}text": "an OpenDocument text",
    f"{_OPEN}spreadsheet": "an OpenDocument spreadsheet",
    f"{_OPEN}presentation": "an OpenDocument presentation",
    "application/epub+zip": "an EPUB book",
    "application/rtf": "an RTF document",
    "image/png": "a PNG image",
    "image/jpeg": "a JPEG image",
    "image/gif": "a GIF image",
    "image/tiff": "a TIFF image",
    "image/bmp": "a BMP image",
    "image/webp": "a WebP image",
    "application/x-riff": "a sound or a film",
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
    "application/ogg": "a sound or a film",
}
"""How a person names each kind that is no text."""

_CODE = """
py pyi js mjs cjs ts tsx jsx java kt kts scala go rs c h cc cpp cxx hpp cs swift rb php pl pm lua r jl sh bash zsh fish
ps1 sql hs ml ex exs erl clj dart zig m mm vue css scss proto tf nix
"""
_BY_NAME = {
    **{f".{suffix}": "text/x-source" for suffix in _CODE.split()},
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".rst": "text/x-rst",
    ".org": "text/org",
}
_SHEBANG = re.compile(r"#!.*\b(?:python|perl|ruby|node|bash|sh|zsh|php|lua|Rscript)")
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_FRAGMENT = re.compile(
    r"\s*<(?:h[1-6]|p|div|span|a|b|br|font|center|table|ul|ol|section|article|main|header|nav|title|meta|script|style)[\s/>]",
    re.IGNORECASE,
)
_XML = re.compile(r"\s*(?:<\?xml[^>]*>|(?:<!--.*?-->|<!DOCTYPE[^>]*>|\s)*<[\w:-]+[^<>]*>)", re.DOTALL)
_ROOT = re.compile(r"(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>|\s)*<(?:\w+:)?([\w-]+)", re.DOTALL)
_MAIL = re.compile(r"(?:From [^\n]*\n)?(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}(?:\r?\n|\Z)")
_MAIL_FIELDS = re.compile(
    r"^(?:from|to|subject|date|received|message-id|mime-version|return-path|content-type):",
    re.IGNORECASE | re.MULTILINE,
)
_HEAD = 4096  # bytes that are looked at
_MORE = 65_536


def detect(data: bytes, uri: str) -> str:
    """The media type of a file.

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
    if data.startswith(b"RIFF") and encoding is None:
        return "image/webp" if data[8:12] == b"WEBP" else "application/x-riff"
    if encoding is None:
        return "application/pdf" if b"%PDF-" in data[:1024] else "application/octet-stream"
    return _textual(data[len(mark) : len(mark) + _MORE].decode(encoding, "replace"), PurePosixPath(uri), len(data))


def kind(media_type: str) -> str:
    """How a person names it."""
    return LOOKS.get(media_type, f"a file of type {media_type}")


def _container(media_type: str, data: bytes) -> str:
    if media_type == "application/zip":
        return _in_zip(data)
    if media_type == "application/x-ole-storage":
        names = ((found, name.encode("utf-16-le") + b"\0\0") for found, name in _IN_OLE)
        return next((found for found, name in names if name in data), media_type)
    return media_type


def _in_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                return archive.read("mimetype").decode("ascii", "replace").strip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError):
        # A damaged archive still shows its names before each member.
        names = {name for _, name in _IN_ZIP if name.encode() in data}
    return next((found for found, name in _IN_ZIP if name in names), "application/zip")


# ── Kinds of text ────────────────────────────────────────────────────────────────────────────────────────────────────


def _textual(head: str, name: PurePosixPath, size: int) -> str:
    suffix = name.suffix.lower()
    if _PAGE.match(head):
        return "text/html"
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    if suffix in (".html", ".htm", ".xhtml") and "<" in head:
        return "text/html"
    if _is_mail(head):
        return "message/rfc822"
    if found := _json(head, suffix, whole=size <= _MORE):
        return found
    if found := _xml(head, suffix):
        return found
    if _FRAGMENT.match(head):
        return "text/html"
    if _SHEBANG.match(head):
        return "text/x-source"
    return _table(head, suffix) or "text/plain"


def _is_mail(head: str) -> bool:
    found = _MAIL.match(head.replace("\r\n", "\n").lstrip("\n"))
    return found is not None and len(set(map(str.lower, _MAIL_FIELDS.findall(found[0])))) >= 2


def _json(head: str, suffix: str, *, whole: bool) -> str | None:
    text = head.lstrip()
    if text[:1] not in ("{", "["):
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    complete = lines if whole else lines[:-1]
    if len(complete) > 1 and all(_parses(line) for line in complete[:20]):
        return "application/x-ndjson"
    if suffix in (".jsonl", ".ndjson"):
        return "application/x-ndjson"
    is_json = suffix in (".json", ".ipynb", ".geojson") or (_parses(text) if whole else _begins_json(text))
    if not is_json:
        return None
    notebook = '"cells"' in text and ('"nbformat"' in text or suffix == ".ipynb" or '"cell_type"' in text)
    return "application/x-ipynb+json" if notebook else "application/json"


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _begins_json(text: str) -> bool:
    return re.match(r'[\[{]\s*(?:"(?:[^"\\]|\\.)*"\s*[:,]|[\[{\d-])', text) is not None


def _xml(head: str, suffix: str) -> str | None:
    if not (head.lstrip().startswith("<?xml") or (suffix in (".xml", ".rss", ".atom", ".xsl", ".svg") and "<" in head)):
        return None
    if _XML.match(head) is None:
        return None
    root = _ROOT.match(head)
    name = root[1].lower() if root else ""
    return {"rss": "application/rss+xml", "rdf": "application/rss+xml", "feed": "application/atom+xml"}.get(
        name, "text/html" if name == "html" else "application/xml"
    )


def _table(head: str, suffix: str) -> str | None:
    """CSV where each of the first lines has as many fields, two at least; with its own suffix one line will do."""
    lines = head.splitlines()[:40]
    lines = lines[:-1] if len(lines) == 40 else lines
    by_name = {".csv": ",", ".tsv": "\t", ".tab": "\t"}.get(suffix)
    if by_name and lines:
        return "text/tab-separated-values" if by_name == "\t" else "text/csv"
    for delimiter, media_type in (("\t", "text/tab-separated-values"), (";", "text/csv"), (",", "text/csv")):
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=delimiter, strict=True) if row}
        except csv.Error:
            continue
        # In prose, too, two lines may have as many commas, but none of its fields stays as short.
        if len(widths) == 1 and len(lines) >= 3 and widths.pop() >= (2 if delimiter == "\t" else 3):
            fields = [field for line in lines for field in line.split(delimiter)]
            if sum(map(len, fields)) / len(fields) < 30:
                return media_type
    return None
