r"""Cuts an answer into segments while it is said: sentences, and the lines of code blocks.

    "A chunk holds 200 tokens [1]. It can be"  →  "A chunk holds 200 tokens [1]. "   and the rest waits

A line of a code block in which something might be a link is held until the block has ended, with what follows in the
block: some renderers take a block for code only if it ends, and with the fence that it began with.

However the text arrives, its segments are the same, and joined they are the text, character by character. No segment
ends inside of what a renderer reads as one: a code span, a link, an image, a tag, a marker, an address. In Markdown no
such thing crosses a blank line, so nothing else is held back longer than to the end of its paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragstone.text.sentences import ends_sentence

__all__ = ["HAZARD", "Segment", "Segments", "segments"]

HAZARD = re.compile(
    r"[<&@\\＜]|(?i:on[a-z]{3,30}=)|\]\s*[(:\[]|//|／|:[^\s\d]|(?i:www)|\S[.．][^\W\d_]{2}|[A-Za-z0-9+/_=-]{40}"
    r"|%[0-9A-Fa-f]{2}|[\u00ad\u200b-\u200f\u2060-\u206f\ufeff]"
)
"""What is in every text of which a renderer would make a link or markup."""

AHEAD = 40
"""Characters. Whatever is decided at a place hangs on so many from there on, and on no more: they are waited for."""

FREELY = 256
"""The part of what is held that may gather before it is looked at, so that a long paragraph is not copied each time."""

FINELY = 4096
"""A segment has at least one character for so many before it, so that a long answer has few thousands of them."""

_STOPS = ".!?…。！？｡।॥؟۔"
_HARD = frozenset("。！？｡।॥؟۔")  # no space need follow them
_MARK = re.compile(
    rf"\n|`{{1,{AHEAD}}}|\]\(|[\[\]()<>]|https?://|www\.|\S@(?=\S)|[{_STOPS}]{{1,{AHEAD}}}", re.IGNORECASE
)
_CLOSING = re.compile(rf"[{_STOPS}]+[\"'”’»›)\]}}」』】）》〉*_]*")
_MARKERS = re.compile(r"(?:[ \t]*\[[ \t]*\d+(?:[ \t]*[,;][ \t]*\d+)*[ \t]*\])+(?!\()")
_SPACES = re.compile(r"(?:[ \t]*\n)+|[ \t]*")
_BLANK = re.compile(r"(?:[ \t]*\n)*")
_FENCE = re.compile(r"[ \t]*(?P<mark>```+|~~~+)")
_BLOCK = re.compile(r"[ \t]*(?:\n|$|[-*+•‣◦▪●–>][ \t]|\||#{1,6}[ \t]|\(?\d{1,3}[.)][ \t]|```|~~~)")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of an answer with the whitespace after it; `code` are lines of a fenced block, its fences too.

    It is one sentence or one line where the answer is no longer than a few pages.
    """

    text: str
    code: bool = False


def segments(text: str) -> list[Segment]:
    """The segments of a whole text."""
    cut = Segments()
    return [*cut.feed(text), *cut.finish()]


@dataclass(slots=True)
class _Open:
    """What of a paragraph is not closed yet. `target` are the parentheses of a link's target."""

    ticks: int = 0
    brackets: int = 0
    target: int = 0
    tag: bool = False
    address: bool = False

    @property
    def closed(self) -> bool:
        return not (self.ticks or self.brackets or self.target or self.tag)

    def takes(self, mark: str, follows: str) -> None:
        """Goes on over one mark; `follows` begins with the character after it."""
        if mark[0] == "`":
            self.ticks = len(mark) if not self.ticks else 0 if self.ticks == len(mark) else self.ticks
        elif self.ticks:
            return
        elif mark == "<":
            self.tag = self.tag or follows[:1].isalpha() or follows[:1] in ("/", "!", "?")
        elif mark == ">":
            self.tag = False
        elif mark in ("(", ")"):
            self.target += (1 if mark == "(" else -1) if self.target else 0
        elif mark == "[":
            self.brackets += 1
        elif mark[0] == "]":
            self.target = 1 if mark == "](" and self.brackets else self.target
            self.brackets -= 1 if self.brackets else 0
        else:
            self.address = True


class Segments:
    """Takes a text piece by piece, and gives its segments as soon as they are sure."""

    def __init__(self) -> None:
        self._held, self._arrived, self._waiting = "", list[str](), 0
        self._at: int = 0  # what stands before it is read
        self._begins = True  # whether a line begins there
        self._fence = ""
        self._holds = False  # what stands in the fenced block so far may be a link
        self._open = _Open()
        self._code: bool = False  # whether what is being read lies in a fenced block
        self._given = 0  # characters of the segments so far

    def feed(self, text: str) -> list[Segment]:
        """The segments that are sure now."""
        self._arrived.append(text)
        self._waiting += len(text)
        return [] if self._waiting < len(self._held) // FREELY else list(self._read(final=False))

    def finish(self) -> list[Segment]:
        """The rest."""
        return list(self._read(final=True))

    def _read(self, *, final: bool) -> Iterator[Segment]:
        self._held += "".join(self._arrived)
        self._arrived, self._waiting = [], 0
        start = 0  # of the segment that is being read
        while self._at < (end := len(self._held) if final else len(self._held) - AHEAD + 1):
            code = self._begins and bool(self._fence or _FENCE.match(self._held, self._at, self._at + AHEAD))
            if self._begins and start < self._at and code is not self._code:
                yield self._segment(start, self._at)
                start = self._at
            self._code = code
            cut = self._fenced(final) if code else self._prose(start, end)
            if code and not cut:
                break
            if cut:
                self._begins = self._held[cut - 1] == "\n"
                self._at = cut
                self._open = _Open()
                if cut - start >= self._given // FINELY and not self._holds:
                    yield self._segment(start, cut)
                    start = cut
        if final and start < len(self._held):
            yield self._segment(start, len(self._held))
            start = len(self._held)
        self._held, self._at = self._held[start:], self._at - start

    def _segment(self, start: int, end: int) -> Segment:
        self._given += end - start
        return Segment(self._held[start:end], self._code)

    def _fenced(self, final: bool) -> int:
        """The end of a line of a fenced block; 0 where it has not arrived."""
        text = self._held
        stop = text.find("\n", self._at)
        if stop < 0 and not final:
            return 0
        end = len(text) if stop < 0 else stop + 1
        line = text[self._at : end].strip()
        if not self._fence:
            mark = _FENCE.match(text, self._at, self._at + AHEAD)
            assert mark is not None, "who calls it has seen one"
            self._fence = mark["mark"]
        elif line.startswith(self._fence) and not line.strip(self._fence[0]):
            self._fence = ""
        self._holds = bool(self._fence) and (self._holds or HAZARD.search(line) is not None)
        return end

    def _prose(self, start: int, end: int) -> int:
        """Reads on to where a segment ends, and gives that place; 0 where it has read on without an end."""
        text, self._begins = self._held, False
        found = _MARK.search(text, self._at, min(len(text), end + AHEAD))
        place = end if found is None else min(found.start(), end)
        if self._open.address and any(map(str.isspace, text[self._at : place])):
            self._open.address = False
        self._at = place
        if found is None or found.start() >= end:
            return 0
        limit = place + AHEAD
        mark = text[place : min(found.end(), limit)]
        self._at = after = place + len(mark)
        if mark == "\n":
            self._open.address, self._begins = False, True
            if _BLOCK.match(text[after:limit]):
                blank = _BLANK.match(text, after, limit)
                return blank.end() if blank else after
            return 0
        if mark[0] in _STOPS:
            return self._sentence(start, place, limit)
        self._open.takes(mark, text[after:limit])
        return 0

    def _sentence(self, start: int, place: int, limit: int) -> int:
        """Where the sentence ends that the stop at a place closes; 0 where it closes none."""
        text = self._held
        closing = _CLOSING.match(text, place, limit)
        assert closing is not None, "it begins with a stop"
        at = closing.end()
        if (markers := _MARKERS.match(text, at, limit)) is not None:
            at = markers.end()
        spaces = _SPACES.match(text, at, limit)
        spaced = spaces.end() if spaces else at
        hard = text[place] in _HARD and not self._open.address
        if not self._open.closed or at >= min(limit, len(text)) or (spaced == at and not hard):
            return 0
        return (
            spaced
            if ends_sentence(text[max(start, place - AHEAD) : limit], place - max(start, place - AHEAD), limit)
            else 0
        )
