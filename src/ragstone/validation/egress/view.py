r"""A text as whoever reads it will see it: escapes undone, masks off, each character with its place in the original.

    "https:&#47;\/evіl.example"  →  "https://evil.example"

A marker that names no passage is not in it either: it is taken out of an answer later, and what stood on its two sides
then touches.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragstone.text.unmask import unmask

__all__ = ["View", "known", "view", "without_emphasis"]

_MARKER = re.compile(r"\[[ \t]*+([0-9]++(?:[ \t]*+[,;][ \t]*+[0-9]++)*+)[ \t]*+\](?!\()")
_ESCAPE = re.compile(r"&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});|\\(?=[!-/:-@\[-`{-~])")
_EMPHASIS = re.compile(r"\*+|~~|`+|</?(?:b|code|del|em|i|ins|kbd|mark|s|small|strong|u)>", re.IGNORECASE)
DEEPEST = 4  # markers inside of markers that are looked for


@dataclass(frozen=True, slots=True)
class View:
    """Character i of `text` stands in the original from `starts[i]` to `ends[i]`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    nested: bool = False  # there are more markers inside of markers than anyone writes

    def range(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original that a range of the text stands for; empty where that is."""
        if start >= end:
            place = self.starts[start] if start < len(self.text) else self.ends[-1] if self.text else 0
            return place, place
        return self.starts[start], self.ends[end - 1]


def view(text: str, *, passages: int | None = 0, escapes: bool = True) -> View:
    """The text as it reads; `passages` is how many numbers name one, `escapes` whether Markdown's are undone.

    With None every marker stays.
    """
    found = View(text, range(len(text)), range(1, len(text) + 1))
    nested = False
    if "[" in text and passages is not None:
        found, nested = _without_markers(found, passages)
    if escapes and ("&" in text or "\\" in text):
        found = _unescaped(found)
    if not found.text.isascii():
        seen = unmask(found.text)
        places = seen.places
        found = View(
            seen.text,
            [found.starts[place] for place in places[: len(seen.text)]],
            [found.ends[place] for place in places[: len(seen.text)]],
        )
    return View(found.text, found.starts, found.ends, True) if nested else found


def without_emphasis(found: View) -> View:
    """The view less the signs that only say how letters look, which may stand inside of a word: `se**cr**et`."""
    kept: list[tuple[int, int]] = []
    at = 0
    for one in _EMPHASIS.finditer(found.text):
        kept.append((at, one.start()))
        at = one.end()
    return _of(found, [*kept, (at, len(found.text))]) if kept else found


def _without_markers(found: View, passages: int) -> tuple[View, bool]:
    """The view less the markers that name no passage, and whether there are still some."""
    for _ in range(DEEPEST):
        gone = [one.span() for one in _MARKER.finditer(found.text) if not known(one[1], passages)]
        if not gone:
            return found, False
        kept: list[tuple[int, int]] = []
        at = 0
        for start, end in gone:
            start = at + len(found.text[at:start].rstrip(" \t"))
            kept.append((at, start))
            at = end
        kept.append((at, len(found.text)))
        found = _of(found, kept)
    return found, True


def known(numbers: str, passages: int) -> bool:
    """Whether one of the numbers in a marker names one of so many passages."""
    return any(len(one) < 8 and 0 < int(one) <= passages for one in re.findall("[0-9]+", numbers))


def _of(found: View, kept: Sequence[tuple[int, int]]) -> View:
    return View(
        "".join(found.text[start:end] for start, end in kept),
        [place for start, end in kept for place in found.starts[start:end]],
        [place for start, end in kept for place in found.ends[start:end]],
    )


def _unescaped(found: View) -> View:
    """Entities as the characters that they stand for, and no backslash before punctuation."""
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for one in _ESCAPE.finditer(found.text):
        if one.start() < at:
            continue
        shown = html.unescape(one[0]) if one[0] != "\\" else ""
        if shown == one[0]:
            continue
        letters.append(found.text[at : one.start()])
        starts += found.starts[at : one.start()]
        ends += found.ends[at : one.start()]
        at = one.end()
        if one[0] == "\\":  # what it escapes begins where it does, and is no escape itself
            letters.append(found.text[at])
            starts.append(found.starts[one.start()])
            ends.append(found.ends[at])
            at += 1
        else:
            letters.append(shown)
            starts += [found.starts[one.start()]] * len(shown)
            ends += [found.ends[one.end() - 1]] * len(shown)
    letters.append(found.text[at:])
    starts += found.starts[at:]
    ends += found.ends[at:]
    return View("".join(letters), starts, ends)
