"""Regular expressions that take time in proportion to the text, whatever they are: those that a file names run here.

They are read by the engine that pydantic-core brings (the crate `regex` of Rust), which knows neither look-around nor
back-references, and so never tries again what it has tried. It says whether a text matches; where it does is found by
asking for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic_core import SchemaError, SchemaValidator, core_schema

from ragstone.errors import ConfigError

__all__ = ["Pattern"]

_HALF = re.compile("[\ud800-\udfff]")  # no part of any text that can be written as UTF-8
NARROWED = 300
"""Characters of a text in which the places of matches are looked for, since an engine is made for each guess."""


class Pattern:
    """One pattern. `matches` is about a whole text, `found` about any part of it.

    Raises ConfigError for what this engine cannot read, `name` being what the message calls it.

    >>> Pattern("[0-9]{3}").found("call 112"), Pattern("[0-9]{3}").matches("call 112")
    (True, False)
    """

    __slots__ = ("_found", "_whole", "source")

    def __init__(self, source: str, *, name: str = "") -> None:
        if _HALF.search(source):
            raise ConfigError(f"{name} is no pattern: it holds half a character".lstrip(), found=source)
        try:
            self._found = _engine(source)
            self._whole = _engine(rf"\A(?:{source})\z")
        except SchemaError as error:
            raise _unread(source, name, str(error)) from None
        self.source = source

    def found(self, text: str) -> bool:
        """Whether some part of the text matches."""
        return self._found.isinstance_python(_sendable(text))

    def matches(self, text: str) -> bool:
        """Whether all of the text matches."""
        return self._whole.isinstance_python(_sendable(text))

    def places(self, text: str, *, most: int = 10) -> Iterator[tuple[int, int]]:
        """The ranges that match, in their order, `most` of them: the first begin, and as far as each goes.

        Those of a text longer than NARROWED are not looked for, nor those of a pattern that cannot be asked so.
        """
        if len(text) > NARROWED:
            return
        text, at = _sendable(text), 0
        try:
            for _ in range(most):
                place = self._first(text, at)
                if place is None:
                    return
                yield place
                at = max(place[1], place[0] + 1)
        except SchemaError:
            return  # beside what stands before it, it is too big for the engine

    def _first(self, text: str, at: int) -> tuple[int, int] | None:
        """The first match at a place or behind it. What stands before it is seen by an anchor, since it stays there."""
        if at > len(text) or not _engine(rf"\A(?s:.{{{at},}}?)(?:{self.source})").isinstance_python(text):
            return None
        low, high = at, len(text)
        while low < high:
            middle = (low + high) // 2
            if _engine(rf"\A(?s:.{{{at},{middle}}})(?:{self.source})").isinstance_python(text):
                high = middle
            else:
                low = middle + 1
        start, least, most = low, 0, len(text) - low
        while least < most:
            middle = (least + most) // 2
            if _engine(rf"\A(?s:.{{{start}}})(?:{self.source})(?s:.{{0,{middle}}})\z").isinstance_python(text):
                most = middle
            else:
                least = middle + 1
        return start, len(text) - least


def _sendable(text: str) -> str:
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def _engine(source: str) -> SchemaValidator:
    """Raises SchemaError."""
    return SchemaValidator(core_schema.str_schema(pattern=source, regex_engine="rust-regex"))


def _unread(source: str, name: str, told: str) -> ConfigError:
    """What is wrong with a pattern, in one line."""
    said = told.strip().rpartition("error: ")[2].rpartition("SchemaError: ")[2].strip().rstrip(".")
    hint = None
    if "look-around" in said:
        hint = "Write it without (?=…), (?!…), (?<=…) and (?<!…): two checks, one that forbids, can say the same."
    elif "backreference" in said:
        hint = r"Write it without \1 and (?P=name)."
    elif "size limit" in said:
        hint = "Write smaller repetitions than this."
    elif "escape" in said:
        hint = r"A text ends at \z, and a backslash before a letter that means nothing is taken out."
    return ConfigError(f"{name} is no pattern: {said}".lstrip(), found=source, hint=hint)
