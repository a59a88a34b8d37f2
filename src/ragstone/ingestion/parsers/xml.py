"""XML: the text of its elements; RSS and Atom: each entry as a section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.html import read_page
from ragstone.ingestion.parsers.text import decode
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["FeedParser", "XmlParser"]

_DECLARED = re.compile(rb"""\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.:-]+)""")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>")
_LABEL = 80  # characters: a longer text speaks for itself


class XmlParser(Parser):
    """The text of each element on a line; short ones, and attributes of empty ones, with their names before them.

    Entities that the file defines are not replaced, and nothing that it refers to is read.
    """

    media_types: ClassVar[tuple[str, ...]] = ("application/xml",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text, with a warning where the XML is damaged. Raises ParseError for a file without text."""
        root, warnings = _tree(data, uri)
        text = "\n".join(_lines(root))
        if not text:
            raise ParseError("holds no text", where=uri)
        title = next((words for element in root if _name(element) == "title" and (words := _words(element))), "")
        return Parsed(text=text, media_type="application/xml", title=title or title_from(uri), warnings=warnings)


class FeedParser(Parser):
    """A feed: its title, then each entry under its own, with its date, its link, and its HTML as a reader sees it."""

    media_types: ClassVar[tuple[str, ...]] = ("application/rss+xml", "application/atom+xml")

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a feed without text."""
        root, warnings = _tree(data, uri)
        channel = next((element for element in root if _name(element) == "channel"), root)
        blocks = Blocks()
        title = _html(_field(channel, "title"), uri)
        blocks.heading(1, title)
        blocks.add(_html(_field(channel, "description", "subtitle"), uri))
        entries = [element for element in root.iter() if _name(element) in ("item", "entry")]
        for entry in entries:
            _write(blocks, entry, uri)
        if not blocks.text:
            raise ParseError("holds no text", where=uri)
        kind = "application/atom+xml" if _name(root) == "feed" else "application/rss+xml"
        return Parsed(
            text=blocks.text, media_type=kind, title=title or title_from(uri), spans=blocks.spans(), warnings=warnings
        )


def _write(blocks: Blocks, entry: Any, uri: str) -> None:
    blocks.heading(2, _html(_field(entry, "title"), uri) or "Untitled")
    date = _field(entry, "pubDate", "published", "updated", "date")
    by = _words(next((element for element in entry if _name(element) in ("author", "creator")), None))
    blocks.add("\n".join(part for part in (" · ".join(filter(None, (date, by))), _link(entry)) if part))
    body = _field(entry, "encoded", "content", "description", "summary")
    if _MARKUP.search(body):
        page = read_page(body, uri=uri)
        blocks.insert(page.text, [(at, level + 2, label) for at, level, label in page.headings], page.tables)
    else:
        blocks.add(_html(body, uri))


def _html(source: str, uri: str) -> str:
    """Words that may hold markup or entities, as feeds often have them, on one line."""
    if "<" in source or "&" in source:
        source = read_page(source, uri=uri).text
    return " ".join(source.split())


def _link(entry: Any) -> str:
    links = [element for element in entry if _name(element) == "link"]
    links.sort(key=lambda element: element.get("rel", "alternate") != "alternate")
    return next((link for element in links if (link := element.get("href") or _words(element))), "")


def _field(element: Any, *names: str) -> str:
    """The content of the first of these children that has any; markup inside it stays markup."""
    for name in names:
        for child in element:
            if _name(child) != name:
                continue
            if found := (_markup(child) if len(child) else child.text or "").strip():
                return found
    return ""


def _markup(element: Any) -> str:
    etree: Any = import_module("lxml.etree")
    return (element.text or "") + "".join(etree.tostring(child, encoding="unicode", method="html") for child in element)


def _tree(data: bytes, uri: str) -> tuple[Any, tuple[str, ...]]:
    """The root element, and a warning where the file is damaged. Raises ParseError where there is none."""
    etree: Any = import_module("lxml.etree")
    declared = _DECLARED.match(data[:400])
    source, warnings = decode(data, uri=uri, charset=declared[1].decode() if declared else None)
    reader = etree.XMLParser(
        encoding="utf-8",
        recover=True,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root = etree.fromstring(source.strip().encode("utf-8", "replace"), reader)
    if root is None:
        raise ParseError("is damaged XML", where=uri)
    faults = [fault for fault in reader.error_log if "ntity" not in fault.message]
    if faults:
        warnings = (*warnings, f"is damaged XML: {faults[0].message.strip()} in line {faults[0].line}")
    return root, warnings


def _lines(element: Any) -> Iterator[str]:
    """The text below an element: one line for each that holds words of its own."""
    if not len(element) or _mixed(element):
        words, name = _words(element), _name(element)
        if not words:
            facts = [f"{key.rpartition('}')[2]}={value}" for key, value in element.attrib.items() if value.strip()]
            words = ", ".join(facts)
        if words:
            yield f"{name}: {words}" if len(words) <= _LABEL and not len(element) else words
        return
    for child in element:
        yield from _lines(child)


def _mixed(element: Any) -> bool:
    return any(words and words.strip() for words in (element.text, *(child.tail for child in element)))


def _words(element: Any) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _name(element: Any) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
