"""A ledger in memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragstone.protocols import Ledger
from ragstone.spending import EXPIRE, Claim, Spent, demand_countable, over_budget, rate_limited
from ragstone.terms import Account, Budget
from ragstone.types import Context
from ragstone.usage import Usage

__all__ = ["MemoryLedger"]


@dataclass(slots=True)
class _Call:
    """What is known of one call. `usage` and `nano` are those of the claim, until it is settled."""

    claim: Claim
    state: str
    usage: Usage
    nano: int
    draws: dict[tuple[str, str], tuple[float, int]]  # when it has taken how much of which limit


class MemoryLedger(Ledger):
    """Keeps every call, and adds them up anew each time: what a ledger must come to, said in the plainest way.

    >>> ledger = MemoryLedger()
    >>> await ledger.reserve(claim, context=context)
    >>> await ledger.settle(claim, Usage(input_tokens=900), nano=90_000, reported=True, context=context)
    >>> [row.nano for row in await ledger.spent(since="2026-11-01", until="2026-11-30", context=context)]
    [90000]

    `clock` counts the seconds of limits, `wall` those since the epoch: give your own to let time pass, or jump.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.clock, self.wall = clock, wall
        self._calls: dict[str, _Call] = {}
        self._one = threading.Lock()

    async def reserve(self, claim: Claim, *, context: Context) -> None:
        """Takes it, or nothing of it."""
        demand_countable(claim.account, claim.usage, claim.nano)
        with self._one:
            if claim.id in self._calls:
                return
            for budget in claim.budgets:
                if claim.nano and (spent := self._in_pot(claim, budget)) + claim.nano > budget.nano:
                    raise over_budget(claim, budget, spent)
            now = self.clock()
            draws: dict[tuple[str, str], tuple[float, int]] = {}
            for limit in claim.limits:
                pot = (claim.account.of(limit.per), limit.of)
                if error := rate_limited(claim, limit, self._taken(pot, now), now):
                    raise error
                draws[pot] = now, claim.amount(limit)
            self._calls[claim.id] = _Call(claim, "open", claim.usage, claim.nano, draws)

    async def settle(self, claim: Claim, usage: Usage, *, nano: int, reported: bool, context: Context) -> None:
        """Counts what was used in place of the claim."""
        demand_countable(claim.account, usage, nano)
        with self._one:
            self._settle(claim, usage, nano, reported)

    def _settle(self, claim: Claim, usage: Usage, nano: int, reported: bool) -> None:
        had = self._calls.get(claim.id)
        if had is not None and (had.state == "settled" or (had.state == "estimated" and not reported)):
            return
        draws = had.draws if had is not None else {}
        if had is not None and had.state == "open":
            used = usage.input_tokens + usage.output_tokens
            draws = {pot: (at, used if pot[1] == "tokens" else amount) for pot, (at, amount) in draws.items()}
        self._calls[claim.id] = _Call(claim, "settled" if reported else "estimated", usage, nano, draws)

    async def release(self, claim: Claim, *, context: Context) -> None:
        """Gives it back."""
        with self._one:
            call = self._calls.get(claim.id)
            if call is None or call.state == "open":
                self._calls[claim.id] = _Call(claim, "released", Usage(), 0, {})

    async def spent(self, *, since: str, until: str, context: Context) -> Sequence[Spent]:
        """A row for each account and day."""
        with self._one:
            self._sweep()
            rows: dict[tuple[str, str, str, str, bool], Spent] = {}
            for call in self._calls.values():
                account, day, reported = call.claim.account, call.claim.day, call.state == "settled"
                if call.state in ("settled", "estimated") and since <= day <= until:
                    key = (day, account.tenant, account.key, account.model, not reported)
                    row = rows.get(key) or _empty(account, day, reported)
                    rows[key] = replace(
                        row, requests=row.requests + 1, usage=_sum(row.usage, call.usage), nano=row.nano + call.nano
                    )
            return [rows[key] for key in sorted(rows)]

    async def open(self, *, estimated: bool = False, context: Context) -> Sequence[Claim]:
        """The claims that are open."""
        with self._one:
            self._sweep()
            states = ("open", "estimated") if estimated else ("open",)
            calls = sorted(self._calls.values(), key=lambda call: call.claim.begun)
            return [
                replace(call.claim, usage=call.usage, nano=call.nano, budgets=(), limits=())
                for call in calls
                if call.state in states
            ]

    def _in_pot(self, claim: Claim, budget: Budget) -> int:
        pot, length = claim.account.of(budget.per), {"day": 10, "month": 7}[budget.period]
        calls = (call for call in self._calls.values() if call.claim.day[:length] == claim.day[:length])
        return sum(call.nano for call in calls if call.claim.account.of(budget.per) == pot)

    def _taken(self, pot: tuple[str, str], now: float) -> list[tuple[int, int]]:
        """What was taken of a limit, by second. What lies ahead, after a clock was put back, was taken just now."""
        found: list[tuple[int, int]] = []
        for call in self._calls.values():
            if pot in call.draws:
                at, amount = call.draws[pot]
                call.draws[pot] = min(at, now), amount
                found.append((int(min(at, now)), amount))
        return found

    def _sweep(self) -> None:
        now = self.wall()
        for call in list(self._calls.values()):
            if call.state == "open" and abs(now - call.claim.begun) > EXPIRE:
                self._settle(call.claim, call.usage, call.nano, reported=False)


def _empty(account: Account, day: str, reported: bool) -> Spent:
    return Spent(account=account, day=day, reported=reported, requests=0, usage=Usage(), nano=0)


def _sum(one: Usage, other: Usage) -> Usage:
    figures = Counter[str]()
    for usage in (one, other):
        for name in ("input_tokens", "cached_tokens", "written_tokens", "output_tokens"):
            figures[name] += getattr(usage, name)
    return Usage(**figures)
