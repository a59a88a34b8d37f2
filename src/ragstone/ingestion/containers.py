"""What kind of document a ZIP archive or an OLE file is, by the names of what it holds."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

__all__ = ["in_ole", "in_zip"]

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
WORD, SHEET, SLIDES = (
    f"{_OFFICE}{name}" for name in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
_BY_PART = (
    (WORD, "word/document.xml"),
    (SHEET, "xl/workbook.xml"),
    (SHEET, "xl/workbook.bin"),
    (SLIDES, "ppt/presentation.xml"),
    ("application/epub+zip", "META-INF/container.xml"),
)
# Some programs name the main part otherwise, yet all declare its type; macros and templates have types of their own.
_DECLARED = (
    (WORD, re.compile(rb"wordprocessingml\.(?:document|template)\.main|ms-word\.(?:document|template)\.macro")),
    (SHEET, re.compile(rb"spreadsheetml\.(?:sheet|template)\.main|ms-excel\.(?:sheet|template)\.")),
    (
        SLIDES,
        re.compile(
            rb"presentationml\.(?:presentation|template|slideshow)\.main"
            rb"|ms-powerpoint\.(?:presentation|template|slideshow)\.macro"
        ),
    ),
)
_MIMETYPE = re.compile(
    rf"({re.escape(_OPEN)}(?:text|spreadsheet|presentation|graphics)|application/epub\+zip)(?:-\w+)*"
)
_BROKEN = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, struct.error,
)  # fmt: skip
_MOST_TYPES = 1_000_000  # bytes of a list of types


def in_zip(data: bytes) -> str:
    """The media type of a ZIP archive, however damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.replace("\\", "/"): info for info in archive.infolist()}
            return _declared(archive, members) or _by_part(frozenset(members))
    except _BROKEN:
        # A damaged archive still shows its names before each member.
        if found := _MIMETYPE.match(data[data.find(b"mimetype") + 8 :][:80].decode("latin-1")):
            return found[1]
        return _by_part(frozenset(name for _, name in _BY_PART if name.encode() in data))


def _declared(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str | None:
    """What the archive says that it is."""
    mimetype, types = members.get("mimetype"), members.get("[Content_Types].xml")
    try:
        if mimetype is not None and mimetype.file_size < 200:
            found = _MIMETYPE.fullmatch(archive.read(mimetype).decode("ascii", "replace").strip())
            return found[1] if found else None
        if types is not None and types.file_size < _MOST_TYPES:
            listed = archive.read(types)
            return next((media_type for media_type, declared in _DECLARED if declared.search(listed)), None)
    except _BROKEN:
        pass
    return None


def _by_part(names: frozenset[str]) -> str:
    return next((media_type for media_type, name in _BY_PART if name in names), "application/zip")


# ── OLE ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_IN_OLE = (  # streams, in the order in which they decide
    ("application/x-ole-encrypted", "EncryptedPackage"),
    ("application/vnd.ms-outlook", "__properties_version1.0"),
    ("application/msword", "WordDocument"),
    ("application/vnd.ms-powerpoint", "PowerPoint Document"),
    ("application/vnd.ms-excel", "Workbook"),
    ("application/vnd.ms-excel", "Book"),
)
_ENTRY = struct.Struct("<64sHBBIII")  # name, its length in bytes, kind, colour, left, right, child
_NUMBER = struct.Struct("<I")
_NONE = 0xFFFFFFF0  # from here on a number means: no sector, no entry


def in_ole(data: bytes) -> str:
    """The media type of an OLE file, by the streams at its root: a workbook may hold whole documents deeper down."""
    try:
        names = frozenset(_root_names(_directory(data)))
    except (struct.error, IndexError):
        names = frozenset[str]()
    if not names:  # damaged: entries lie at multiples of their own size
        names = frozenset(name for _, name in _IN_OLE if _holds_entry(data, name))
    return next((media_type for media_type, name in _IN_OLE if name in names), "application/x-ole-storage")


def _directory(data: bytes) -> list[bytes]:
    """The directory's entries, 128 bytes each."""
    shift = min(int(struct.unpack_from("<H", data, 30)[0]), 16)
    first: int = struct.unpack_from("<I", data, 48)[0]
    tables: tuple[int, ...] = struct.unpack_from("<109I", data, 76)
    size = 1 << shift

    def sector(number: int) -> bytes:
        return data[(number + 1) << shift : (number + 2) << shift]

    entries: list[bytes] = []
    seen = set[int]()
    while first < _NONE and first not in seen and len(seen) < 10_000:
        seen.add(first)
        content = sector(first)
        entries += [content[at : at + 128] for at in range(0, len(content) - 127, 128)]
        table, place = divmod(first, size // 4)
        (first,) = _NUMBER.unpack_from(sector(tables[table]), 4 * place)
    return entries


def _root_names(entries: list[bytes]) -> Iterator[str]:
    """The names of the streams and storages that lie at the root."""
    waiting: list[int] = [_ENTRY.unpack_from(entries[0])[6]]
    seen = set[int]()
    while waiting:
        number = waiting.pop()
        if number >= _NONE or number in seen:
            continue
        seen.add(number)
        name, length, _, _, left, right, _ = _ENTRY.unpack_from(entries[number])
        waiting += [left, right]
        yield name[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")


def _holds_entry(data: bytes, name: str) -> bool:
    entry = name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 2 * len(name) + 2)
    at = data.find(entry)
    while at >= 0 and at % 128:
        at = data.find(entry, at + 1)
    return at >= 0
