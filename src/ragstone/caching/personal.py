"""Keeps personal data out of what is remembered: a screen for the caches of answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragstone.protocols import Check
from ragstone.types import Completion, Context, Prompt, Slot
from ragstone.verdicts import Subject

__all__ = ["WHY", "Impersonal"]

WHY = "it holds personal data"

LONGEST = 500  # characters of a value that is looked for in passages: to look for a whole long answer takes seconds


class Impersonal:
    """Says of an answer that it is not kept where `check` finds personal data in it, or in what was asked.

    What an answer repeats from a passage is no reason, since it stands in the index anyway.
    """

    def __init__(self, check: Check) -> None:
        self.check = check

    async def __call__(self, prompt: Prompt, completion: Completion) -> str | None:
        """Why an answer is not kept; None where it may be."""
        for text in _asked(prompt):
            if await self._values(text):
                return WHY
        passages: set[str] | None = None
        for text in (completion.text, completion.reasoning):
            for value in await self._values(text):
                if passages is None:
                    passages = {text.casefold() for slot in prompt.slots for text in _shown(slot)}
                if len(value) > LONGEST or not any(map(_repeated(value).search, passages)):
                    return WHY
        return None

    async def _values(self, text: str) -> list[str]:
        """The personal data of a text; all of it where the check does not say which part."""
        if not text:
            return []
        found = await self.check.check(Subject(text=text, stage="output"), context=Context())
        if found.passed:
            return []
        return [text[flaw.start : flaw.end] for flaw in found.flaws] or [text]


def _asked(prompt: Prompt) -> Iterator[str]:
    """What the person has written, in this turn and in earlier ones."""
    if prompt.loose:
        return (message.content for message in prompt.messages if message.role != "system")
    return (slot.text for slot in prompt.slots if slot.trust == "user" and slot.name != "examples")


def _shown(slot: Slot) -> Iterator[str]:
    """The passages of a slot as they were cut, and as they were shown: with more around them, or encoded."""
    if slot.hits:
        yield slot.text
        yield from (hit.chunk.text for hit in slot.hits)


def _repeated(value: str) -> re.Pattern[str]:
    """Finds a value in a text in small letters, whatever marks part it: `0231 5550142` in `0231 / 5550142`.

    What the value writes in one piece stands in one there too, or `10.11.1.2` would be found in `10.1.11.2`.
    """
    pieces = r"[\W_]*".join(map(re.escape, re.findall(r"[^\W_]+", value.casefold())))
    return re.compile(f"(?<![0-9a-z]){pieces}(?![0-9a-z])")
