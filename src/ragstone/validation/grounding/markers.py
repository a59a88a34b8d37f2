"""The markers of an answer, `[1]` or `[2, 3]`, and the sentences that carry them."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragstone.text.sentences import sentences

__all__ = ["Bare", "Marker", "bare", "carriers", "markers", "without_unknown"]

_MARKER = re.compile(r"\[[ \t]*[0-9]+(?:[ \t]*[,;][ \t]*[0-9]+)*[ \t]*\](?!\()")  # not the text of a Markdown link
_NOWHERE = (sys.maxsize, sys.maxsize)
_ROUNDS = 8  # of markers around markers, more than any answer has
_FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_FENCED = re.compile(  # all after a fence that is not closed
    r"[ \t]*(?P<fence>```+|~~~+)[^\n]*$(?:.*?^[ \t]*(?P=fence)[`~]*[ \t]*$|.*)", re.MULTILINE | re.DOTALL
)
_TICKS = re.compile("`+")
_PARAGRAPH = re.compile(r"\n(?=[ \t]*\n)")


@dataclass(frozen=True, slots=True)
class Marker:
    """Where `[1, 2]` or `[1][2]` stands, and the numbers in it."""

    start: int
    end: int
    numbers: tuple[str, ...]


def markers(text: str) -> Iterator[Marker]:
    """The markers of an answer outside code and links; neighbours are one."""
    code = _code(text)
    first, last = next(code, _NOWHERE)  # of the block that ends behind the place that was reached
    start = end = 0
    numbers: list[str] = []  # of the markers that stand together from `start` to `end`
    for match in _MARKER.finditer(text):
        while last <= match.start():
            first, last = next(code, _NOWHERE)
        if first < match.end():
            continue
        if numbers and text[end : match.start()].strip(" \t"):
            yield Marker(start, end, tuple(numbers))
            numbers = []
        if not numbers:
            start = match.start()
        numbers += _numbers(match[0])
        end = match.end()
    if numbers:
        yield Marker(start, end, tuple(numbers))


def _code(text: str) -> Iterator[tuple[int, int]]:
    """Where fenced blocks stand, and spans inside a paragraph, which the same number of backticks ends."""
    runs = [match.span() for match in _TICKS.finditer(text)]
    closing: list[tuple[int, int]] = [_NOWHERE] * len(runs)
    latest: dict[int, tuple[int, int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        start, end = runs[index]
        closing[index] = latest.get(end - start, _NOWHERE)
        latest[end - start] = start, end
    breaks = [match.start() for match in _PARAGRAPH.finditer(text)] + [len(text)]
    fences = [(match.start(), -1) for match in _FENCE_LINE.finditer(text)]
    reached = 0
    for first, index in sorted([*fences, *((start, index) for index, (start, _) in enumerate(runs))]):
        if first < reached:
            continue
        if index < 0:
            fenced = _FENCED.match(text, first)
            assert fenced is not None, "the first line of it is there"
            reached = fenced.end()
        else:
            close, end = closing[index]
            if close > breaks[bisect_left(breaks, runs[index][1])]:
                continue
            reached = end
        yield first, reached


def _numbers(marker: str) -> list[str]:
    return [number.lstrip("0") or "0" for number in re.findall("[0-9]+", marker)]


def without_unknown(text: str, known: Collection[str]) -> tuple[str, list[str]]:
    """The text without the markers that name no passage, and their numbers. One may have stood around another.

    Each round takes out the innermost. Behind `_ROUNDS` of them the text is no answer that anybody writes, and the rest
    goes at once, from code as well: it takes time in proportion to the text, however deep the brackets are.
    """
    unknown: list[str] = []
    for _ in range(_ROUNDS):
        gone = [marker for marker in markers(text) if not any(number in known for number in marker.numbers)]
        if not gone:
            return text, unknown
        unknown += [number for marker in gone for number in marker.numbers]
        text = _without(text, gone)
    text, rest = _without_nested(text, known)
    return text, unknown + rest


def _without(text: str, gone: Sequence[Marker]) -> str:
    """The text without these markers and the blanks before them, or on a new line those after them."""
    pieces: list[str] = []
    at, opens = 0, False  # whether the piece begins a line
    for marker in gone:
        piece = text[at : marker.start].rstrip(" \t")
        piece = piece.lstrip(" \t") if opens else piece
        pieces.append(piece)
        at, opens = marker.end, not piece or piece[-1] == "\n"
    return "".join([*pieces, text[at:].lstrip(" \t") if opens else text[at:]])


def _without_nested(text: str, known: Collection[str]) -> tuple[str, list[str]]:
    """The text without all unknown markers, in one pass: what a bracket ends is compared as far as it is left."""
    kept: list[str] = []
    opened: list[int] = []  # places in `kept` of the brackets that may begin a marker
    unknown: list[str] = []
    bare_line = False  # whether a marker was taken out at the beginning of a line, and nothing came since
    for place, sign in enumerate(text):
        if bare_line and sign in " \t":
            continue
        bare_line = False
        kept.append(sign)
        if sign == "[":
            opened.append(len(kept) - 1)
        elif sign == "]" and opened:
            first = opened.pop()
            marker = "".join(kept[first:])
            if text.startswith("(", place + 1) or not _MARKER.fullmatch(marker):
                opened.clear()
                continue
            numbers = _numbers(marker)
            if any(number in known for number in numbers):
                opened.clear()
                continue
            unknown += numbers
            del kept[first:]
            while kept and kept[-1] in " \t":
                kept.pop()
            bare_line = not kept or kept[-1] == "\n"
    return "".join(kept), unknown


@dataclass(frozen=True, slots=True)
class Bare:
    """A text without its markers. `places[i]` is where its character i stands in the text, `at` where each marker did.

    `carried` is for each marker a character of the sentence that it belongs to.

    >>> found = bare("It ships [1]. Soon.", list(markers("It ships [1]. Soon.")))
    >>> found.text, found.at, found.carried
    ('It ships. Soon.', (8,), (7,))
    """

    text: str
    places: Sequence[int]
    at: tuple[int, ...]
    carried: tuple[int, ...]


def bare(text: str, marked: Sequence[Marker]) -> Bare:
    """The text without these markers, and without the blanks before them."""
    pieces: list[str] = []
    places: list[int] = []
    where: list[int] = []
    at = 0
    for start, end in (*((marker.start, marker.end) for marker in marked), (len(text), len(text))):
        piece = text[at:start].rstrip(" \t") if start < len(text) or end > start else text[at:start]
        pieces.append(piece)
        places += range(at, at + len(piece))
        where.append(len(places))
        at = end
    left, stood = "".join(pieces), tuple(where[: len(marked)])
    return Bare(left, places, stood, tuple(_carried(left, stood)))


def _carried(text: str, places: Sequence[int]) -> Iterator[int]:
    """For each place the last character before it where its line says something up to there, or else the next one."""
    words = [match.span() for match in re.finditer(r"\S+", text)]
    starts = [start for start, _ in words]
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    says = [
        next((at for at in range(*line) if text[at].isalnum()), len(text)) for line in pairwise([*lines, len(text)])
    ]
    for place in places:
        after = bisect_left(starts, place)  # the number of words that begin before it
        start, end = words[after - 1] if after else (0, 0)
        before = min(end, place)
        if says[bisect_right(lines, place) - 1] < before:
            yield before - 1
        elif start < place < end:
            yield place
        else:
            yield starts[after] if after < len(starts) else len(text)


def carriers(text: str, marked: Sequence[Marker]) -> list[str]:
    """For each marker the sentence that carries it: the one before it on its line, or else the one after it."""
    found = bare(text, marked)
    spans = sentences(found.text)
    said = [found.text[start:end] for start, end in spans]
    starts = [start for start, _ in spans]
    inside = [bisect_right(starts, each) - 1 for each in found.carried]
    return [
        said[index] if index >= 0 and each < spans[index][1] else ""
        for index, each in zip(inside, found.carried, strict=True)
    ]
