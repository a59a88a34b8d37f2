"""What becomes of the places of a text when some of it is taken out or replaced."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ragstone.verdicts import Flaw

__all__ = ["Change", "Places", "changes", "cuts", "without"]

_SPACES = re.compile(" *")


@dataclass(frozen=True, slots=True)
class Change:
    """The range [start, end) of a text, in whose place `length` characters stand now."""

    start: int
    end: int
    length: int = 0


class Places:
    """Where the ranges of a text stand when these changes were made to it, which are in order and do not overlap.

    >>> Places([Change(5, 9)]).moved(Flaw(10, 12, "late")).start, Places([Change(5, 9)]).moved(Flaw(6, 8, "gone")).end
    (6, 5)
    """

    def __init__(self, made: Sequence[Change]) -> None:
        self._made = made
        self._starts = [one.start for one in made]
        self._shifts = [0, *accumulate(one.length - (one.end - one.start) for one in made)]

    def moved(self, flaw: Flaw) -> Flaw:
        """The flaw at its new place: around what stands for it now, or an empty range where it was taken out."""
        before = bisect_right(self._starts, flaw.start)
        start = flaw.start + self._shifts[before]
        if before and flaw.start < self._made[before - 1].end:
            start = self._starts[before - 1] + self._shifts[before - 1]
        if flaw.end == flaw.start:
            return replace(flaw, start=start, end=start)
        before = bisect_left(self._starts, flaw.end)
        end = flaw.end + self._shifts[before]
        if before and flaw.end < self._made[before - 1].end:
            last = self._made[before - 1]
            end = last.start + self._shifts[before - 1] + last.length
        return replace(flaw, start=start, end=max(start, end))


def cuts(text: str, flaws: Iterable[Flaw]) -> Iterator[Change]:
    """What goes with these ranges, which may overlap: one of two spaces around each goes, too."""
    at = 0
    for flaw in sorted(flaws, key=lambda one: (one.start, one.end)):
        if flaw.end > at:
            start, end = max(at, flaw.start), flaw.end
            spaces = _SPACES.match(text, end) if not start or text[start - 1] == " " else None
            at = spaces.end() if spaces is not None else end
            yield Change(start, at)


def without(text: str, flaws: Iterable[Flaw], *, blank: str = "") -> str:
    """The text less these ranges, which may overlap, or with a `blank` in place of each of their characters.

    >>> without("One. Two. Three.", [Flaw(5, 9, "no")])
    'One. Three.'
    """
    kept: list[str] = []
    at = 0
    for flaw in sorted(flaws, key=lambda one: (one.start, one.end)) if blank else ():
        if flaw.end > at:
            start = max(at, flaw.start)
            kept += [text[at:start], blank * (flaw.end - start)]
            at = flaw.end
    for cut in cuts(text, flaws) if not blank else ():
        kept.append(text[at : cut.start])
        at = cut.end
    return "".join([*kept, text[at:]])


def changes(before: str, after: str, flaws: Iterable[Flaw]) -> list[Change]:
    """What was replaced to make one text of the other.

    It is the ranges of the flaws where the rest is the same, and else all that lies between what both begin and end
    with. Texts of one length keep their places.
    """
    found = _replaced(before, after, flaws)
    if found is not None or len(before) == len(after):
        return found or []
    first = _shared(before, after)
    last = _shared(before[first:][::-1], after[first:][::-1])
    return [Change(first, len(before) - last, len(after) - last - first)]


def _replaced(before: str, after: str, flaws: Iterable[Flaw]) -> list[Change] | None:
    """The ranges of the flaws with what stands for each; None where something else has changed, too."""
    ranges: list[tuple[int, int]] = []
    for flaw in sorted(flaws, key=lambda one: (one.start, one.end)):
        if ranges and flaw.start <= ranges[-1][1]:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], flaw.end)
        elif flaw.end > flaw.start:
            ranges.append((flaw.start, flaw.end))
    if not ranges or not after.startswith(before[: ranges[0][0]]):
        return None
    made: list[Change] = []
    there = ranges[0][0]  # in what it became
    ends = [start for start, _ in ranges[1:]]
    for (start, end), upto in zip(ranges, [*ends, len(before)], strict=True):
        rest = before[end:upto]
        place = after.find(rest, there) if upto < len(before) else len(after) - len(rest)
        if place < there or not after.startswith(rest, place):
            return None
        made.append(Change(start, end, place - there))
        there = place + len(rest)
    return made


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (first, second) in pairs if first != second), min(len(one), len(other)))
