"""reStructuredText: its text as it stands, and the section under each title."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from ragstone.ingestion.parsers import sections, title_from
from ragstone.ingestion.parsers.text import LINE, decode
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["RstParser"]

_RULE = re.compile(r"([!-/:-@\[-`{-~])\1*")
_ROLE = re.compile(r":[\w:.+-]+:(?=`)")
_LINK = re.compile(r"`([^`<]+?)\s*<[^`>]*>`__?")
_MARKUP = re.compile(r"`{1,2}|\*{1,2}|(?<=\w)_\b(?!\w)")


class RstParser(Parser):
    """The decoded file, unchanged but for a byte-order mark.

    A title is a line with a rule of punctuation below it, or above and below. How deep it lies is told by which kinds
    of rule came before, as reStructuredText has it.
    """

    media_types: ClassVar[tuple[str, ...]] = ("text/x-rst",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its sections. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        styles: list[str] = []
        found: list[tuple[int, int, str]] = []
        for start, style, label in _titles(text):
            if style not in styles:
                styles.append(style)
            found.append((start, styles.index(style) + 1, label))
        spans = sections(found, len(text))
        title = spans[0].label if spans else title_from(uri)
        return Parsed(text=text, media_type="text/x-rst", title=title, spans=spans, warnings=warnings, verbatim=True)


def _titles(text: str) -> Iterator[tuple[int, str, str]]:
    """Where each title begins, its style, and its words."""
    places = [(line.start(), line[0].rstrip()) for line in LINE.finditer(text)]
    lines = ["", *(line for _, line in places), ""]
    at = 1
    while at < len(lines) - 1:
        before, line, after = lines[at - 1 : at + 2]
        if _is_rule(line) and _is_title(after.strip()) and len(line) >= len(after.strip()):
            below = lines[at + 2] if at + 2 < len(lines) else ""
            if not before and below == line:  # a rule above and below
                yield places[at - 1][0], line[0] * 2, _plain(after)
                at += 3
                continue
        elif _is_title(line) and line[0] != " " and not before and _is_rule(after) and _is_below(after, line):
            yield places[at - 1][0], after[0], _plain(line)
            at += 2
            continue
        at += 1


def _is_rule(line: str) -> bool:
    return len(line) > 1 and _RULE.fullmatch(line) is not None


def _is_title(line: str) -> bool:
    return bool(line) and not _is_rule(line)


def _is_below(rule: str, title: str) -> bool:
    """Whether a rule is long enough: a short one is a fault that is read all the same from four characters on."""
    return len(rule) >= min(4, len(title))


def _plain(title: str) -> str:
    """A title without its markup.

    >>> _plain("The :class:`Cod`, *in short*, by `Anna <https://example.org>`_")
    'The Cod, in short, by Anna'
    """
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", _ROLE.sub("", title))).split())
