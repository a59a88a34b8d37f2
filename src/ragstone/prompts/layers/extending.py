"""Adds words to a prompt that is built already: to its last user message, or as further turns.

What it says stays as it is, so a server's prefix cache serves it again, and what others wrote keeps its marks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ragstone.prompts import wire
from ragstone.prompts.layers.words import Said
from ragstone.types import Message, Prompt, Slot, Trust

__all__ = ["ended", "last_user", "turned"]


def last_user(messages: Sequence[Message]) -> int | None:
    """The place of the last user message."""
    return max((place for place, message in enumerate(messages) if message.role == "user"), default=None)


def ended(prompt: Prompt, said: Said, *, name: str = "", trust: Trust = "tool") -> Prompt:
    """The prompt whose last user message ends with these words. `name` records them as a slot of that trust."""
    place = last_user(prompt.messages)
    assert place is not None, "a prompt has a user message"
    asked = Message("user", f"{prompt.messages[place].content}\n\n{said.text}")
    messages = (*prompt.messages[:place], asked, *prompt.messages[place + 1 :])
    return _with(prompt, messages, said, name, trust)


def turned(
    prompt: Prompt, answer: str, said: Said, *, tokens: Collection[str], name: str = "", trust: Trust = "tool"
) -> Prompt:
    """The prompt after one more turn: what the model answered, its special tokens broken up, and what it is told."""
    spoken, broken = wire.part(answer, "tool", tokens)
    messages = (*prompt.messages, Message("assistant", str(spoken)), Message("user", said.text))
    made = _with(prompt, messages, said, name, trust)
    own = Slot(name="said", trust="tool", text=str(spoken), broken=broken)
    return replace(made, slots=(*made.slots, own)) if broken else made


def _with(prompt: Prompt, messages: tuple[Message, ...], said: Said, name: str, trust: Trust) -> Prompt:
    slots = (*prompt.slots, Slot(name=name, trust=trust, text=said.text, broken=said.broken)) if name else prompt.slots
    return replace(prompt, messages=messages, slots=slots)
