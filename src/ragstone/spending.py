"""Whose call it is, what it may cost, and what calls have cost: the words of every ledger."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ragstone.errors import OverBudget, RateLimited, UsageError
from ragstone.terms import Account, Budget, Limit, Share
from ragstone.usage import NANO, Price, Usage

__all__ = [
    "COUNTABLE",
    "EXPIRE",
    "WINDOW",
    "Claim",
    "Costs",
    "Spent",
    "demand_countable",
    "over_budget",
    "rate_limited",
    "this_process",
]

EXPIRE = 86_400.0
"""Seconds after which a claim is settled by its worst case: nobody comes back to it any more."""

COUNTABLE = 2**53
"""Tokens or billionths of a dollar that no ledger can count in one call: nine million dollars."""

WINDOW = 60
"""Seconds that a limit counts back: what began in a second that lies whole or in part within them counts in full."""


@cache
def _name(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}"


def this_process() -> str:
    """The name by which a claim knows the process that has made it."""
    return _name(os.getpid())


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The worst case of one call, on the day (`2026-11-21`, UTC) on which it begins, with all that it has to fit into.

    `id` is also sent to the server, so that its log and this one can be held against each other; `price` is kept, so
    that what its log says can be paid at the price of that day. `begun` counts from the epoch.
    """

    account: Account
    day: str
    usage: Usage
    nano: int
    price: Price | None = None
    budgets: tuple[Budget, ...] = ()
    limits: tuple[Limit, ...] = ()
    begun: float = field(default_factory=time.time)
    owner: str = field(default_factory=this_process)
    id: str = field(default_factory=lambda: f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}")  # in order

    @property
    def tokens(self) -> int:
        """Of the input and of the output."""
        return self.usage.input_tokens + self.usage.output_tokens

    def amount(self, limit: Limit) -> int:
        """What it takes of a limit."""
        return 1 if limit.of == "requests" else self.tokens


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

    def as_dict(self) -> dict[str, Any]:
        """The row as `ragstone costs --json` prints it."""
        return {"day": self.day, **_of(self.account), "reported": self.reported, **_figures(self.usage, self.nano)} | {
            "requests": self.requests
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What was spent from one day to another, and what is claimed by calls under way, or by processes that died."""

    spent: tuple[Spent, ...]
    open: tuple[Claim, ...]

    @property
    def usd(self) -> float:
        """All that was spent; what is claimed is no part of it."""
        return sum(row.nano for row in self.spent) / NANO

    @property
    def claimed(self) -> float:
        """USD at most for what is still claimed."""
        return sum(claim.nano for claim in self.open) / NANO

    @property
    def estimated(self) -> float:
        """USD of `usd` that no server has reported."""
        return sum(row.nano for row in self.spent if not row.reported) / NANO

    def as_dict(self) -> dict[str, Any]:
        """The costs as `ragstone costs --json` prints them."""
        claims = [
            {"id": claim.id, "day": claim.day, **_of(claim.account), "owner": claim.owner, "begun": claim.begun}
            | _figures(claim.usage, claim.nano)
            for claim in self.open
        ]
        totals = {"usd": self.usd, "estimated": self.estimated, "claimed": self.claimed}
        return {**totals, "spent": [row.as_dict() for row in self.spent], "open": claims}


def _of(account: Account) -> dict[str, Any]:
    return {"tenant": account.tenant, "key": account.key, "model": account.model}


def _figures(usage: Usage, nano: int) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "written_tokens": usage.written_tokens,
        "output_tokens": usage.output_tokens,
        "usd": nano / NANO,
    }


def demand_countable(account: Account, usage: Usage, nano: int) -> None:
    """Raises UsageError for what a ledger cannot write down, before it has begun to."""
    tokens = (usage.input_tokens, usage.cached_tokens, usage.written_tokens, usage.output_tokens)
    if not all(0 <= figure < COUNTABLE for figure in (*tokens, nano)):
        hint = "Ask for a shorter answer: see maxOutputTokens."
        raise UsageError("a call of so many tokens cannot be counted", where=account.model, hint=hint)
    try:
        "".join((account.tenant, account.key, account.model)).encode()
    except UnicodeEncodeError:
        raise UsageError("the name of a tenant or key holds half a character", where=account.model) from None


# ── What a ledger says when it refuses ──────────────────────────────────────────────────────────────────────────────


def _who(share: Share, account: Account) -> str:
    words = {
        "project": "the project",
        "tenant": f"tenant {account.tenant!r}",
        "key": f"key {account.key!r} of tenant {account.tenant!r}",
        "model": f"model {account.model!r}",
    }
    return words[share]


def over_budget(claim: Claim, budget: Budget, spent: int) -> OverBudget:
    """The error for a claim that a budget has too little left for; `spent` are the billionths that are gone."""
    left = max(0, budget.nano - spent) / NANO
    return OverBudget(
        f"of the {budget.nano / NANO:g} USD a {budget.period} of {_who(budget.per, claim.account)},"
        f" {left:.6g} USD are left, and this call may cost {claim.nano / NANO:.6g} USD",
        where=claim.account.model,
        hint=f"It renews at {budget.renews(claim.day)} 00:00 UTC.",
    )


def rate_limited(claim: Claim, limit: Limit, seconds: Sequence[tuple[int, int]], now: float) -> RateLimited | None:
    """The error for a claim that a limit has no room for; None where it has.

    `seconds` are what was taken in which second of a clock, of which `now` is the time. What lies a WINDOW back is
    left out, and what lies ahead of it, as after a clock was put back, counts as taken now.
    """
    here, wanted = int(now), claim.amount(limit)
    counted = [(min(second, here), amount) for second, amount in seconds if second >= here - WINDOW]
    excess = sum(amount for _, amount in counted) + wanted - limit.number
    if excess <= 0:
        return None
    retry_after = _when(counted, excess, now) if wanted <= limit.number else None
    of = limit.of if limit.number != 1 else limit.of.removesuffix("s")
    verb = "are" if limit.number != 1 else "is"
    message = f"{limit.number:,} {of} a minute of {_who(limit.per, claim.account)} {verb} the limit"
    hint = "Ask for a shorter answer, or raise the limit."
    if retry_after is not None:
        hint = f"There is room in {retry_after:.0f} s."
    else:
        message += f", and this call alone may take {wanted:,}"
    return RateLimited(message, where=claim.account.model, hint=hint, retry_after=retry_after, again=False)


def _when(counted: Iterable[tuple[int, int]], excess: int, now: float) -> float:
    """Seconds until so much has left the window."""
    for second, amount in sorted(counted):
        excess -= amount
        if excess <= 0:
            return second + WINDOW + 1 - now
    raise AssertionError("all of it leaves the window in the end")
