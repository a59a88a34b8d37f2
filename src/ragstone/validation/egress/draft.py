"""A text that is changed step by step, and still knows where each change stands in what it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragstone.verdicts import Flaw

__all__ = ["Draft", "Edit"]


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` in place of a range, and what was wrong with it."""

    start: int
    end: int
    text: str
    label: str
    reason: str


class Draft:
    """The text as it is now, and the flaws that were found, as ranges of what it was at first."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.flaws: list[Flaw] = []
        self._places: Sequence[int] = range(len(text) + 1)

    def change(self, edits: Iterable[Edit]) -> bool:
        """Does what the edits say, the first of those that overlap; whether there was one."""
        pieces: list[str] = []
        places: list[int] = []
        at = 0
        last: Edit | None = None
        for edit in sorted(edits, key=lambda one: (one.start, -one.end)):
            if edit.start < at or (last is not None and edit.start == edit.end == last.end):
                continue
            last = edit
            self.flaws.append(Flaw(self._places[edit.start], self._places[edit.end], edit.reason, edit.label))
            pieces += [self.text[at : edit.start], edit.text]
            places += self._places[at : edit.start]
            places += [self._places[edit.start]] * len(edit.text)
            at = edit.end
        if not pieces:
            return False
        places += self._places[at:]
        self.text = "".join([*pieces, self.text[at:]])
        self._places = places
        return True
