"""Documents in a folder, of this machine or of a store.

    kind: source
    type: files
    path: documents                 # or s3://bucket/folder, gs://…, az://…, https://…
    include: ["**/*.md", "**/*.pdf"]
    exclude: [drafts]
    acl: {from: sidecar}
    options: {endpoint_url: "https://s3.example.org"}    # of the store, where `path` is a URL

Patterns are globs on the path below the folder, upper and lower case alike: `*` stays within one folder, `**` crosses
them, and an `exclude` that names a folder excludes all in it. A file `.ragstoneignore` at its top says the same in the
manner of a `.gitignore`. Never listed are hidden files, the sidecars themselves, what editors and desktops leave
behind, anything but regular files, and links, save a link to a file that lies inside the folder too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from ragstone.connectors.files.inbox import FolderInbox
from ragstone.connectors.files.local import ignore_rules, read, walk
from ragstone.connectors.files.patterns import SIDECAR_SUFFIX, Chosen
from ragstone.connectors.files.permissions import (
    Access,
    FrontMatter,
    Readers,
    Sidecar,
    everyone_or_nobody,
    in_front_matter,
    in_sidecar,
    refuse,
)
from ragstone.connectors.files.remote import Remote
from ragstone.errors import ConfigError, SourceUnavailable
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.types import Context, Item

__all__ = ["FilesSource"]

BATCH = 256  # items listed per turn of the thread


class FilesSource(Source):
    """Lists the files of a folder in sorted order and reads one when asked.

    Uris are POSIX paths relative to `root`, the project's folder, so that a terminal opens them; without it they begin
    with `path` as it was given. With `acl: {from: sidecar}` a file without a sidecar is seen by nobody; one with a
    faulty sidecar by nobody either, and reading it raises ParseError.

    A folder inside that cannot be listed does not hide the others: every file that can be reached is listed first, then
    SourceUnavailable names what could not be, so that nothing below it counts as removed.

    Uris of a store are its URLs, versions what the store says of a file: its ETag, its time, its size.
    """

    def __init__(
        self,
        path: Path | str,
        root: Path | None = None,
        *,
        include: list[str] = ["**/*"],  # noqa: B006  only read, and shown as this key's default
        exclude: list[str] = [],  # noqa: B006
        acl: Access = "public",
        max_bytes: int = 100_000_000,
        options: dict[str, Any] = {},  # noqa: B006
    ) -> None:
        self.path, self.root = Path(path), root
        self.protected = acl != "public"
        self._acl: Access = acl
        self._chosen = Chosen.of(include, exclude)
        self._max_bytes = max_bytes
        self._remote: Remote | None = None
        if "://" in str(path):
            self._remote = Remote(str(path), options, self._chosen, acl, max_bytes)
        elif options:
            raise ConfigError("`options` are for a store", expected="a URL as `path`", found=str(path))
        else:
            self.inbox = FolderInbox(self._folder, self._choosing, self._uri, max_bytes)

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Lists every file. Raises SourceUnavailable at once for a missing folder, at the end for one inside it."""
        unreadable: list[tuple[str, OSError]] = []
        listing = self._remote.items() if self._remote else self._items(unreadable)
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
        for below, found in walk(folder, self._choosing(), unreadable):
            yield self._item(folder / below, self._uri(below), found)

    def _choosing(self) -> Chosen:
        """Which files are listed, by the folder's ignore file too."""
        return self._chosen.ignoring(ignore_rules(self._folder(), self._uri("")))

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
        opened = partial(read, path, uri, self._max_bytes)
        acl, fault = self._readers(path)
        if fault is not None:
            # Marked, the file counts as changed, so that it is read and its fault reported.
            origin = "sidecar" if isinstance(self._acl, Sidecar) else "front matter"
            version, opened = f"{version}-refused", partial(refuse, fault, origin, uri)
        return Item(uri=uri, version=version, size=found.st_size, read=opened, acl=acl)

    def _readers(self, path: Path) -> Readers:
        """Who may see a file, and the fault of what should say so; with a fault nobody may."""
        if isinstance(self._acl, FrontMatter):
            return in_front_matter(partial(_head, path), path)
        if not isinstance(self._acl, Sidecar):
            return everyone_or_nobody(self._acl)
        sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
        return in_sidecar(sidecar.read_bytes, sidecar) if os.path.lexists(sidecar) else ((), None)

    def _uri(self, below: str) -> str:
        path = self.path / below
        if self.root is not None:
            path = Path(os.path.relpath(path, self.root))
        # A name that is not valid UTF-8 could be neither stored nor printed.
        return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _head(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)
