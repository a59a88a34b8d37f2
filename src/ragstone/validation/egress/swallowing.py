r"""What some renderers take out of a text before they look for code in it: formulas, LaTeX, a head of settings.

    $$
    ```          a fence to CommonMark, and a part of a formula to a renderer that knows formulas
    $$

As long as one of these may be open, a tick or a fence is not sure to be one. Where it ends is only sure if it is
written in one of the few ways that everyone reads alike.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass

__all__ = ["Swallowing"]

_DOLLARS = re.compile(r"\${2,}+")
_FORMULA = re.compile(r"[^$]*+\$\$[^$]++\$\$(?!\$)")
_BRACKETS = re.compile(r"(?<!\\)(?:\\\\)*+\\(?P<which>[\[\]])")
_EMPTY = re.compile(r"\\\[\s*+\\\]")
_ENVIRONMENTS = re.compile(r"\\(?P<which>begin|end)[ \t]*+\{(?P<name>[^{}\s]{0,40})\}")
_KEY = re.compile(r"[\"']?[\w-]{1,40}[\"']?[ \t]*:")
_HEADS = ("---", "+++", ";;;")
DEEPEST = 8  # environments inside of one another that are followed


@dataclass(slots=True)
class Swallowing:
    """What may be open after the lines so far; `lost` once nobody can tell."""

    lost: bool = False
    _dollars: bool = False
    _filled: bool = False  # something stands in the formula
    _bracket: bool = False
    _environments: tuple[str, ...] = ()
    _head: str = ""  # the line that ends it
    _begun: bool = False
    _ruled: bool = False  # the line before is one that can begin a head

    def copy(self) -> Swallowing:
        """The same, to read on from twice."""
        return copy(self)

    @property
    def open(self) -> bool:
        """Whether a tick or a fence may be swallowed here."""
        return self._dollars or self._bracket or bool(self._environments or self._head)

    def begins(self, line: str) -> None:
        """A line from its beginning, before anything else is known of it."""
        said = line.rstrip()
        if self._head:
            self._head = "" if said in (self._head, "...") else self._head
        elif (not self._begun and said in _HEADS) or (self._ruled and _KEY.match(line)):
            self._head = said if said in _HEADS else "---"
        self._ruled = said == "---" and not self._head
        self._begun = self._begun or bool(said)

    def read(self, text: str, *, begins: bool) -> None:
        """A line, or a part of one, less the code in it; `begins`: from the beginning of the line."""
        if "$$" in text:
            self._formulas(text, begins)
        elif self._dollars and text.strip():
            self._filled = True
        if "\\" in text:
            self.lost = self.lost or _EMPTY.search(text) is not None
            for found in _BRACKETS.finditer(text):
                self._bracket = found["which"] == "["
            for found in _ENVIRONMENTS.finditer(text):
                self._environment(found["name"], begins=found["which"] == "begin")

    def _formulas(self, text: str, begins: bool) -> None:
        if begins and text.rstrip() == "$$":
            self.lost = self.lost or (self._dollars and not self._filled)
            self._dollars, self._filled = not self._dollars, False
            return
        whole = len(_DOLLARS.findall(text)) == len("$$") and _FORMULA.match(text) is not None
        self.lost = self.lost or self._dollars or not whole

    def _environment(self, name: str, *, begins: bool) -> None:
        if begins:
            self._environments += (name,)
            self.lost = self.lost or len(self._environments) > DEEPEST
        elif self._environments:
            self.lost = self.lost or self._environments[-1] != name
            self._environments = self._environments[:-1]
