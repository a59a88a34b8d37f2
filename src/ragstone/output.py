"""The form that an answer must have, and the prompt for a model that can only be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ragstone.types import Message, Prompt

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Output", "in_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The form of an answer: a JSON object that obeys `schema`, which is of draft 2020-12.

    `strict` is the same in the subset that servers take, where a property that may be missing is null instead. `words`
    ask a model for it that takes no schema. `model` is the class of pydantic that the object becomes.
    """

    name: str
    schema: Mapping[str, Any]
    strict: Mapping[str, Any]
    words: str
    model: type[BaseModel] | None = None


def in_words(prompt: Prompt) -> Prompt:
    """The prompt for a model that takes no schema: the words that ask for the output end the last user message."""
    last = max((index for index, message in enumerate(prompt.messages) if message.role == "user"), default=None)
    if prompt.output is None or last is None:
        return prompt
    asked = Message("user", f"{prompt.messages[last].content}\n\n{prompt.output.words}")
    return replace(prompt, messages=(*prompt.messages[:last], asked, *prompt.messages[last + 1 :]))
