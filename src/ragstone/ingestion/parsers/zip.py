"""ZIP archives: the files in them, as children. Nothing is ever unpacked to a disk."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from contextlib import suppress
from typing import ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.protocols import Parser
from ragstone.types import Child, Parsed

__all__ = ["ZipParser"]

_LEFTOVER = re.compile(r"(?:.*/)?(?:__MACOSX/.*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.IGNORECASE | re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_UTF8 = 0x800  # the flag of a name in UTF-8
_ENCRYPTED = 0x1
_SMALL = 1_000_000  # bytes: below this the ratio says nothing


class ZipParser(Parser):
    """The files of an archive by their paths in it. Folders, links and what desktops leave behind are left out.

    An archive that would unfold to more than the limits is refused whole, whatever its list of members claims.
    """

    media_types: ClassVar[tuple[str, ...]] = ("application/zip",)

    def __init__(self, *, max_files: int = 10_000, max_total_bytes: int = 500_000_000, max_ratio: int = 500) -> None:
        self._max_files, self._max_bytes, self._max_ratio = max_files, max_total_bytes, max_ratio

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The files inside. Raises ParseError for a damaged, locked or empty archive, and for one that is a bomb."""
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
        except _BROKEN as error:
            raise ParseError("is a damaged ZIP archive", where=uri, hint="Download or pack it again.") from error
        with archive:
            members = [info for info in archive.infolist() if _is_file(info)]
            self._check(members, uri)
            children, warnings = self._read(archive, members, uri)
        if not children:
            if any(info.flag_bits & _ENCRYPTED for info in members):
                raise ParseError("is encrypted", where=uri, hint="Unpack it with its password.")
            raise ParseError("; ".join(warnings) or "holds no files", where=uri)
        return Parsed(
            text="",
            media_type="application/zip",
            title=title_from(uri),
            warnings=tuple(warnings),
            children=tuple(children),
        )

    def _check(self, members: list[zipfile.ZipInfo], uri: str) -> None:
        """Refuses by the archive's own list, before anything is unpacked."""
        if len(members) > self._max_files:
            raise ParseError(
                "holds too many files", where=uri, expected=f"at most {self._max_files:,}", found=f"{len(members):,}"
            )
        self._check_total(sum(info.file_size for info in members), uri)
        for info in members:
            if info.file_size > _SMALL and info.file_size > self._max_ratio * max(1, info.compress_size):
                raise ParseError(
                    f"is packed too tightly to be honest: {_safe(info)}",
                    where=uri,
                    expected=f"at most {self._max_ratio} times its packed size",
                )

    def _check_total(self, total: int, uri: str) -> None:
        if total > self._max_bytes:
            raise ParseError("unpacks to too much", where=uri, expected=f"at most {self._max_bytes:,} bytes")

    def _read(
        self, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], uri: str
    ) -> tuple[list[Child], list[str]]:
        children: list[Child] = []
        warnings: list[str] = []
        total = 0
        for info in members:
            name = _safe(info)
            if info.flag_bits & _ENCRYPTED:
                warnings.append(f"{name} is encrypted")
                continue
            try:
                with archive.open(info) as file:
                    content = file.read(self._max_bytes - total + 1)  # its size in the list may be a lie
            except _BROKEN as error:
                warnings.append(f"{name} is damaged: {error}")
                continue
            total += len(content)
            self._check_total(total, uri)
            if content:
                children.append(Child(name, content))
        return children, warnings


def _is_file(info: zipfile.ZipInfo) -> bool:
    link = stat.S_ISLNK(info.external_attr >> 16)
    return not (info.is_dir() or link or info.filename.endswith("\\") or _LEFTOVER.fullmatch(info.filename))


def _safe(info: zipfile.ZipInfo) -> str:
    """The path of a member that leads nowhere else: without drive, root, `..` and control characters."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):  # many packers write UTF-8 and do not say so
            name = name.encode("cp437").decode("utf-8")
    name = re.sub(r"^[A-Za-z]:", "", _CONTROLS.sub("", name).replace("\\", "/"))
    return "/".join(part for part in name.split("/") if part.strip() not in ("", ".", "..")) or "unnamed"
