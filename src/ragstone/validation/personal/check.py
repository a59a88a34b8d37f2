"""Finds personal data by patterns."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from ragstone.errors import ConfigError, nearest
from ragstone.protocols import Check
from ragstone.text.personal.finding import find
from ragstone.text.personal.masks import finding
from ragstone.text.personal.spans import IDENTIFYING, TYPES
from ragstone.types import Context
from ragstone.verdicts import Finding, Stage, Subject

__all__ = ["PersonalCheck"]

EXPECTED = "identifying, all, or a list of one type or more"
SHORT = 4_000  # characters that are looked through at once: a thread costs more


class PersonalCheck(Check):
    """A text without personal data: addresses, telephone, card and account numbers, and what else patterns can find.

    It finds **no names** of people, places or companies: that takes a language model, as `type: presidio` has one with
    `names`. `types` are those that are looked for: the ones that identify somebody, `all`, or a list; see
    `ragstone.text.personal.spans`. A fix puts a mask such as `<EMAIL_ADDRESS>` in the place of each.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("input", "passage", "output")
    fixes = True
    personal = True

    def __init__(self, *, types: list[str] | Literal["identifying", "all"] = "identifying") -> None:
        if isinstance(types, str):
            self.types = {"identifying": IDENTIFYING, "all": TYPES}[types]
            return
        if not types:
            raise ConfigError("types is empty: nothing would be found", expected=EXPECTED)
        self.types = tuple(types)
        for name in self.types:
            if name not in TYPES:
                hint = nearest(name, TYPES) or "Names take `type: presidio` with `names`."
                raise ConfigError(
                    f"unknown type {name!r}", expected="one of " + ", ".join(TYPES), found=name, hint=hint
                )

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text that holds any."""
        text = subject.text
        spans = find(text, self.types) if len(text) < SHORT else await asyncio.to_thread(find, text, self.types)
        return finding(text, spans)
