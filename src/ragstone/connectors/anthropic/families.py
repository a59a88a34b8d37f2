"""What is known of Claude's models by their names, as platform.claude.com/docs says in November 2026."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Family", "family_of"]

Thinking: TypeAlias = Literal["adaptive", "always", "between_tools", "budget"]

_NAME = re.compile(r"(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_OLD = re.compile(r"claude-[23]\b")

SAMPLED = (4, 6)  # the last that takes temperature, top_p and top_k; API version 2026-10-21 has none of them
BUDGETED = (4, 5)  # the last whose thinking is given tokens instead of an effort
BOUND = (4, 5)  # the first whose answers can be bound by a schema


@dataclass(frozen=True, slots=True)
class Family:
    """What a model can do. `sampled`: it takes temperature, top_p and top_k. `schemas`: its answers can be bound.

    `thinking` is how its reasoning is switched: `adaptive` can be disabled, `always` cannot, `between_tools` is off by
    that name, and `budget` is given a number of tokens. `least` are the tokens below which nothing is cached.
    """

    sampled: bool = False
    schemas: bool = True
    thinking: Thinking = "adaptive"
    least: int = 1024


def family_of(model: str) -> Family:
    """What is known of a model; what the newest ones have in common, where its name says nothing.

    >>> family_of("claude-haiku-4-5-20251001")
    Family(sampled=True, schemas=True, thinking='budget', least=4096)
    """
    found = _NAME.search(model)
    if found is None:
        old = _OLD.search(model) is not None  # claude-3-5-haiku-20241022: the version stands first
        return Family(sampled=True, schemas=False, thinking="budget", least=2048) if old else Family()
    name, version = found[1], (int(found[2]), int(found[3] or 0))
    return Family(
        sampled=version <= SAMPLED and name not in ("fable", "mythos"),
        schemas=version >= BOUND,
        thinking=_thinking(name, version),
        least=_least(name, version),
    )


def _thinking(name: str, version: tuple[int, int]) -> Thinking:
    if name in ("fable", "mythos") or ((name, version) >= ("opus", (5, 5)) and name == "opus"):
        return "always"
    if version <= BUDGETED:
        return "budget"
    return "between_tools" if name == "sonnet" and version >= (5, 5) else "adaptive"


def _least(name: str, version: tuple[int, int]) -> int:
    if version >= (5, 5) or (version >= (5, 0) and name != "sonnet"):
        return 512
    known = {("opus", (4, 7)): 2048, ("opus", (4, 6)): 4096, ("opus", (4, 5)): 4096, ("haiku", (4, 5)): 4096}
    return known.get((name, version), 1024)
