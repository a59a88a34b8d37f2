"""Keeps personal data out of what is remembered: a screen for the caches of answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from ragstone.text.personal.finding import find
from ragstone.text.personal.spans import IDENTIFYING
from ragstone.types import Completion, Prompt, Slot

__all__ = ["WHY", "personal"]

WHY = "it holds personal data"
SHORT = 1_000  # characters that are looked through at once: a thread costs less than the rest of them


async def personal(prompt: Prompt, completion: Completion) -> str | None:
    """Why an answer is not kept: somebody's address, telephone, card or account stands in it, or in what was asked.

    What an answer repeats from a passage is no reason, since it stands in the index anyway.
    """
    for text in _asked(prompt):
        if await _found(text):
            return WHY
    passages: set[str] | None = None
    for text in (completion.text, completion.reasoning):
        for value in await _found(text):
            if passages is None:
                passages = {_plain(text) for slot in prompt.slots for text in _shown(slot)}
            if not any(_plain(value) in passage for passage in passages):
                return WHY
    return None


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


async def _found(text: str) -> list[str]:
    """The values of a text that identify somebody."""
    spans = find(text, IDENTIFYING) if len(text) < SHORT else await asyncio.to_thread(find, text, IDENTIFYING)
    return [text[span.start : span.end] for span in spans]


def _plain(text: str) -> str:
    """A text without marks, spaces and capitals, as which `0231 / 555-0142` and `0231 5550142` are the same."""
    return re.sub(r"[\W_]+", "", text).casefold()
