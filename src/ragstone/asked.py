"""A question with all that is said beside it, by whichever way it comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragstone.types import Message, Options

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, the earlier turns that it may refer to, and what shapes its answer.

    `query` is what is searched for where the question does not say it by itself. Where `talks`, it belongs to a
    conversation, and the pipeline's prompt for those answers it. A history that is `told` is the caller's own word: we
    do not know what its answers rested on. `options` count before those of the prompt file.
    """

    question: str
    query: str | None = None
    history: Sequence[Message] = ()
    talks: bool = False
    told: bool = False
    prompt: str | None = None
    k: int | None = None
    where: Mapping[str, Any] | None = None
    pipeline: str = "answer"
    output: type[BaseModel] | None = None
    options: Options | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
