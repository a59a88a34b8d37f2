"""In which order the models of a route are asked that may answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import Any, Protocol

from ragstone.inference.health import Health
from ragstone.protocols import Model
from ragstone.types import Context, Prompt
from ragstone.usage import Usage

__all__ = ["Cheapest", "Choice", "Fastest", "LeastBusy", "Ordered", "Strategy", "cost_of"]

ANSWER = 300  # tokens that an answer is taken to have whose prompt sets no limit
SELDOM = 32  # of so many requests, one goes to another model than the fastest, which may have become faster


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that may be asked, and why it stands where it does: in words, and as figures by name."""

    name: str
    why: str
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Strategy(Protocol):
    """Puts models in order, the best first."""

    name: str
    quotes: bool  # whether it also knows where models stand that only quote; else they come last

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """All of them, each once. They may all answer this prompt. Nothing is sent, but for questions of a load."""
        ...


class Ordered:
    """As they are listed: the first that answers."""

    name, quotes = "ordered", True

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """As they come."""
        said = ("the first of the list that may answer", "if those before it fail")
        return [Choice(name, said[min(place, 1)]) for place, name in enumerate(models)]


class Cheapest:
    """By what this prompt and its answer would cost; where that is equal, as they are listed."""

    name, quotes = "cheapest", False

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """Those without a known price come last."""
        costs = {name: cost_of(model, prompt) for name, model in models.items()}
        found = sorted(costs.items(), key=lambda item: float("inf") if item[1] is None else item[1])
        return [Choice(name, _with_price(cost), {"cost": cost}) for name, cost in found]


def _with_price(cost: float | None) -> str:
    if cost is None:
        return "its price is not known"
    return f"about ${cost:.6f}" if cost else "it costs nothing"


def cost_of(model: Model, prompt: Prompt) -> float | None:
    """What one call would cost, in USD, with an answer of the longest length, or of 300 tokens; None if unknown."""
    expected = Usage(input_tokens=prompt.tokens, output_tokens=_length(prompt))
    price = model.capabilities.price
    return price.of(expected) if price is not None else 0.0 if model.capabilities.local else None


class Fastest:
    """By the seconds that the answer would take, going by the calls that this process has made of late.

    A model that was never asked comes first, once. Later one request in 32 (by its trace) goes to another than the
    fastest first, so that one which has become faster is found.
    """

    name, quotes = "fastest", False

    def __init__(self, healths: Mapping[str, Health]) -> None:
        self._healths = healths

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """The new ones, as they are listed; those whose speed is known; those that have never answered yet."""
        length = _length(prompt)
        new: list[Choice] = []
        known: list[tuple[float, Choice]] = []
        silent: list[Choice] = []
        for name in models:
            speed = (self._healths.get(name) or Health()).speed
            seconds = speed.expected(length)
            if seconds is not None:
                figures = {"seconds": seconds, "first": speed.first, "tokens_a_second": speed.tokens}
                known.append((seconds, Choice(name, f"about {seconds:.2f} s for {length} tokens", figures)))
            elif not speed.asked:
                new.append(Choice(name, "it was never asked yet"))
            else:
                silent.append(Choice(name, "it was asked, and its speed is not known yet"))
        found = [choice for _, choice in sorted(known, key=lambda item: item[0])]
        return [*new, *(found if new else _tried(found, context)), *silent]


def _tried(found: list[Choice], context: Context) -> list[Choice]:
    """Now and then with another one first than the fastest."""
    drawn = int.from_bytes(blake2b(context.trace.id.encode(), digest_size=8).digest())
    if len(found) < 2 or drawn % SELDOM:
        return found
    place = 1 + drawn // SELDOM % (len(found) - 1)
    other = found[place]
    why = f"{other.why}; one request in {SELDOM} looks whether it has become faster"
    return [Choice(other.name, why, other.figures), *found[:place], *found[place + 1 :]]


class LeastBusy:
    """By the requests that their servers work at or keep waiting, ours and those of others; equal ones take turns.

    A server that does not tell is as busy as this process keeps it.
    """

    name, quotes = "least_busy", False

    def __init__(self, healths: Mapping[str, Health]) -> None:
        self._healths = healths
        self._turns = count()

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """Each server is asked at most once a second, all of them side by side."""
        healths = {name: self._healths.get(name) or Health() for name in models}
        await asyncio.gather(*(health.measure(models[name]) for name, health in healths.items()))
        names, turn = list(models), next(self._turns)
        places = {name: (place - turn) % len(names) for place, name in enumerate(names)}
        # From here on nothing waits: whoever is told of a load adds to it before the next one is.
        busy = {name: (health.gauge.others or 0) + health.own for name, health in healths.items()}
        order = sorted(names, key=lambda name: (busy[name], healths[name].gauge.memory, places[name]))
        return [_with_load(name, healths[name]) for name in order]


def _with_load(name: str, health: Health) -> Choice:
    others, own = health.gauge.others, health.own
    figures = {"busy": (others or 0) + own, "own": own, "others": others, "memory": health.gauge.memory}
    said = "its server does not tell of others" if others is None else f"{others} of others"
    return Choice(name, f"{own} requests of ours, {said}", figures)


def _length(prompt: Prompt) -> int:
    return prompt.options.max_tokens or ANSWER
