"""A question with all that shapes its answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ragstone.prompts.file import PromptFile
from ragstone.types import Answer, Context, Delta, Message, Verdict

__all__ = ["NO_MODEL", "Answering", "Request"]

NO_MODEL = "none"
"""The model of words that no model has said: they are never remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an answer pipeline was asked: its question is checked, and its prompt file read.

    `query` is what is searched for, where the question does not say it by itself. `verdicts` are those on what the
    person gave, which stands here as it has passed; it is not answered where a check `refrains`.
    """

    question: str
    file: PromptFile
    query: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    k: int | None = None
    filters: Mapping[str, Any] | None = None
    history: Sequence[Message] = ()
    notices: tuple[str, ...] = ()  # what a reader must know of how it was read
    verdicts: tuple[Verdict, ...] = ()
    refrains: bool = False
    context: Context


Answering: TypeAlias = Callable[[Request], AsyncGenerator[Delta | Answer]]
"""Gives an answer as it is said, then the checked answer itself, last."""
