"""The calls of a model that an answer takes, known before the first one."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ANSWER", "Call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Calls of one kind: those made when all goes well, and those that are never exceeded.

    `more` are the tokens that such a call reads beside the prompt itself, at most; `made` those that it writes at most,
    None for as many as an answer may have. `alone`: it reads words of its own in place of the prompt.
    """

    layer: str
    does: str
    usual: int = 1
    most: int = 1
    more: int = 0
    made: int | None = None
    alone: bool = False


ANSWER = Call(layer="", does="answer")
"""The one call of a prompt without layers."""
