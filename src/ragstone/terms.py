"""What callers may use: budgets of money, and limits of requests and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

__all__ = ["NO_TERMS", "SHARES", "Account", "Budget", "Limit", "Period", "Share", "Terms"]

Period: TypeAlias = Literal["day", "month"]
Share: TypeAlias = Literal["project", "tenant", "key", "model"]
"""Who has one budget or limit together: everybody, each tenant, each key of a tenant, or all who ask one model."""

SHARES: tuple[Share, ...] = ("project", "tenant", "key", "model")


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

    def renews(self, day: str) -> str:
        """The first day on which what was spent on `day` no longer counts.

        >>> Budget(nano=5_000_000_000, period="month").renews("2026-12-24")
        '2027-01-01'
        """
        given = date.fromisoformat(day)
        if self.period == "day":
            return (given + timedelta(days=1)).isoformat()
        return (given.replace(day=28) + timedelta(days=4)).replace(day=1).isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Requests or tokens in a minute."""

    number: int
    of: Literal["requests", "tokens"]
    per: Share = "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one caller may use, beside what the route of a pipeline says."""

    budgets: tuple[Budget, ...] = ()
    limits: tuple[Limit, ...] = ()


NO_TERMS = Terms()
