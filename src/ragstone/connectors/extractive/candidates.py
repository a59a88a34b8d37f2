"""The sentences of the passages that can stand as an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragstone.text.sentences import sentences
from ragstone.types import Chunk, Hit

__all__ = ["Candidate", "candidates", "trimmed"]

MOST_CHARACTERS = 60_000
"""Of all passages together, the best ones first. Eight passages of the usual size have 8,000."""

_MARK = re.compile(
    r"""\s* (?: [-*+•‣◦▪●–][ \t]+ (?:\[[ xX]\][ \t]+)?   # a list item, perhaps to be ticked off
              | \(?\d{1,3}[.)][ \t]+ | \#{1,6}[ \t]+ | >[ \t]* )""",
    re.VERBOSE,
)
_FOOTNOTES = re.compile(r"(?:\s*\[\d{1,3}\])+\s*$")
_EMPHASIS = ("**", "__", "*", "_")
_FENCED = re.compile(r"\s*(?:```|~~~|<!--|---\s*$)")
_HEADING = re.compile(r"\s*#{1,6}\s")
_TABLE_HEAD = re.compile(r"\n\s*\|?[ \t]*:?-{2,}[-:| \t]*$")
_UNDERLINED = re.compile(r"\n[=-]{2,}\s*$")
_QUESTION = re.compile(r"(?:[?？؟]|(?<=[\u0370-\u03ff\u1f00-\u1fff]);)['\"”’»)*_]*$")  # Greek asks with a semicolon
_WORDS = re.compile(r"\w+")
_SHORTEST = 2  # words; scripts without spaces are judged by characters
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{4}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence as it would be quoted: `text == chunk.text[start:end]` of the passage with that number, from 1.

    `before` is what a reader of the passage has just read: the sentence before it.
    """

    number: int
    start: int
    end: int
    text: str
    before: str


def candidates(hits: Sequence[Hit]) -> list[Candidate]:
    """The sentences of the passages, in order.

    Headings, questions, heads of tables and blocks of code are none, unless the passages hold nothing else.
    """
    found: list[Candidate] = []
    rest: list[Candidate] = []
    room = MOST_CHARACTERS
    for number, hit in enumerate(hits, 1):
        if room <= 0:
            break
        for candidate, quotable in _of(hit.chunk, number, room):
            (found if quotable else rest).append(candidate)
        room -= len(hit.chunk.text)
    return found or rest


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without the marks around its words: list bullets, heading marks, footnote numbers, whole emphasis.

    >>> text = "- **It ships in May.**[2]"
    >>> text[slice(*trimmed(text, 0, len(text)))]
    'It ships in May.'
    """
    while (mark := _MARK.match(text, start, end)) and mark.end() < end:
        start = mark.end()
    if (notes := _FOOTNOTES.search(text, start, end)) and notes.start() > start:
        end = notes.start()
    for mark in _EMPHASIS:
        width = len(mark)
        inside = text[start + width : end - width]
        if inside and mark not in inside and text[start:end] == f"{mark}{inside}{mark}":
            start, end = start + width, end - width
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    return start, start + len(inside.strip())


def _of(chunk: Chunk, number: int, room: int) -> Iterator[tuple[Candidate, bool]]:
    """Each sentence of a passage, and whether it can stand as an answer."""
    text = chunk.text[:room]
    labels = {span.label.casefold() for span in chunk.spans if span.kind == "heading"}
    before = ""
    for first, last in sentences(text):
        start, end = trimmed(text, first, last)
        whole, quoted = text[first:last], text[start:end]
        if start < end:
            yield Candidate(number, start, end, quoted, before), _quotable(whole, quoted, labels)
        before = whole


def _quotable(whole: str, quoted: str, labels: set[str]) -> bool:
    if _FENCED.match(whole) or _HEADING.match(whole) or _UNDERLINED.search(whole) or _TABLE_HEAD.search(whole):
        return False
    if quoted.casefold() in labels or _QUESTION.search(quoted):
        return False
    return len(_WORDS.findall(quoted)) >= _SHORTEST or _SPACELESS.search(quoted) is not None
