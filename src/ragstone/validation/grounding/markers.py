"""The markers of an answer, `[1]` or `[2, 3]`, and the sentences that carry them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ragstone.text.sentences import sentences

__all__ = ["Bare", "Marker", "bare", "carriers", "markers", "without_unknown"]

_MARKER = re.compile(r"\[[ \t]*[0-9]+(?:[ \t]*[,;][ \t]*[0-9]+)*[ \t]*\](?!\()")  # not the text of a Markdown link
_CODE = re.compile(
    r"""^[ \t]*(?P<fence>```+|~~~+)[^\n]*$(?:.*?^[ \t]*(?P=fence)[`~]*[ \t]*$|.*)  # a fence, or all after an open one
    | (?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)  # a span inside a paragraph
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Marker:
    """Where `[1, 2]` or `[1][2]` stands, and the numbers in it."""

    start: int
    end: int
    numbers: tuple[str, ...]


def markers(text: str) -> Iterator[Marker]:
    """The markers of an answer outside code and links; neighbours are one."""
    code = [match.span() for match in _CODE.finditer(text)]
    start = end = 0
    numbers: list[str] = []  # of the markers that stand together from `start` to `end`
    for match in _MARKER.finditer(text):
        if any(first < match.end() and match.start() < last for first, last in code):
            continue
        if numbers and text[end : match.start()].strip(" \t"):
            yield Marker(start, end, tuple(numbers))
            numbers = []
        if not numbers:
            start = match.start()
        numbers += [number.lstrip("0") or "0" for number in re.findall("[0-9]+", match[0])]
        end = match.end()
    if numbers:
        yield Marker(start, end, tuple(numbers))


def without_unknown(text: str, known: Collection[str]) -> tuple[str, list[str]]:
    """The text without the markers that name no passage, and their numbers. One may have stood around another."""
    unknown: list[str] = []
    while gone := [marker for marker in markers(text) if not any(number in known for number in marker.numbers)]:
        for marker in reversed(gone):
            before, after = text[: marker.start].rstrip(" \t"), text[marker.end :]
            text = before + (after if before and before[-1] != "\n" else after.lstrip(" \t"))
        unknown += [number for marker in gone for number in marker.numbers]
    return text, unknown


@dataclass(frozen=True, slots=True)
class Bare:
    """A text without its markers. `places[i]` is where its character i stands in the text, `at` where each marker did.

    >>> found = bare("It ships [1]. Soon.", list(markers("It ships [1]. Soon.")))
    >>> found.text, found.at
    ('It ships. Soon.', (8,))
    """

    text: str
    places: Sequence[int]
    at: tuple[int, ...]

    def carried(self, place: int) -> int:
        """A character of the sentence that a marker at this place belongs to."""
        text = self.text
        before, after = text[:place].rstrip(), text[place:].lstrip()
        line = before[text.rfind("\n", 0, place) + 1 :]
        return len(before) - 1 if any(character.isalnum() for character in line) else len(text) - len(after)


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
    return Bare("".join(pieces), places, tuple(where[: len(marked)]))


def carriers(text: str, marked: Sequence[Marker]) -> list[str]:
    """For each marker the sentence that carries it: the one before it on its line, or else the one after it."""
    found = bare(text, marked)
    spans = sentences(found.text)
    inside = [found.carried(place) for place in found.at]
    return [next((found.text[start:end] for start, end in spans if start <= each < end), "") for each in inside]
