"""From bytes to text with spans, one module for each format, and what the formats share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from ragstone.errors import ParseError
from ragstone.types import Span

__all__ = ["MAX_CHARACTERS", "check_length", "sections", "title_from"]

MAX_CHARACTERS = 50_000_000
"""A longer text is refused: a file of a few megabytes can unfold to any length."""

_JOINTS = re.compile(r"(?<=[^\W\d_])[-_\s]+|[_\s]+|-+(?=[^\W\d_])")


def title_from(uri: str) -> str:
    """A title for a document that names none.

    >>> title_from("documents/halibut-recipes_2024-05.txt")
    'Halibut recipes 2024-05'
    """
    stem = PurePosixPath(uri).stem
    words = _JOINTS.sub(" ", stem).strip() or stem
    return words[:1].upper() + words[1:]


def sections(headings: Iterable[tuple[int, int, str]], end: int) -> tuple[Span, ...]:
    """The section under each heading, given as (start, level, label) in order: up to the next that is not deeper.

    >>> [(span.label, span.start, span.end) for span in sections([(0, 1, "A"), (9, 2, "B"), (20, 1, "C")], 30)]
    [('A', 0, 20), ('B', 9, 20), ('C', 20, 30)]
    """
    found: list[Span] = []
    open_: list[tuple[int, int]] = []  # index into `found`, level

    def close(level: int, at: int) -> None:
        while open_ and open_[-1][1] >= level:
            index = open_.pop()[0]
            span = found[index]
            found[index] = Span(span.kind, span.start, at, span.label, span.level)

    for start, level, label in headings:
        close(level, start)
        open_.append((len(found), level))
        found.append(Span("heading", start, end, label, level))
    close(0, end)
    return tuple(found)


def check_length(length: int, *, uri: str) -> None:
    """Raises ParseError for a text of more than MAX_CHARACTERS."""
    if length > MAX_CHARACTERS:
        raise ParseError("its text is too long", where=uri, expected=f"at most {MAX_CHARACTERS:,} characters")
