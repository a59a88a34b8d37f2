"""Documents in a folder of this machine.

    kind: source
    type: files
    path: documents
    include: ["**/*.md", "**/*.pdf"]
    exclude: [drafts]
    acl: {from: sidecar}

Patterns are globs on the path below the folder, upper and lower case alike: `*` stays within one folder, `**` crosses
them, and an `exclude` that names a folder excludes all in it. Never listed are hidden files, the sidecars themselves,
what editors and desktops leave behind, anything but regular files, and links, save a link to a file that lies inside
the folder too.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ragstone.config import read_yaml, validate
from ragstone.errors import ConfigError, ParseError, SourceUnavailable
from ragstone.protocols import Source
from ragstone.types import PUBLIC, Context, Item, Metadata, Trust

__all__ = ["FilesSource", "Sidecar"]

BATCH = 256  # items listed per turn of the thread
SUFFIX = ".acl.yaml"

_LEFTOVER = re.compile(r"~\$.*|.*~|.*\.sw[op]|thumbs\.db|desktop\.ini", re.IGNORECASE | re.DOTALL)


class Sidecar(BaseModel):
    """`acl: {from: sidecar}`: each file's readers stand beside it, those of `report.pdf` in `report.pdf.acl.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Literal["sidecar"] = Field(alias="from")


class _Rules(BaseModel):
    """What a sidecar holds: `allow: [group:hr]`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    allow: list[str]


class FilesSource(Source):
    """Lists the files of a folder in sorted order and reads one when asked.

    Uris are POSIX paths relative to `root`, the project's folder, so that a terminal opens them; without it they begin
    with `path` as it was given. With `acl: {from: sidecar}` a file without a sidecar is seen by nobody; one with a
    faulty sidecar by nobody either, and reading it raises ParseError. `trust` is how far the text is trusted, put into
    the metadata of each item where it is not `retrieved`.

    A folder inside that cannot be listed does not hide the others: every file that can be reached is listed first, then
    SourceUnavailable names what could not be, so that nothing below it counts as removed.
    """

    def __init__(
        self,
        path: Path,
        root: Path | None = None,
        *,
        include: list[str] = ["**/*"],  # noqa: B006  only read, and shown as this key's default
        exclude: list[str] = [],  # noqa: B006
        acl: Literal["public", "private"] | Sidecar = "public",
        trust: Trust = "retrieved",
        max_bytes: int = 100_000_000,
    ) -> None:
        self.path, self.root = path, root
        self.protected = acl != "public"
        self._acl = acl
        self._chosen = _Chosen(tuple(map(_parts, include)), tuple(map(_parts, exclude)))
        self._metadata: Metadata = {} if trust == "retrieved" else {"trust": trust}
        self._max_bytes = max_bytes

    async def items(self, *, context: Context) -> AsyncIterator[Item]:
        """Lists every file. Raises SourceUnavailable at once for a missing folder, at the end for one inside it."""
        unreadable: list[tuple[str, OSError]] = []
        listing = self._items(unreadable)
        while batch := await asyncio.to_thread(lambda: list(islice(listing, BATCH))):
            for item in batch:
                yield item
        if unreadable:
            below, error = unreadable[0]
            others = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
            raise SourceUnavailable(
                f"cannot be listed: {error.strerror}{others}",
                where=self._uri(below),
                hint="Grant access to it, or add it to `exclude`.",
            )

    def _items(self, unreadable: list[tuple[str, OSError]]) -> Iterator[Item]:
        folder = self._folder()
        for below, found in _walk(folder, self._chosen, unreadable):
            yield self._item(folder / below, self._uri(below), found)

    def _folder(self) -> Path:
        """The real path of the source's folder."""
        where = self._uri("")
        hint = f"Create it, or correct `path` in connectors/{self.name}.yaml." if self.name else None
        try:
            folder = Path(os.path.realpath(self.path, strict=True))
            if not folder.is_dir():
                raise SourceUnavailable("is not a folder", where=where, hint=hint)
            return folder
        except FileNotFoundError as error:
            raise SourceUnavailable("the folder does not exist", where=where, hint=hint) from error
        except OSError as error:
            raise SourceUnavailable(f"the folder cannot be reached: {error.strerror}", where=where) from error

    def _item(self, path: Path, uri: str, found: os.stat_result) -> Item:
        version = f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"
        read = partial(_read, path, uri, self._max_bytes)
        acl, fault = self._readers(path)
        if fault is not None:
            # Marked, the file counts as changed, so that it is read and its fault reported.
            version, read = f"{version}-refused", partial(_refuse, fault, uri)
        return Item(uri=uri, version=version, size=found.st_size, read=read, acl=acl, metadata=self._metadata)

    def _readers(self, path: Path) -> tuple[tuple[str, ...], ConfigError | None]:
        """Who may see a file, and the fault of its sidecar; with a fault nobody may."""
        if not isinstance(self._acl, Sidecar):
            return (PUBLIC if self._acl == "public" else ()), None
        sidecar = path.with_name(path.name + SUFFIX)
        if not os.path.lexists(sidecar):
            return (), None
        try:
            return tuple(validate(_Rules, read_yaml(sidecar)).allow), None
        except ConfigError as error:
            return (), error
        except RecursionError:
            return (), ConfigError("is nested too deeply", where=str(sidecar))

    def _uri(self, below: str) -> str:
        path = self.path / below
        if self.root is not None:
            path = Path(os.path.relpath(path, self.root))
        # A name that is not valid UTF-8 could be neither stored nor printed.
        return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _read(path: Path, uri: str, limit: int) -> bytes:
    """The bytes of a file. Raises ParseError when it cannot be read or is larger than the limit."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= limit:
                return file.read()
    except FileNotFoundError as error:
        raise ParseError("vanished before it was read", where=uri, hint="Ingest again.") from error
    except PermissionError as error:
        raise ParseError("permission denied", where=uri, hint="Grant read access to it, or exclude it.") from error
    except OSError as error:
        raise ParseError(f"cannot be read: {error.strerror}", where=uri) from error
    raise ParseError(
        "is too large",
        where=uri,
        expected=f"at most {limit:,} bytes",
        found=f"{size:,}",
        hint="Raise `max_bytes` of its source, or exclude it.",
    )


def _refuse(fault: ConfigError, uri: str) -> bytes:
    raise ParseError(f"nobody may see it, since its sidecar is faulty: {fault}", where=uri) from fault


# ── Walking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _walk(folder: Path, chosen: _Chosen, unreadable: list[tuple[str, OSError]]) -> Iterator[tuple[str, os.stat_result]]:
    """The chosen files by their paths below a folder, sorted. What cannot be listed is added to `unreadable`."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            if not below or below.endswith("/"):
                waiting.extend(reversed(_entries(folder, below, chosen)))
            elif (found := _regular(folder, below)) is not None:
                yield below, found
        except FileNotFoundError:
            continue  # it went since its folder was listed
        except OSError as error:
            unreadable.append((below, error))


def _entries(folder: Path, below: str, chosen: _Chosen) -> list[str]:
    """What to visit in a folder, sorted; folders end in a slash, which puts them where their files belong."""
    found: list[str] = []
    with os.scandir(folder / below) as entries:
        for entry in entries:
            path = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and chosen.below(path):
                    found.append(path + "/")
            elif not _left_over(entry.name) and chosen.file(path):
                found.append(path)
    return sorted(found)


def _left_over(name: str) -> bool:
    return name.startswith(".") or name.lower().endswith(SUFFIX) or _LEFTOVER.fullmatch(name) is not None


def _regular(folder: Path, below: str) -> os.stat_result | None:
    """The state of a regular file, also of one that a link leads to inside the folder; None for anything else."""
    path = folder / below
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(folder):
            return None
        found = target.lstat()  # a loop of links leads to a link again
    return found if stat.S_ISREG(found.st_mode) else None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which paths are listed, by globs in parts."""

    include: tuple[tuple[str, ...], ...]
    exclude: tuple[tuple[str, ...], ...]

    def file(self, path: str) -> bool:
        names = _parts(path)
        return any(_matches(glob, names) for glob in self.include) and not self._excluded(names)

    def below(self, folder: str) -> bool:
        """Whether anything in a folder can be chosen; if not, it need not even be readable."""
        names = _parts(folder)
        return any(_reaches(glob, names) for glob in self.include) and not self._excluded(names)

    def _excluded(self, names: tuple[str, ...]) -> bool:
        return any(_matches(glob, names) or (glob[-1] == "**" and _matches(glob[:-1], names)) for glob in self.exclude)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.casefold().removeprefix("./").strip("/").split("/"))


def _matches(glob: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether a glob matches a whole path.

    >>> _matches(("**", "*.md"), ("a", "b.md")), _matches(("*.md",), ("a", "b.md"))
    (True, False)
    """
    if not glob or not names:
        return not glob and not names
    if glob[0] == "**":
        return len(glob) == 1 or _matches(glob[1:], names) or _matches(glob, names[1:])
    return fnmatchcase(names[0], glob[0]) and _matches(glob[1:], names[1:])


def _reaches(glob: tuple[str, ...], folder: tuple[str, ...]) -> bool:
    """Whether a glob can match a path below a folder."""
    if not glob or not folder or glob[0] == "**":
        return bool(glob)
    return fnmatchcase(folder[0], glob[0]) and _reaches(glob[1:], folder[1:])
