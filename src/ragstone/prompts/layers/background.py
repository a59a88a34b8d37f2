"""Puts what a model wrote into a later prompt, marked as the prompt's file marks what others wrote."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ragstone.prompts import wire
from ragstone.prompts.fence import fenced
from ragstone.prompts.layers.asides import length
from ragstone.prompts.layers.extending import ended
from ragstone.prompts.layers.words import Words
from ragstone.prompts.marks import Marking
from ragstone.types import Mark, Prompt, Slot

__all__ = ["backed", "backing"]

BACKGROUND = "background"
FENCE = 20  # tokens
GROWS: Mapping[Mark, int] = {"none": 1, "delimit": 1, "datamark": 3, "encode": 5}
"""How many times its tokens a text takes at most when it is marked."""


def backed(prompt: Prompt, text: str, *, says: Words, name: str, tokens: Collection[str]) -> Prompt:
    """The prompt whose last user message ends with a text that a model wrote, in a slot of this name.

    A file that marks inside the texts (`datamark`, `encode`) has told the model how to read that; any other has the
    text between two lines with a code that does not occur in it. `says` puts it in as `{{ background }}`.
    """
    whole = wire.mend(text, prompt.slots)
    marks = _marking(prompt)
    if marks.sign:
        whole = whole.replace(marks.sign, " ")  # one that the model has repeated from a passage is none of ours
    safe, broken = wire.part(whole, "tool", tokens)
    shown = marks.of(str(safe)) if marks.inside else fenced([str(safe)])[0]
    said = says.say({BACKGROUND: shown, "fenced": not marks.inside}, trust="tool", tokens=tokens)
    kind: Mark = marks.kind if marks.inside else "delimit"
    every = tuple(dict.fromkeys([*broken, *said.broken]))
    slot = Slot(name=name, trust="tool", text=shown, broken=every, mark=kind, sign=marks.sign)
    return replace(ended(prompt, said), slots=(*prompt.slots, slot))


def backing(says: Words, *, tokens: int, mark: Mark) -> int:
    """The tokens that `backed` adds to a prompt, for a text of so many."""
    return length(says.text) + FENCE + tokens * GROWS[mark]


def _marking(prompt: Prompt) -> Marking:
    """How the texts of this prompt are marked inside, where they are."""
    found = (Marking(slot.mark, slot.sign) for slot in prompt.slots)
    return next((marks for marks in found if marks.inside), Marking())
