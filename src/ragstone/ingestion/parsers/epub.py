"""EPUB books: the chapters in their reading order."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import unquote

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.html import read_page
from ragstone.ingestion.parsers.markup import local_name, root_of
from ragstone.ingestion.parsers.packed import opened
from ragstone.ingestion.parsers.text import decode
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["EpubParser"]

_CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


class EpubParser(Parser):
    """Each chapter's headings are sections; a chapter without one is named by its page's title."""

    media_types: ClassVar[tuple[str, ...]] = ("application/epub+zip",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a damaged or protected book."""
        blocks, warnings, named = Blocks(), list[str](), ""
        with opened(data, uri=uri) as archive:
            if _encrypted(archive):
                raise ParseError("is protected by DRM and cannot be read", where=uri)
            named, chapters = _package(archive, uri)
            for name in chapters:
                try:
                    source, _ = decode(archive.read(name), uri=f"{uri}/{name}")
                    page = read_page(source, uri=uri)
                except KeyError:
                    warnings.append(f"the chapter {name} is missing")
                    continue
                except (ParseError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
                    if "empty" not in str(error):
                        warnings.append(f"the chapter {name} cannot be read: {error}")
                    continue
                if page.text:
                    if not page.headings and page.title and page.title != named:
                        blocks.heading(1, page.title)
                    blocks.insert(page.text, page.headings, page.tables)
        if not blocks.text:
            raise ParseError("holds no text", where=uri)
        return Parsed(
            text=blocks.text,
            media_type=self.media_types[0],
            title=named or title_from(uri),
            spans=blocks.spans(),
            warnings=tuple(warnings),
        )


def _encrypted(archive: zipfile.ZipFile) -> bool:
    """Whether the pages are encrypted; fonts alone may be."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return False
    said = archive.read("META-INF/encryption.xml")
    return any(suffix in said for suffix in (b".xhtml", b".html", b'.htm"'))


def _package(archive: zipfile.ZipFile, uri: str) -> tuple[str, list[str]]:
    """The book's title, and its pages in reading order."""
    try:
        container = root_of(archive.read(_CONTAINER))
        path = next(element.get("full-path") for element in container.iter() if local_name(element) == "rootfile")
        package = root_of(archive.read(path))
    except (KeyError, StopIteration, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise ParseError("is a damaged EPUB: it does not say where its pages are", where=uri) from error
    title = next((" ".join((e.text or "").split()) for e in package.iter() if local_name(e) == "title"), "")
    items = {e.get("id"): e for e in package.iter() if local_name(e) == "item"}
    spine = [items.get(e.get("idref")) for e in package.iter() if local_name(e) == "itemref"]
    return title, list(_pages([item for item in spine if item is not None], path))


def _pages(items: list[Any], path: str) -> Iterator[str]:
    for item in items:
        if item.get("media-type") in _PAGES and "nav" not in (item.get("properties") or "").split():
            yield posixpath.normpath(
                posixpath.join(posixpath.dirname(path), unquote(item.get("href", "").split("#")[0]))
            )
