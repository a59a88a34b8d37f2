"""An answer that is one of a list.

- choice: {of: ["yes", "no", "not stated"], on_fail: fix}
"""

from __future__ import annotations

import re
from typing import ClassVar

from ragstone.errors import ConfigError
from ragstone.protocols import Check
from ragstone.text.unmask import unmask
from ragstone.types import Context
from ragstone.validation.apart import apart
from ragstone.verdicts import PASSED, Finding, Stage, Subject

__all__ = ["ChoiceCheck"]

_SPACES = re.compile(r"\s+")
_EDGE = r"(?<![^\W_])", r"(?![^\W_])"  # whole words; a script without spaces has its own rule
_SPACED = re.compile(r"[a-z0-9\u00c0-\u1fff]", re.IGNORECASE)
LONGEST_SHOWN = 60  # characters of an answer that is told


class ChoiceCheck(Check):
    """The text is one of `of`. Capitals count only with `case`, spaces around it never.

    A fix takes the only one that the text names: "Yes, it is." becomes "yes". A text that names two has none.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input")
    fixes = True

    def __init__(self, *, of: list[str], case: bool = False) -> None:
        self.case = case
        self.choices = {self._plain(choice): choice for choice in of}
        if len(of) < 2 or len(self.choices) < len(of) or "" in self.choices:
            expected = "two or more that differ, and none that is empty"
            raise ConfigError("of: these are no choices", expected=expected, found=", ".join(map(repr, of)) or "none")
        longest_first = sorted(self.choices, key=len, reverse=True)
        self._named = re.compile("|".join(map(_whole, longest_first)))

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails what is none of them."""
        return await apart(len(subject.text), lambda: self._judged(subject.text))

    def _judged(self, text: str) -> Finding:
        said = self._plain(text)
        if said in self.choices:
            return PASSED
        named = {found[0] for found in self._named.finditer(said)}
        listed = ", ".join(map(repr, self.choices.values()))
        short = said if len(said) <= LONGEST_SHOWN else f"{said[:LONGEST_SHOWN]}…"
        reason = f"it is none of {listed}" + (f", but {short!r}" if said else ", but empty")
        fixed = self.choices[named.pop()] if len(named) == 1 else None
        return Finding(passed=False, reason=reason, fixed=fixed, told=f"it is none of {listed}")

    def _plain(self, text: str) -> str:
        said = _SPACES.sub(" ", unmask(text).text).strip()
        return said if self.case else said.casefold()


def _whole(choice: str) -> str:
    """The pattern by which a choice is found as whole words."""
    before = _EDGE[0] if _SPACED.match(choice[0]) else ""
    behind = _EDGE[1] if _SPACED.match(choice[-1]) else ""
    return f"{before}{re.escape(choice)}{behind}"
