"""Markdown: its text as it stands, and the section under each heading."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, ClassVar

from ragstone.ingestion.parsers import sections, title_from
from ragstone.ingestion.parsers.text import decode
from ragstone.protocols import Parser
from ragstone.types import Parsed, Span

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = ["MarkdownParser", "markdown_spans"]

LONGEST_HEADING = 300  # characters of one that are read

_LINE_END = re.compile(r"\r\n?|\n")
_FRONT_MATTER = re.compile(
    r"""--- [ \t]* (?P<end>\r\n|\r|\n)
        (?= [ \t]* [\w-]+ [ \t]* : | \# )  # a key or a comment; else the dashes are a rule
        (?: [^\r\n]* (?P=end) )*?
        (?: --- | \.\.\. ) [ \t]* (?: (?P=end) | \Z )""",
    re.VERBOSE,
)
_TITLE = re.compile(
    r"^title[ \t]*:[ \t]*(?P<quote>[\"']?)(?P<title>\S.*?)(?P=quote)[ \t]*$", re.MULTILINE | re.IGNORECASE
)


class MarkdownParser(Parser):
    """Reads CommonMark. The text is the decoded file, unchanged but for a byte-order mark.

    Markup and front matter stay in it. A heading counts where it stands by itself, not in a code block, a quotation or
    a list.
    """

    media_types: ClassVar[tuple[str, ...]] = ("text/markdown",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        front = _FRONT_MATTER.match(text)
        spans = markdown_spans(text, front.end() if front else 0)
        first = next((span.label for span in spans if span.level == 1), None)
        named = _TITLE.search(front[0]) if front else None
        title = first or (named["title"] if named else title_from(uri))
        return Parsed(text=text, media_type="text/markdown", title=title, spans=spans, warnings=warnings, verbatim=True)


def markdown_spans(text: str, body: int = 0) -> tuple[Span, ...]:
    """The section under each heading of the text from `body` on, and its tables."""
    lines = [body, *(body + end.end() for end in _LINE_END.finditer(text[body:]))]
    found: list[tuple[int, int, str]] = []
    tokens = _blocks().parse(text[body:])
    ends = [*lines[1:], len(text)]
    tables = [
        Span("table", lines[token.map[0]], len(text[: ends[token.map[1] - 1]].rstrip()), "")
        for token in tokens
        if token.type == "table_open" and token.map is not None
    ]
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open" or opening.level or opening.map is None:
            continue
        if label := _plain(content.content):
            found.append((lines[opening.map[0]], int(opening.tag[1]), label))
    return (*sections(found, len(text)), *tables)


def _plain(heading: str) -> str:
    """A heading without its markup.

    >>> _plain("The `ask` command, *in short*")
    'The ask command, in short'
    """
    tokens = _inlines().parseInline(heading[:LONGEST_HEADING])
    parts = chain.from_iterable(token.children or () for token in tokens)
    words = "".join(
        " " if part.type.endswith("break") else part.content for part in parts if part.type != "html_inline"
    )
    return " ".join(words.split())


@cache
def _blocks() -> MarkdownIt:
    """Reads blocks alone, since the words inside them are not needed."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable("inline")


@cache
def _inlines() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")
