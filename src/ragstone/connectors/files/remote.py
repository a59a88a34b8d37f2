"""Files of a store that fsspec reaches: S3, Google Cloud Storage, Azure, a web server, or memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from ragstone.connectors.files.local import too_large
from ragstone.connectors.files.patterns import IGNORE_FILE, SIDECAR_SUFFIX, Chosen, hidden
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
from ragstone.errors import ConfigError, MissingExtra, ParseError, SourceUnavailable
from ragstone.types import Item

__all__ = ["Remote"]

INSTALLS = {
    "s3": "'ragstone[s3]'",
    "s3a": "'ragstone[s3]'",
    "gs": "'ragstone[gcs]'",
    "gcs": "'ragstone[gcs]'",
    "az": "'ragstone[azure]'",
    "abfs": "'ragstone[azure]'",
    "abfss": "'ragstone[azure]'",
    "https": "'ragstone[files]' aiohttp",
    "http": "'ragstone[files]' aiohttp",
    "memory": "'ragstone[files]'",
}
"""The stores by the beginning of their URLs, with what pip installs for each."""

_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5", "generation", "VersionId")
_TIMES = ("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modified", "created")


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder, or one file, under a URL. `options` are what the store's file system takes: keys, an endpoint."""

    url: str
    options: Mapping[str, Any]
    chosen: Chosen
    access: Access
    max_bytes: int

    def __post_init__(self) -> None:
        scheme = self.url.split("://")[0]
        if scheme not in INSTALLS or "::" in self.url:
            expected = "a folder, or a URL that begins with " + ", ".join(f"{name}://" for name in INSTALLS)
            raise ConfigError("is no place that files can be read from", expected=expected, found=f"{scheme}://")
        user, at, _ = self.url.split("://")[1].split("/")[0].rpartition("@")
        if at and ":" in user:
            raise ConfigError("the URL holds a password", expected="it under `options`, from a variable")

    def items(self) -> Iterator[Item]:
        """Every chosen file, sorted. Raises SourceUnavailable when the store cannot be asked."""
        files, root = self._opened()
        found = self._found(files, root)
        if not found:
            raise SourceUnavailable("the folder does not exist, or holds nothing", where=self.url)
        chosen = self.chosen
        if IGNORE_FILE in found:
            chosen = chosen.ignoring(self._asked(partial(_ignore_rules, files, found[IGNORE_FILE]["name"])))
        folders: dict[str, bool] = {"": True}
        for below in sorted(found):
            folder, _, name = below.rpartition("/")
            # A single file has no path below its own URL, and no pattern to pass.
            if not below or (_open(folder, chosen, folders) and not hidden(name) and chosen.file(below)):
                yield self._item(files, below, found)

    def _item(self, files: Any, below: str, found: Mapping[str, Mapping[str, Any]]) -> Item:
        uri = f"{self.url.rstrip('/')}/{below}" if below else self.url
        path = str(found[below]["name"])
        info = found[below]
        if not _version(info):
            info = self._asked(partial(files.info, path))
        # What a store says nothing of is known by its content alone.
        version = _version(info) or hashlib.sha256(self._asked(partial(files.cat_file, path))).hexdigest()
        size = info.get("size")
        read = partial(_read, files, path, uri, None if size is None else int(size), self.max_bytes)
        acl, fault = self._readers(files, below, path, uri, found)
        if fault is not None:
            origin = "sidecar" if isinstance(self.access, Sidecar) else "front matter"
            version, read = f"{version}-refused", partial(refuse, fault, origin, uri)
        return Item(uri=uri, version=version, size=int(size or 0), read=read, acl=acl)

    def _readers(self, files: Any, below: str, path: str, uri: str, found: Mapping[str, Mapping[str, Any]]) -> Readers:
        if isinstance(self.access, Sidecar):
            sidecar = found.get(below + SIDECAR_SUFFIX)
            if sidecar is None:
                return (), None
            return in_sidecar(partial(_bytes, files, str(sidecar["name"])), uri + SIDECAR_SUFFIX)
        if isinstance(self.access, FrontMatter):
            return in_front_matter(lambda most: _bytes(files, path, most), uri)
        return everyone_or_nobody(self.access)

    def _opened(self) -> tuple[Any, str]:
        """The store's file system, and the path in it."""
        scheme = self.url.split("://")[0]
        hint = f"Run: pip install {INSTALLS[scheme]}"
        try:
            fsspec = import_module("fsspec")
            return self._asked(partial(fsspec.core.url_to_fs, self.url, **self.options))
        except ImportError as error:
            raise MissingExtra(f"{scheme}:// needs a package that is not installed", hint=hint) from error

    def _found(self, files: Any, root: str) -> dict[str, Mapping[str, Any]]:
        """What lies under the URL, by its path below it; "" for a URL that is itself a file's."""
        files.invalidate_cache()  # a server that runs for days must see what is new
        if self.url.startswith("http") and not self.url.endswith("/"):
            return {"": self._asked(partial(files.info, root))}
        listed: dict[str, Mapping[str, Any]] = self._asked(partial(files.find, root, detail=True))
        top = root.rstrip("/")
        found: dict[str, Mapping[str, Any]] = {}
        for path, info in listed.items():
            if path == top or path.startswith(top + "/"):
                found[path[len(top) :].lstrip("/")] = {**info, "name": path}
        return found

    def _asked(self, question: Any) -> Any:
        """What the store answers. Raises SourceUnavailable, with no secret in it, for all that can go wrong there."""
        try:
            return question()
        except (ImportError, SourceUnavailable):
            raise
        except FileNotFoundError as error:
            raise SourceUnavailable("the folder does not exist", where=self.url) from error
        except Exception as error:  # each store has errors of its own
            said = str(error) or type(error).__name__
            for secret in _secrets(self.options):
                said = said.replace(secret, "***")
            raise SourceUnavailable(f"cannot be listed: {said}", where=self.url) from None


def _open(folder: str, chosen: Chosen, known: dict[str, bool]) -> bool:
    """Whether a folder and all above it are chosen."""
    if folder not in known:
        above, _, name = folder.rpartition("/")
        known[folder] = _open(above, chosen, known) and not name.startswith(".") and chosen.below(folder)
    return known[folder]


def _version(info: Mapping[str, Any]) -> str:
    """What the store says of a file's state; "" where that is nothing."""
    said = [f"{info[name]}" for name in _VERSIONS if info.get(name)][:1]
    said += [f"{info[name]}" for name in _TIMES if info.get(name)][:1]
    return "-".join([*said, f"{info.get('size')}"]) if said else ""


def _read(files: Any, path: str, uri: str, size: int | None, limit: int) -> bytes:
    """The bytes of a file. Raises ParseError when it cannot be read or is larger than the limit."""
    if size is not None and size > limit:
        raise too_large(uri, limit, f"{size:,}")
    try:
        if size is not None:
            return files.cat_file(path)
        with files.open(path, "rb", block_size=0) as file:  # its size is not known: no more than the limit is read
            data = b"".join(iter(partial(file.read, min(limit + 1, 1 << 20)), b""))
    except FileNotFoundError as error:
        raise ParseError("vanished before it was read", where=uri, hint="Ingest again.") from error
    except PermissionError as error:
        raise ParseError("permission denied", where=uri, hint="Grant read access to it, or exclude it.") from error
    except Exception as error:  # each store has errors of its own
        raise ParseError(f"cannot be read: {type(error).__name__}", where=uri) from error
    if len(data) > limit:
        raise too_large(uri, limit, f"more than {limit:,}")
    return data


def _bytes(files: Any, path: str, most: int | None = None) -> bytes:
    """The first bytes of a file. Raises OSError for all that can go wrong."""
    try:
        return files.cat_file(path, end=most)
    except OSError:
        raise
    except Exception as error:
        raise OSError(type(error).__name__) from error


def _ignore_rules(files: Any, path: str) -> str:
    return files.cat_file(path).decode("utf-8-sig")


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    for value in options.values():
        if isinstance(value, Mapping):
            yield from _secrets(value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, str) and len(value) >= 6:
            yield value
