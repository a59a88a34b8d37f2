r"""Which parts of an answer are code to whoever renders it, as far as that is sure whichever renderer it is.

In code nothing is a link, so an address in it may stay. But what looks like code need not be: a backtick too many, a
cell of a table, a fence in a list item that has ended turn code and text around. Wherever two readings are possible
nothing is taken for code, until a place where they agree again.

A fenced block is code where every family of renderers says so. Python-Markdown and markdown2 look for the closing fence
first, which must be the same as the opening one, and know only one word behind it. So a block is code where its end has
arrived, and in what has arrived before nothing may stand that would be a link: `validation/segments.py` sees to that.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field
from enum import IntEnum

from ragstone.validation.egress.swallowing import Swallowing
from ragstone.validation.egress.view import known

__all__ = ["Reading"]

_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n|\Z)")
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<mark>`{3,}+|~{3,}+)(?P<info>.*)", re.DOTALL)
_INFO = re.compile(r" {0,9}[A-Za-z0-9_+-]{0,99} *")
_DEEP = re.compile(
    r"[ \t]*+(?:(?:[-*+>:]|~(?=[ \t])|\(?[\w#@]{1,9}[.)]|\[\^?[^\]\[\n]{0,99}\]:?)[ \t]*+)*+(?:`{3}|~{3})"
)
_PARTS = re.compile(r"[ \t]*+(?:[>:<]|$|([-*_])[ \t]*+(?:\1[ \t]*+){2,}+$)|.*`")
"""A line at which Python-Markdown ends the paragraph that it takes an indented block for."""

_BREAK = re.compile("[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
"""The end of a line, or a blank one, to some."""

_TICKS = re.compile("`+")
_MARKED = re.compile(r"[`~][ \t]{0,20}\[[ \t\d,;\[\]]{1,60}|\d[ \t\d,;]{0,60}\][ \t]{0,20}[`~]")
_BRACKET = re.compile(r"\[(?![\d ,;]{1,40}\])")
_OPENS_MATH = re.compile(r"\$|\\[(\[]|\\begin")
_CLOSES_MATH = re.compile(r"[$\\]")
DRAWN = frozenset(
    re.findall(
        r"\S+",
        "abc asy bpmn bytefield c4plantuml chart d2 ditaa dot echarts embed erd excalidraw flow flowchart geojson "
        "gnuplot graphviz iframe kroki latex markmap math mermaid mindmap mscgen nomnoml nwdiag pikchr plantuml puml "
        "sequence stl structurizr svg svgbob tex tikz topojson typst vega vega-lite vegalite wavedrom wireviz youtube",
    )
)
"""Languages whose code blocks some renderers draw as pictures, with the links in them."""

LONGEST = 1200  # characters of a line that are remembered: the label of a reference has at most 999


class _Doubt(IntEnum):
    """Whether a fence may be open that is none here: in a list or a quotation, which a plain line ends, or for good."""

    NONE = 0
    INSIDE = 1
    EVER = 2


@dataclass(slots=True)
class Reading:
    """Where an answer stands after what was read of it. `line` is what its last line holds so far."""

    passages: int = 0  # how many numbers name one: other markers are taken out of the answer later
    line: str = ""
    _long: bool = False
    _mark: str = ""  # that opened the fence
    _indent: int = 0
    _drawn: bool = False  # what is in it is no code to everyone
    _parted: bool = False  # an indented block: some have ended the paragraph that they take for it
    _doubt: _Doubt = field(default=_Doubt.NONE)
    _unclear: bool = False  # a backtick of this paragraph closes none
    _label: bool = False  # a bracket stands before it in this paragraph: some look for links before they look for code
    _math: bool = False  # a formula may have begun in this paragraph
    _row: bool = False  # a bar stands in code of this line: in a table it ends a cell
    _swallowing: Swallowing = field(default_factory=Swallowing)

    def copy(self) -> Reading:
        """The same, to read on from twice."""
        other = copy(self)
        other._swallowing = self._swallowing.copy()
        return other

    @property
    def begins_line(self) -> bool:
        """Whether a line begins here."""
        return not self.line and not self._long

    @property
    def line_is_long(self) -> bool:
        """Whether the line has begun before what is remembered of it."""
        return self._long

    def doubts(self) -> None:
        """From here on nothing is sure to be code."""
        self._doubt, self._mark = _Doubt.EVER, ""

    def read(self, text: str) -> list[tuple[int, int]]:
        """Reads on over a text, and gives the ranges of it that are code."""
        code: list[tuple[int, int]] = []
        if any(not known(found[0], self.passages) for found in _MARKED.finditer(text)):
            self.doubts()  # taken out, it may join what stands beside it
        if text and self._mark and not self.begins_line:
            self.doubts()  # who cut the text took this for no line of code
        sure = self._closes(text, 0)
        for found in _LINE.finditer(text):
            if not found[0]:
                break
            ended = found[0][-1] in "\r\n"
            line = found[0].rstrip("\r\n") if ended else found[0]
            if _BREAK.search(line):
                self.doubts()
            begins, inside = self.begins_line, bool(self._mark)
            fenced = self._fenced(line) if begins else inside
            if fenced:
                sure = sure if inside else self._closes(text, found.end())
                if sure and not self._drawn:
                    code.append((found.start(), found.start() + len(line)))
            else:
                self._unfenced(line, found.start(), code, begins=begins)
            if ended:
                self._ends(line)
            else:
                self._long = self._long or len(self.line) + len(line) > LONGEST
                self.line = (self.line + line[-LONGEST:])[-LONGEST:]
        return code

    def _closes(self, text: str, place: int) -> bool:
        """Whether the open block is closed after a place of the text, as everyone reads it."""
        if not self._mark or self._parted:
            return False
        for found in _LINE.finditer(text, place):
            line = found[0].rstrip("\r\n")
            if line.rstrip().endswith(self._mark):
                return self._is_end(line)
            if self._parts(line) or self._ends_math(line):
                return False
        return False

    def _ends_math(self, line: str) -> bool:
        """Whether a formula may end here that began before the block: pandoc takes both for one paragraph."""
        return self._math and _CLOSES_MATH.search(line) is not None

    def _parts(self, line: str) -> bool:
        """Whether a line in an indented block ends the paragraph that Python-Markdown takes for it, or the block."""
        return bool(self._indent) and (self._outdented(line) or _PARTS.match(line) is not None)

    def _outdented(self, line: str) -> bool:
        return bool(line.strip(" \t")) and len(line) - len(line.lstrip(" ")) < self._indent

    def _is_end(self, line: str) -> bool:
        return line.rstrip(" ") == " " * self._indent + self._mark

    def _ends(self, line: str) -> None:
        if not self._long and not (self.line + line).strip(" \t"):
            self._unclear = self._label = self._math = False
        self.line, self._long, self._row = "", False, False

    def _unfenced(self, line: str, place: int, code: list[tuple[int, int]], *, begins: bool) -> None:
        spans: list[tuple[int, int]] = []
        self._spans(line, spans)
        code += [(place + start, place + stop) for start, stop in spans]
        if self._doubt is _Doubt.EVER or not ({"$", "\\"} & set(line) or self._swallowing.open):
            return
        kept, at = list[str](), 0
        for start, stop in spans:
            kept.append(line[at:start])
            at = stop
        self._swallowing.read("x".join([*kept, line[at:]]), begins=begins)
        if self._swallowing.lost:
            self.doubts()

    def _fenced(self, line: str) -> bool:
        """Whether a line, from its beginning, belongs to a fenced block, with its fences."""
        if self._doubt is _Doubt.INSIDE and line.strip(" \t"):
            self._settles(line)
        if not self._mark and self._doubt is not _Doubt.EVER:
            if self._swallowing.open and ("`" in line or "~~~" in line):
                self.doubts()
            self._swallowing.begins(line)
        if self._doubt is not _Doubt.NONE:
            return False
        found = _FENCE.match(line)
        if self._mark:
            return self._within(line)
        if found and not (found["mark"][0] == "`" and "`" in found["info"]):
            return self._opens(found)
        if not found and (deep := _DEEP.match(line)):
            self._doubt = _Doubt.INSIDE
            self._indent = deep.end() - 3 if not {">", "\t"} & set(deep[0]) else LONGEST
        return False

    def _opens(self, found: re.Match[str]) -> bool:
        if self._unclear or not _INFO.fullmatch(found["info"]):
            self.doubts()  # some know no such fence here, and take the one that closes it for one that opens another
            return False
        self._mark, self._indent = found["mark"], len(found["indent"])
        self._drawn = self._mark[0] == "~" or found["info"].strip().lower() in DRAWN  # markdown2 knows no tildes
        self._parted = False
        return True

    def _settles(self, line: str) -> None:
        """A line at the margin ends what lies inside of a list; one that hardly belongs to it leaves more in doubt."""
        if line[0] not in " \t":
            self._doubt = _Doubt.INSIDE if line[0] == ">" else _Doubt.NONE
        elif len(line) - len(line.lstrip(" ")) < self._indent:
            self.doubts()

    def _within(self, line: str) -> bool:
        if self._is_end(line):
            self._mark = ""
            return True
        if self._indent and self._outdented(line):
            self.doubts()  # a list item that the block lies in would have ended
        elif line.rstrip().endswith(self._mark) or self._ends_math(line):
            self.doubts()  # the end of the block to some, and not to all
        elif self._mark[0] == "~" and ("`" in line or "$$" in line):
            self.doubts()
        self._parted = self._parted or self._parts(line)
        return bool(self._mark)

    def _spans(self, line: str, code: list[tuple[int, int]]) -> None:
        """Adds the code spans of a line, or of a part of it. A span over two lines is not sure to be one."""
        if "`" not in line:
            self._looks(line, 0, len(line))
            return
        runs = [one.span() for one in _TICKS.finditer(line)]
        closing: dict[int, list[int]] = {}
        for index, (start, end) in enumerate(runs):
            closing.setdefault(end - start, []).append(index)
        for same in closing.values():
            same.reverse()
        at = told = 0
        while at < len(runs) and not self._unclear:
            start, end = runs[at]
            same = closing[end - start]
            while same and same[-1] <= at:
                same.pop()
            if not same or (start and line[start - 1] == "\\"):
                self._unclear = True
                break
            stop = runs[same[-1]][1]
            self._looks(line, told, start)
            told = stop
            closes = self._math and _CLOSES_MATH.search(line, start, stop) is not None
            if closes or (self._label and "](" in line[start:stop]):
                self._unclear = True
                break
            self._row = self._row or "|" in line[start:stop]
            raw = line[stop : stop + 1] == "{"  # pandoc puts `code`{=html} into the page as it is
            if not raw and not self._row and self._doubt is _Doubt.NONE:
                code.append((start, stop))
            at = same[-1] + 1
        self._looks(line, told, len(line))

    def _looks(self, line: str, start: int, end: int) -> None:
        """Remembers of a part of a line that is no code what may turn what follows around."""
        self._label = self._label or _BRACKET.search(line, start, end) is not None
        self._math = self._math or _OPENS_MATH.search(line, start, end) is not None
