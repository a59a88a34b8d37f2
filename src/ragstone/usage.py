"""The tokens of a call, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DEAREST", "MOST", "NANO", "UNBOUND", "Bounds", "Price", "Purse", "Taken", "Usage", "count", "summed"]

NANO = 1_000_000_000
"""Billionths in a dollar. The ledger counts them: whole numbers add up exactly, in whatever order."""

MOST = 1_000_000_000
"""Tokens of one call: whoever counts more of them is mistaken."""


DEAREST = 1_000_000.0
"""USD per million tokens: no token costs more than a dollar."""


def count(given: object) -> int | None:
    """A number of tokens, as a server gives it; None for what cannot be one.

    >>> count(12), count(12.0), count(-1), count("many")
    (12, 12, None, None)
    """
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= MOST:
        return None
    return int(given) if given == int(given) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one completion, as the server counted them.

    Of the input, `cached_tokens` came from the server's prefix cache, and `written_tokens` were put into it, where that
    has a price of its own.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0

    def as_dict(self) -> dict[str, int]:
        """The usage as the command line and the service print it."""
        return {name: getattr(self, name) for name in ("input_tokens", "output_tokens", "cached_tokens")}

    @property
    def whole(self) -> bool:
        """Whether it tells both what was sent and what was said."""
        return self.input_tokens > 0 and self.output_tokens > 0

    def believed(self) -> Usage:
        """The same with 0, which means that it is not known, for what nobody can have counted."""
        given = count(self.input_tokens) or 0
        cached = min(count(self.cached_tokens) or 0, given)
        return replace(
            self,
            input_tokens=given,
            output_tokens=count(self.output_tokens) or 0,
            cached_tokens=cached,
            written_tokens=min(count(self.written_tokens) or 0, given - cached),
        )


def summed(usages: Iterable[Usage]) -> Usage:
    """The tokens of all of them.

    >>> summed((Usage(input_tokens=3), Usage(input_tokens=1, output_tokens=2))).input_tokens
    4
    """
    found = list(usages)
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in found),
        output_tokens=sum(usage.output_tokens for usage in found),
        cached_tokens=sum(usage.cached_tokens for usage in found),
        written_tokens=sum(usage.written_tokens for usage in found),
    )


class Taken(Protocol):
    """What calls of a model have taken, such as those of a `Completion`."""

    @property
    def usage(self) -> Usage:
        """Their tokens."""
        ...

    @property
    def cost(self) -> float:
        """USD."""
        ...

    @property
    def calls(self) -> int:
        """How many they were."""
        ...

    @property
    def cached(self) -> bool:
        """Whether they were known, and cost nothing."""
        ...


@dataclass(slots=True)
class Purse:
    """What one request has taken: billionths of a dollar, calls of models and uses of tools; all its parts share it.

    `checks` is what its checks have taken of models, until its answer has counted that.
    """

    nano: int = 0
    calls: int = 0
    uses: int = 0
    checks: list[Taken] = field(default_factory=list[Taken])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that one request may take: calls of models, uses of tools, prompts that ask one another.

    None is as many as it wants.
    """

    calls: int | None = None
    tools: int | None = None
    depth: int | None = None


UNBOUND = Bounds()


class Price(BaseModel):
    """USD per million tokens; what is not given of `cached_input` and `cache_write` is that of `input`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, le=DEAREST, allow_inf_nan=False)
    output: float = Field(ge=0, le=DEAREST, allow_inf_nan=False)
    cached_input: float | None = Field(default=None, ge=0, le=DEAREST, allow_inf_nan=False)
    cache_write: float | None = Field(default=None, ge=0, le=DEAREST, allow_inf_nan=False)

    def of(self, usage: Usage) -> float:
        """What these tokens cost, in USD.

        >>> Price(input=0.1, output=0.5).of(Usage(input_tokens=2_000_000, output_tokens=100_000))
        0.25
        """
        return self.nano(usage) / NANO

    def nano(self, usage: Usage) -> int:
        """What these tokens cost, in billionths of a dollar, rounded up: a budget is never charged too little.

        >>> Price(input=0.1, output=0.5).nano(Usage(input_tokens=1, output_tokens=0))
        100
        """
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        # A server that counts more cached tokens than it was sent is not paid for that.
        kept = min(usage.cached_tokens, usage.input_tokens)
        put = min(usage.written_tokens, usage.input_tokens - kept)
        parts = (
            (usage.input_tokens - kept - put, self.input),
            (kept, cached),
            (put, written),
            (usage.output_tokens, self.output),
        )
        # One token at a dollar a million is a thousand billionths. Decimals, as the price stands in its file.
        exact = sum((tokens * Decimal(str(price)) for tokens, price in parts if tokens), Decimal(0)) * 1000
        return int(exact.to_integral_value(ROUND_CEILING))

    @property
    def free(self) -> bool:
        """Whether nothing costs anything."""
        return not (self.input or self.output or self.cached_input or self.cache_write)
