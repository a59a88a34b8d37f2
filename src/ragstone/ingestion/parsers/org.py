"""Org: its text as it stands, and the section under each headline."""

from __future__ import annotations

import re
from typing import ClassVar

from ragstone.ingestion.parsers import sections, title_from
from ragstone.ingestion.parsers.text import decode
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["OrgParser"]

# A star at the start of a line inside a block of code has a comma before it, so each of these is a headline.
_HEADLINE = re.compile(r"^(\*+)[ \t]+(\S[^\r\n]*)", re.MULTILINE)
_STATES = re.compile(r"^#\+(?:SEQ_|TYP_)?TODO:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_TITLE = re.compile(r"^#\+TITLE:[ \t]*(\S[^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_PRIORITY = re.compile(r"\[#\w+\][ \t]*")
_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:[ \t]*$")
_LINK = re.compile(r"\[\[(?:[^\]]*\]\[)?([^\]]*)\]\]")


class OrgParser(Parser):
    """The decoded file, unchanged but for a byte-order mark.

    A section is named by its headline without its state (`TODO`), priority and tags.
    """

    media_types: ClassVar[tuple[str, ...]] = ("text/org",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        states = {"TODO", "DONE"}
        for line in _STATES.finditer(text):
            states |= {word.partition("(")[0] for word in line[1].split() if word != "|"}
        found = [
            (line.start(), len(line[1]), label)
            for line in _HEADLINE.finditer(text)
            if (label := _plain(line[2], states))
        ]
        spans = sections(found, len(text))
        named = _TITLE.search(text)
        title = named[1].strip() if named else spans[0].label if spans else title_from(uri)
        return Parsed(text=text, media_type="text/org", title=title, spans=spans, warnings=warnings, verbatim=True)


def _plain(headline: str, states: set[str]) -> str:
    """The words of a headline.

    >>> _plain("TODO [#A] Buy [[https://example.org][cod]] :fish:food:", {"TODO"})
    'Buy cod'
    """
    words = _TAGS.sub("", headline)
    state, _, rest = words.partition(" ")
    words = _PRIORITY.sub("", rest if state in states else words, count=1)
    return " ".join(_LINK.sub(r"\1", words).split())
