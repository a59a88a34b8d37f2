"""ZIP files as Word, EPUB and others use them: what is inside is checked before any of it is unpacked."""

from __future__ import annotations

import io
import zipfile

from ragstone.errors import ParseError

__all__ = ["MOST_BYTES", "opened", "safe_name"]

MOST_BYTES = 500_000_000  # unpacked
MOST_FILES = 20_000
MOST_RATIO = 200  # of unpacked to packed bytes, once there are many of them
SMALL = 20_000_000


def opened(data: bytes, *, uri: str) -> zipfile.ZipFile:
    """The archive. Raises ParseError for a damaged one, and for a bomb: few bytes that unpack to a great many."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise ParseError(f"is a damaged ZIP file: {error}", where=uri) from error
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > MOST_FILES or total > MOST_BYTES or (total > SMALL and total > MOST_RATIO * len(data)):
        archive.close()
        raise ParseError(
            "would unpack to too much: it may be a ZIP bomb",
            where=uri,
            expected=f"at most {MOST_FILES:,} files, {MOST_BYTES:,} bytes and {MOST_RATIO} times its own size",
            found=f"{len(members):,} files, {total:,} bytes",
        )
    return archive


def safe_name(name: str) -> str:
    r"""A member's name as a path that leads nowhere else.

    >>> safe_name("../../etc/passwd"), safe_name("a\\b.txt")
    ('etc/passwd', 'a/b.txt')
    """
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "file"
