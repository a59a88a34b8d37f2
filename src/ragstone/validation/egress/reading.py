r"""Which parts of an answer are code to whoever renders it, as far as that is sure whichever renderer it is.

In code nothing is a link, so an address in it may stay. But what looks like code need not be: a backtick too many, a
cell of a table, a fence in a list item that has ended turn code and text around. Wherever two readings are possible
nothing is taken for code, until a place where they agree again.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field
from enum import IntEnum

from ragstone.validation.egress.view import known

__all__ = ["Reading"]

_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n|\Z)")
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<mark>`{3,}+|~{3,}+)(?P<info>.*)", re.DOTALL)
_DEEP = re.compile(r"[ \t]*+(?:(?:[-*+>]|\d{1,9}[.)]|\[\^?[^\]\[\n]{0,99}\]:?)[ \t]*+)*+(?:`{3}|~{3})")
_TICKS = re.compile("`+")
_MARKED = re.compile(r"[`~][ \t]{0,20}\[[ \t\d,;\[\]]{1,60}|\d[ \t\d,;]{0,60}\][ \t]{0,20}[`~]")
_BRACKET = re.compile(r"\[(?![\d ,;]{1,40}\])")
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
    _drawn: bool = False
    _doubt: _Doubt = field(default=_Doubt.NONE)
    _unclear: bool = False  # a backtick of this paragraph closes none
    _label: bool = False  # a bracket stands before it in this paragraph: some look for links before they look for code
    _row: bool = False  # a bar stands in code of this line: in a table it ends a cell

    def copy(self) -> Reading:
        """The same, to read on from twice."""
        return copy(self)

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
        for found in _LINE.finditer(text):
            if not found[0]:
                break
            ended = found[0][-1] in "\r\n"
            line = found[0].rstrip("\r\n") if ended else found[0]
            begins = self.begins_line
            fenced = self._fenced(line) if begins else bool(self._mark)
            if fenced:
                if not self._drawn:
                    code.append((found.start(), found.start() + len(line)))
            else:
                self._spans(line, found.start(), code)
            if ended:
                self._ends(line)
            else:
                self._long = self._long or len(self.line) + len(line) > LONGEST
                self.line = (self.line + line[-LONGEST:])[-LONGEST:]
        return code

    def _ends(self, line: str) -> None:
        if not self._long and not (self.line + line).strip(" \t"):
            self._unclear = self._label = False
        self.line, self._long, self._row = "", False, False

    def _fenced(self, line: str) -> bool:
        """Whether a line, from its beginning, belongs to a fenced block, with its fences."""
        if self._doubt is _Doubt.INSIDE and line.strip(" \t"):
            self._settles(line)
        if self._doubt is not _Doubt.NONE:
            return False
        found = _FENCE.match(line)
        if self._mark:
            return self._within(line, found)
        if found and not (found["mark"][0] == "`" and "`" in found["info"]):
            self._mark, self._indent, self._unclear = found["mark"], len(found["indent"]), False
            language = re.match(r"[\s{.]*([\w+-]*)", found["info"])
            self._drawn = language is not None and language[1].lower() in DRAWN
            return True
        if not found and (deep := _DEEP.match(line)):
            self._doubt = _Doubt.INSIDE
            self._indent = deep.end() - 3 if not {">", "\t"} & set(deep[0]) else LONGEST
        return False

    def _settles(self, line: str) -> None:
        """A line at the margin ends what lies inside of a list; one that hardly belongs to it leaves more in doubt."""
        if line[0] not in " \t":
            self._doubt = _Doubt.INSIDE if line[0] == ">" else _Doubt.NONE
        elif len(line) - len(line.lstrip(" ")) < self._indent:
            self.doubts()

    def _within(self, line: str, found: re.Match[str] | None) -> bool:
        indent = len(line) - len(line.lstrip(" \t"))
        closes = line.strip(" \t").startswith(self._mark) and not line.strip(" \t").strip(self._mark[0])
        if self._indent and line.strip(" \t") and (indent < self._indent or (closes and not found)):
            self.doubts()  # a list item that the block lies in would have ended, or the block in it
            return False
        if closes and found:
            self._mark = ""
        return True

    def _spans(self, line: str, place: int, code: list[tuple[int, int]]) -> None:
        """Adds the code spans of a line, or of a part of it. A span over two lines is not sure to be one."""
        if "`" not in line:
            self._label = self._label or _BRACKET.search(line) is not None
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
            self._label = self._label or _BRACKET.search(line, told, start) is not None
            told = stop
            if self._label and "](" in line[start:stop]:
                self._unclear = True
                break
            self._row = self._row or "|" in line[start:stop]
            if not self._row and self._doubt is _Doubt.NONE:
                code.append((place + start, place + stop))
            at = same[-1] + 1
        self._label = self._label or _BRACKET.search(line, told) is not None
