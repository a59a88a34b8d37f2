"""HTML: the words that a reader of the page sees, without the furniture around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import check_length, sections, title_from
from ragstone.ingestion.parsers.text import decode
from ragstone.protocols import Parser
from ragstone.types import Parsed, Span

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

__all__ = ["HtmlParser", "Page", "decode_page", "read_page"]


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_UNSEEN = _tags(
    """head script style noscript template svg iframe object embed canvas audio video map button select textarea
    datalist dialog"""
)
_FURNITURE = _tags("nav aside header footer")
_PARAGRAPHS = _tags("p blockquote pre ul ol dl table figure hr h1 h2 h3 h4 h5 h6")
_LINES = _tags(
    """address article aside body caption center dd details div dt fieldset figcaption footer form header legend li
    main nav section summary td th tr"""
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LAYOUT = "table, ul, ol, pre, h1, h2, h3, h4, h5, h6"  # a table around one of these holds no rows of facts

_HIDDEN = re.compile(r"(?:^|;)\s*display\s*:\s*none", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")  # where a word may be broken, or not
_SPACES = re.compile(r"[ \t\n\r\f\xa0]+")


class HtmlParser(Parser):
    """The page's main text: blocks on their own lines, `- ` before list items, ` | ` between cells, sections as spans.

    Left out are scripts, styles, forms, menus, headers and footers, and what is hidden. Where a `<main>` or the only
    `<article>` holds most of the text, the rest is left out too.
    """

    media_types: ClassVar[tuple[str, ...]] = ("text/html",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a binary file, and for a page without words."""
        source, warnings = decode_page(data, uri=uri)
        page = read_page(source, uri=uri)
        if not page.text:
            raise ParseError("holds no text", where=uri)
        first = next((label for _, level, label in page.headings if level == 1), "")
        title = page.title or first or title_from(uri)
        tables = (Span("table", start, end, "") for start, end in page.tables)
        spans = (*sections(page.headings, len(page.text)), *tables)
        return Parsed(text=page.text, media_type="text/html", title=title, spans=spans, warnings=warnings)


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader sees: headings as (start, level, label), tables as (start, end)."""

    text: str
    title: str
    headings: list[tuple[int, int, str]]
    tables: list[tuple[int, int]]


def decode_page(data: bytes, *, uri: str) -> tuple[str, tuple[str, ...]]:
    """The source of a page, and a warning where its encoding was guessed. Raises ParseError for a binary file."""
    return decode(data, uri=uri, charset=_declared(data))


def read_page(source: str, *, uri: str) -> Page:
    """The main text of a page. Raises ParseError for one that would keep the parser busy for minutes."""
    from selectolax.lexbor import LexborHTMLParser

    if _labour(source) > _MOST_LABOUR:
        raise ParseError("its elements are nested too deeply to be read", where=uri)
    page = LexborHTMLParser(source)
    writer = _main_text(page)
    text = "".join(writer.parts)
    check_length(len(text), uri=uri)
    return Page(text, _title(page), writer.headings, writer.tables)


def _title(page: LexborHTMLParser) -> str:
    node = page.css_first("head > title")
    return " ".join(node.text().split()) if node is not None else ""


# ── Before the parser sees it ────────────────────────────────────────────────────────────────────────────────────────

_CHARSET = re.compile(rb"""<(?:meta|\?xml)\b[^>]*?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_CHARSETS = re.compile(
    r"windows-?125\d|iso-?8859-?\d\d?|koi8-?[ru]|gbk|gb2312|gb18030|big5|shift[-_]?jis|euc-?(?:jp|kr)", re.IGNORECASE
)
_LATIN = re.compile(r"iso-?8859-?1|us-ascii", re.IGNORECASE)  # browsers read both as cp1252

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)([^<>]*)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_NEVER_CLOSED = _tags(
    """area base br col colgroup dd dt embed hr img input li link meta option p param source tbody td tfoot th thead tr
    track wbr"""
)
_MOST_LABOUR = 1_000_000_000  # about four seconds


def _declared(data: bytes) -> str | None:
    """The charset that the page declares, where it is none of Unicode's."""
    found = _CHARSET.search(data[:4096])
    name = found[1].decode("ascii", "replace") if found else ""
    if _LATIN.fullmatch(name):
        return "cp1252"
    return name if _CHARSETS.fullmatch(name) else None


def _labour(source: str) -> int:
    """About how many steps the parser will take: a tag meets all open elements, an attribute all others of its tag.

    A megabyte of `<div>` would keep it busy for two minutes.
    """
    open_ = Counter[str]()
    depth = labour = 0
    for closing, name, attributes in _TAG.findall(source):
        name = name.lower()
        if name not in _NEVER_CLOSED:
            if not closing:
                open_[name] += 1
                depth += 1
            elif open_[name]:
                open_[name] -= 1
                depth -= 1
        labour += depth
        if len(attributes) > 10_000:
            labour += len(_QUOTED.sub("", attributes).split()) ** 2
    return labour


# ── Walking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _main_text(page: LexborHTMLParser) -> _Writer:
    """The text of the main part, else of the page, else of the page with its furniture."""
    root = page.root
    if root is None:
        return _Writer()
    whole = _written(root, _FURNITURE)
    mains = page.css("main, [role=main]") or page.css("article")
    if len(mains) == 1:
        main = _written(mains[0], _FURNITURE)
        if 2 * main.length > whole.length:
            return main
    return whole if whole.parts else _written(root, frozenset())


def _written(root: LexborNode, furniture: frozenset[str]) -> _Writer:
    """What a reader sees below a node."""
    writer = _Writer()
    for node, opens in _walk(root, furniture):
        if node.tag == "-text":
            writer.words(node.text_content or "")
        elif opens:
            writer.open(node)
        else:
            writer.close(node)
    return writer


def _walk(root: LexborNode, furniture: frozenset[str]) -> Iterator[tuple[LexborNode, bool]]:
    """What a reader sees: each text once, each element when it opens and when it closes, however deep they lie."""
    waiting = [(root, True, False)]
    while waiting:
        node, opens, in_main = waiting.pop()
        tag = node.tag or ""
        if tag == "-text" or not opens:
            yield node, opens
            continue
        in_main = in_main or tag in ("main", "article")
        # Inside the main part a header holds the headline, and an aside a note.
        unwanted = tag in _UNSEEN or (tag in furniture and (tag == "nav" or not in_main))
        if unwanted or tag == "-comment" or _hidden(node):
            continue
        yield node, True
        waiting.append((node, False, in_main))
        children = list(node.iter(include_text=True))
        waiting.extend((child, True, in_main) for child in reversed(children))


def _hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return "hidden" in attributes or _HIDDEN.search(attributes.get("style") or "") is not None


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Writer:
    """Text in the making. A break or a space is written only once words follow it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.headings: list[tuple[int, int, str]] = []
        self.tables: list[tuple[int, int]] = []
        self.length = 0
        self._breaks = 0  # line breaks due
        self._space = False  # a space due, where no break is
        self._bullet = ""
        self._verbatim = 0  # how many <pre> are open
        self._heading: LexborNode | None = None
        self._heading_at: tuple[int, int] | None = None  # its offset, and its place in `parts`
        self._rows: list[list[str]] | None = None  # of the table that is open, each a list of cells

    def open(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if self._rows is not None:
            _open_in_table(self._rows, tag)
            return
        self._break(_breaks(tag))
        if tag == "br":
            self._break(min(self._breaks + 1, 2))
        elif tag == "li":
            self._bullet = "- "
        elif tag == "pre":
            self._verbatim += 1
        elif tag == "table" and all(part.css_first(_LAYOUT) is None for part in node.iter()):
            self._rows = []
        elif tag in _HEADINGS and self._heading is None:
            self._heading = node

    def close(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if self._rows is not None and tag != "table":
            return
        if tag == "li":
            self._bullet = ""
        elif tag == "pre":
            self._verbatim -= 1
        elif self._rows is not None:
            self._close_table(self._rows)
        elif self._heading is not None and self._heading == node:
            self._close_heading(_HEADINGS[tag])
        self._break(_breaks(tag))

    def words(self, text: str) -> None:
        """Adds text, its spaces joined as a browser does."""
        text = _INVISIBLE.sub("", text)
        if self._rows and self._rows[-1]:
            self._rows[-1][-1] += text
        elif self._verbatim:
            lines = text.rstrip("\n")
            if lines:
                self._put(lines)
            self._breaks += len(text) - len(lines)
        else:
            joined = _SPACES.sub(" ", text)
            self._space = self._space or joined[:1] == " "
            if words := joined.strip(" "):
                self._put(words)
                self._space = joined[-1] == " "

    def _break(self, lines: int) -> None:
        if lines and not self._bullet:
            self._breaks = max(self._breaks, lines)

    def _put(self, words: str) -> None:
        due = "\n" * self._breaks or " " * self._space
        if due and self.parts:
            self.parts.append(due)
            self.length += len(due)
        if self._heading is not None and self._heading_at is None:
            self._heading_at = self.length, len(self.parts)
        self.parts.append(self._bullet + words)
        self.length += len(self._bullet) + len(words)
        self._breaks, self._space, self._bullet = 0, False, ""

    def _close_heading(self, level: int) -> None:
        if self._heading_at is not None:
            offset, index = self._heading_at
            label = " ".join("".join(self.parts[index:]).split())
            self.headings.append((offset, level, label.removeprefix("- ")))
        self._heading = self._heading_at = None

    def _close_table(self, rows: list[list[str]]) -> None:
        self._rows = None
        start, written = -1, _filled(rows)
        for cells in written:
            self._break(1)
            self._put(line := " | ".join(cells).strip())
            start = self.length - len(line) if start < 0 else start
        if len(written) > 1 and max(map(len, written)) > 1:  # else it only puts words in their place
            self.tables.append((start, self.length))


def _breaks(tag: str) -> int:
    return 2 if tag in _PARAGRAPHS else 1 if tag in _LINES else 0


def _open_in_table(rows: list[list[str]], tag: str) -> None:
    if tag == "tr":
        rows.append([])
    elif tag in ("td", "th"):
        rows[-1].append("")
    elif rows and rows[-1] and (tag == "br" or _breaks(tag)):
        rows[-1][-1] += " "


def _filled(rows: list[list[str]]) -> list[list[str]]:
    """The rows without what only spaced them out: empty columns of a regular table, empty cells of any other.

    >>> _filled([["Fish", "", "kg"], ["Cod", "", " 3"]]), _filled([["Fish", "", "kg"], ["", "Sum"]])
    ([['Fish', 'kg'], ['Cod', '3']], [['Fish', 'kg'], ['Sum']])
    """
    rows = [[" ".join(cell.split()) for cell in row] for row in rows if row]
    if len({len(row) for row in rows}) > 1:
        rows = [[cell for cell in row if cell] for row in rows]
    else:
        kept = [any(column) for column in zip(*rows, strict=True)]
        rows = [[cell for cell, keep in zip(row, kept, strict=True) if keep] for row in rows]
    return [row for row in rows if any(row)]
