"""In which order the models of a route are asked that may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ragstone.protocols import Model
from ragstone.types import Context, Prompt
from ragstone.usage import Usage

__all__ = ["Cheapest", "Choice", "Ordered", "Strategy"]

ANSWER = 300  # tokens that an answer is taken to have whose prompt sets no limit


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that may be asked, and why it stands where it does."""

    name: str
    why: str


class Strategy(Protocol):
    """Puts models in order, the best first."""

    name: str

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """All of them, each once. They may all answer this prompt."""
        ...


class Ordered:
    """As they are listed: the first that answers."""

    name = "ordered"

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """As they come."""
        return [Choice(name, f"number {place} of the list") for place, name in enumerate(models, 1)]


class Cheapest:
    """By what this prompt and its answer would cost; where that is equal, as they are listed."""

    name = "cheapest"

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """Those without a known price come last."""
        expected = Usage(input_tokens=prompt.tokens, output_tokens=prompt.options.max_tokens or ANSWER)
        costs: dict[str, float | None] = {}
        for name, model in models.items():
            price = model.capabilities.price
            costs[name] = price.of(expected) if price is not None else 0.0 if model.capabilities.local else None
        found = sorted(costs.items(), key=lambda item: float("inf") if item[1] is None else item[1])
        return [
            Choice(name, "its price is not known" if cost is None else f"about ${cost:.6f}") for name, cost in found
        ]
