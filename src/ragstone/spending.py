"""Whose call it is, what it may cost, and what calls have cost: the words of every ledger."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ragstone.usage import Usage

__all__ = ["Account", "Budget", "Claim", "Limit", "Period", "Share", "Spent"]

Period: TypeAlias = Literal["day", "month"]
Share: TypeAlias = Literal["project", "tenant", "key", "model"]
"""Who has one budget or limit together: everybody, each tenant, each key of a tenant, or all who ask one model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What tokens and money are counted for."""

    tenant: str
    key: str
    model: str  # the connector's name

    def of(self, share: Share) -> str:
        """The name of the pot that this account draws from; names of two pots are never the same.

        >>> Account(tenant="acme", key="app", model="openai").of("tenant")
        'tenant:acme'
        """
        parts = {"project": (), "tenant": (self.tenant,), "key": (self.tenant, self.key), "model": (self.model,)}[share]
        return ":".join((share, *(part.replace("%", "%25").replace(":", "%3A") for part in parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Billionths of a dollar in a day or month of UTC."""

    nano: int
    period: Period
    per: Share = "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Requests or tokens in a minute."""

    number: int
    of: Literal["requests", "tokens"]
    per: Share = "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The worst case of one call, on the day (`2026-11-21`, UTC) on which it begins, with all that it has to fit into.

    `id` is also sent to the server, so that its log and this one can be held against each other.
    """

    account: Account
    day: str
    usage: Usage
    nano: int
    budgets: tuple[Budget, ...] = ()
    limits: tuple[Limit, ...] = ()
    id: str = field(default_factory=lambda: secrets.token_hex(12))

    @property
    def tokens(self) -> int:
        """Of the input and of the output."""
        return self.usage.input_tokens + self.usage.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one account has used on one day.

    `reported`: as servers counted it; else as we estimated it, of calls that broke off.
    """

    account: Account
    day: str
    reported: bool
    requests: int
    usage: Usage
    nano: int
