"""Where a text may be cut, and how good each place is."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from itertools import pairwise

from ragstone.text.sentences import sentences

__all__ = ["STRETCH", "Break", "body", "breaks", "stretches"]

STRETCH = 32_000  # characters

_END = r"(?:\r\n|\n|\r(?!\n))"
_PARAGRAPH = re.compile(rf"{_END}[ \t]*{_END}\s*")
_LINE = re.compile(rf"{_END}\s*")
_WORD = re.compile(r"\s+")
_HEADING = re.compile(rf"[^\r\n]*{_END}?(?:[ ]{{0,3}}(?:=+|-+)[ \t]*(?:{_END}|\Z))?\s*")
_FENCE = re.compile(r"^[ \t]*(?P<mark>```+|~~~+)[^\n]*\n(?:[^\n]*\n)*?[ \t]*(?P=mark)[`~]*[ \t]*$", re.MULTILINE)
_ROW = re.compile(r"^(?:[ \t]*\||[^\n|]* \| )[^\n]*$", re.MULTILINE)


class Break(IntEnum):
    """What begins at a place; the higher, the better to cut before it."""

    WORD = 1
    SENTENCE = 2
    PARAGRAPH = 3


def stretches(text: str, headings: Sequence[int], start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """A range of the text in stretches of at most STRETCH characters, each cut at the best place in its second half.

    A stretch is tokenised at once: tokenizers slow down on longer texts, and offsets take fifty times their memory.
    """
    last = len(text) if end is None else end
    while last - start > STRETCH:
        at = _stretch_end(text, headings, start + STRETCH // 2, start + STRETCH)
        yield start, at
        start = at
    yield start, last


def _stretch_end(text: str, headings: Sequence[int], least: int, most: int) -> int:
    for index in reversed(range(bisect_right(headings, least), bisect_right(headings, most))):
        # One that stands right under another stays with it.
        if index == 0 or body(text, headings[index - 1]) < headings[index]:
            return headings[index]
    for pattern in (_PARAGRAPH, _LINE, _WORD):
        places = [found.end() for found in pattern.finditer(text, least, most)]
        if places:
            return places[-1]
    return most


def body(text: str, heading: int) -> int:
    """Where the text under a heading begins, or the next heading."""
    found = _HEADING.match(text, heading)
    assert found is not None, "the pattern matches an empty text too"
    return found.end()


def breaks(
    text: str, start: int, end: int, *, headings: Sequence[int], fits: Callable[[int, int], bool]
) -> list[tuple[int, Break]]:
    """The places inside a range where a piece may begin, in order.

    A heading stays with the text under it, and a table's row or a fenced block stays whole where it fits a piece. Words
    come in only where a sentence does not fit.
    """
    blocks = [
        (found.start(), found.end()) for pattern in (_FENCE, _ROW) for found in pattern.finditer(text, start, end)
    ]
    places = {start + first: Break.SENTENCE for first, _ in sentences(text[start:end])}
    for first, last in blocks:
        places.update(dict.fromkeys(_lines(text, first, last), Break.SENTENCE))
    places.update((found.end(), Break.PARAGRAPH) for found in _PARAGRAPH.finditer(text, start, end))

    kept = sorted(at for at in places if start < at < end)
    for first, last in blocks:
        if fits(first, last):
            del kept[bisect_right(kept, first) : bisect_left(kept, last)]
    bodies = {heading: body(text, heading) for heading in headings}
    for heading, under in bodies.items():
        del kept[bisect_right(kept, heading) : bisect_right(kept, under)]

    for first, last in pairwise([start, *kept, end]):
        if not fits(first, last):
            kept.extend(found.end() for found in _WORD.finditer(text, bodies.get(first, first), last - 1))
    return [(at, places.get(at, Break.WORD)) for at in sorted(kept)]


def _lines(text: str, first: int, last: int) -> Iterator[int]:
    """Where the lines of a block begin, and the text after it."""
    yield first
    yield from (found.end() for found in _LINE.finditer(text, first, last))
    after = _LINE.match(text, last)
    if after is not None:
        yield after.end()
