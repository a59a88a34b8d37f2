r"""What a text must look like, or must not hold, by a regular expression.

- regex: {match: "[A-Z]{2}-[0-9]{4}", on_fail: reask}     # the whole text
- regex: {search: "https://docs\.example\.com/"}             # some part of it
- regex: {forbid: "(?i)as an ai", within: sentence}        # no part of it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from ragstone.errors import ConfigError
from ragstone.patterns import NARROWED, Pattern
from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.validation.apart import apart
from ragstone.validation.segments import segments
from ragstone.verdicts import PASSED, Finding, Flaw, Stage, Subject

__all__ = ["RegexCheck"]

MOST = 50  # flaws that are looked for
TOLD = {
    "match": "it is not of the form that it must have",
    "search": "it lacks what it must hold",
    "forbid": "it holds what is forbidden",
}
"""What readers are told who must not get the pattern, which may be the very words."""


class RegexCheck(Check):
    """Exactly one of: the whole text must `match`, it must hold what `search` finds, or nothing that `forbid` finds.

    A match may cross the end of a sentence, so all of an answer is needed; with `within: sentence` each sentence is
    judged by itself, and a stream goes on. The engine takes time in proportion to the text, and so has no look-around.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input", "passage")

    def __init__(
        self,
        *,
        match: str | None = None,
        search: str | None = None,
        forbid: str | None = None,
        within: Literal["text", "sentence"] = "text",
    ) -> None:
        named = {"match": match, "search": search, "forbid": forbid}
        given = {name: source for name, source in named.items() if source is not None}
        if len(given) != 1:
            found = ", ".join(given) or "none of them"
            raise ConfigError("regex: one pattern is asked for", expected="`match`, `search` or `forbid`", found=found)
        ((self.way, source),) = given.items()
        if within == "sentence" and self.way != "forbid":
            raise ConfigError("within: a sentence by itself is only judged by `forbid`", found=f"within: {within}")
        self.pattern = Pattern(source, name=self.way)
        if self.way == "forbid" and self.pattern.found(""):
            raise ConfigError("forbid: the pattern matches nothing at all, so every text fails", found=source)
        self.whole = within == "text"

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text in which the pattern is not found, or is. For `forbid` it says where."""
        return await apart(len(subject.text), lambda: self._judged(subject.text))

    def _judged(self, text: str) -> Finding:
        if self.way == "match":
            passed, reason = self.pattern.matches(text), f"it is not of the form {self.pattern.source!r}"
        elif self.way == "search":
            passed, reason = self.pattern.found(text), f"it holds nothing of the form {self.pattern.source!r}"
        else:
            passed, reason = not self.pattern.found(text), f"it holds what {self.pattern.source!r} forbids"
        if passed:
            return PASSED
        flaws = tuple(self._flaws(text, reason)) if self.way == "forbid" else ()
        return Finding(passed=False, reason=reason, flaws=flaws, told=TOLD[self.way])

    def _flaws(self, text: str, reason: str) -> Iterator[Flaw]:
        """The ranges that match; where they are not found, the sentences that do, and the whole where none does."""
        known = 0
        for start, end in _parts(text):
            if known < MOST and self.pattern.found(text[start:end]):
                places = list(self.pattern.places(text[start:end])) or [(0, end - start)]
                known += len(places)
                yield from (Flaw(start + first, start + last, reason, "forbidden") for first, last in places)
        if not known:
            yield Flaw(0, len(text), reason, "forbidden")


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """The text itself where it is short, and its sentences where it is long."""
    if len(text) <= NARROWED:
        yield 0, len(text)
        return
    at = 0
    for segment in segments(text):
        yield at, at + len(segment.text)
        at += len(segment.text)
