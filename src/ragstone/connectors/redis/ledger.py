"""The ledger that the processes of several machines share.

    kind: ledger
    type: redis
    url: ${env:RAGSTONE_LEDGER_URL:}

What happens inside Redis stands in ledger.lua.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ragstone.connectors.redis.vendor import Script, Server, Trouble, begun_with
from ragstone.errors import LedgerUnavailable, RagstoneError, RateLimited, StateError, StorageFull
from ragstone.protocols import Ledger
from ragstone.spending import COUNTABLE, EXPIRE, Claim, Spent, demand_countable, over_budget, rate_limited
from ragstone.terms import SHARES, Account
from ragstone.types import Context
from ragstone.usage import Price, Usage

__all__ = ["RedisLedger"]

SWEEP = 600.0  # seconds between two looks at what is old
FIGURES = ("input", "cached", "written", "output")
SCRIPT = Script("ledger.lua")
ANSWERING = 5.0  # seconds
RETRIES = 2  # every call counts once, however often it is sent


class RedisLedger(Ledger):
    """Counts in Redis 7.0 or later, each call in one step. `prefix` begins the names of all its keys.

    Money lasts as long as Redis keeps it: switch its append-only file on, and let it evict nothing. Where it cannot be
    reached, LedgerUnavailable is raised; the next call connects anew. `clock` counts the seconds of limits, where it is
    not Redis' own that does.
    """

    clock: Callable[[], float] | None = None

    def __init__(self, url: str, prefix: str = "ragstone") -> None:
        self._prefix = begun_with(prefix, what="this ledger")
        self._server = Server(
            url, SCRIPT, name="ledger", translated=_translated, text=True, answering=ANSWERING, retries=RETRIES
        )
        self._swept: float | None = None

    async def reserve(self, claim: Claim, *, context: Context) -> None:
        """Takes it, or nothing of it. Raises OverBudget, RateLimited or LedgerUnavailable."""
        demand_countable(claim.account, claim.usage, claim.nano)
        await self._sweep_now_and_then(context)
        given = {**_named(claim), "budgets": _budgets(claim), "limits": _limits(claim)}
        reply = await self._do("reserve", given)
        if reply[0] == "budget":
            raise over_budget(claim, claim.budgets[int(reply[1]) - 1], int(reply[2]))
        if reply[0] == "rate":
            raise _limited(claim, reply)

    async def settle(self, claim: Claim, usage: Usage, *, nano: int, reported: bool, context: Context) -> None:
        """Counts what was used in place of the claim."""
        demand_countable(claim.account, usage, nano)
        await self._do("settle", {**_named(claim), "used": _figures(usage, nano), "reported": int(reported)})

    async def release(self, claim: Claim, *, context: Context) -> None:
        """Gives it back."""
        await self._do("release", _named(claim))

    async def spent(self, *, since: str, until: str, context: Context) -> Sequence[Spent]:
        """A row for each account and day."""
        await self._sweep(context)
        (known,) = await self._server.do(("SMEMBERS", self._key("days")))
        days = sorted(day for day in known if since <= day <= until)
        rows: list[Spent] = []
        kept = await self._server.do(*(("HGETALL", self._key("spent", day)) for day in days))
        for day, found in zip(days, kept, strict=True):
            figures: dict[tuple[str, str], dict[str, int]] = {}
            for name, value in found.items():
                account, reported, figure = name.rsplit("|", 2)
                figures.setdefault((account, reported), {})[figure] = int(value)
            rows += [_row(day, *named, given) for named, given in figures.items()]
        return sorted(rows, key=lambda row: (row.day, row.account.tenant, row.account.key, row.account.model))

    async def open(self, *, estimated: bool = False, context: Context) -> Sequence[Claim]:
        """The claims that are open."""
        await self._sweep(context)
        sets = ("open", "estimated") if estimated else ("open",)
        found = await self._server.do(*(("ZRANGE", self._key(name), 0, -1) for name in sets))
        claims = await self._read([one for ids in found for one in ids])
        return sorted(claims, key=lambda claim: claim.begun)

    async def close(self) -> None:
        """Closes the connections, when all that waits is sent."""
        await self._server.close()
        self._swept = None

    # ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _do(self, verb: str, given: Mapping[str, Any]) -> Sequence[str]:
        now = f"{self.clock():.6f}" if self.clock else ""
        (reply,) = await self._server.do(SCRIPT.call(self._prefix, verb, now, json.dumps(given)))
        return reply

    async def _sweep_now_and_then(self, context: Context) -> None:
        if self._swept is None or time.monotonic() - self._swept > SWEEP:
            await self._sweep(context)

    async def _sweep(self, context: Context) -> None:
        """Settles claims that nobody comes back to; one of the future is no less odd."""
        self._swept = time.monotonic()
        now, claims = time.time(), self._key("open")
        _, past, future = await self._server.do(
            ("ZREMRANGEBYSCORE", self._key("estimated"), "-inf", now - 62 * EXPIRE),
            ("ZRANGEBYSCORE", claims, "-inf", now - EXPIRE),
            ("ZRANGEBYSCORE", claims, now + EXPIRE, "+inf"),
        )
        for claim in await self._read([*past, *future]):
            await self.settle(claim, claim.usage, nano=claim.nano, reported=False, context=context)

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    async def _read(self, ids: Sequence[str]) -> list[Claim]:
        found = await self._server.do(*(("HGETALL", self._key("claim", one)) for one in ids))
        return [_claim(one, row) for one, row in zip(ids, found, strict=True) if row]


def _translated(trouble: Trouble) -> RagstoneError:
    where, words = trouble.where, trouble.words
    if trouble.kind == "denied":
        return StateError(
            "Redis refused the user or the password, or what they may do", where=where, hint="See its ACL."
        )
    if trouble.kind == "full":
        return StorageFull("Redis is full", where=where, hint="Raise its maxmemory, or free some.")
    if trouble.kind == "other":
        return StateError(f"Redis cannot keep the ledger: {words}", where=where)
    hint = "Is Redis running? Calls with a budget or a limit wait for it."
    return LedgerUnavailable(f"Redis cannot be reached: {words}", where=where, hint=hint, again=False)


def _limited(claim: Claim, reply: Sequence[str]) -> RateLimited:
    taken = [(int(second), int(amount)) for second, amount in zip(reply[3::2], reply[4::2], strict=True)]
    error = rate_limited(claim, claim.limits[int(reply[1]) - 1], taken, float(reply[2]))
    assert error is not None, "the script has refused it by the same figures"
    return error


# ── As the script has it ────────────────────────────────────────────────────────────────────────────────────────────


def _named(claim: Claim) -> dict[str, Any]:
    account = claim.account
    taken = {(account.of(limit.per), limit.of): claim.amount(limit) for limit in claim.limits}
    priced = claim.price.model_dump(exclude_defaults=True) if claim.price else None
    return {
        "id": claim.id,
        "day": claim.day,
        "begun": f"{claim.begun:.6f}",
        "account": json.dumps([account.tenant, account.key, account.model]),
        "pots": [account.of(share) for share in SHARES],
        "figures": _figures(claim.usage, claim.nano),
        "rates": [{"pot": pot, "what": what, "amount": amount} for (pot, what), amount in taken.items()],
        "whole": json.dumps(
            {
                "account": [account.tenant, account.key, account.model],
                "day": claim.day,
                "begun": claim.begun,
                "owner": claim.owner,
                "price": priced,
            }
        ),
    }


def _figures(usage: Usage, nano: int) -> dict[str, Any]:
    tokens = (usage.input_tokens, usage.cached_tokens, usage.written_tokens, usage.output_tokens)
    return {**dict(zip(FIGURES, tokens, strict=True)), "nano": str(nano)}


def _budgets(claim: Claim) -> list[dict[str, str]]:
    return [
        {"pot": claim.account.of(budget.per), "period": budget.period, "nano": str(min(budget.nano, COUNTABLE))}
        for budget in claim.budgets
    ]


def _limits(claim: Claim) -> list[dict[str, Any]]:
    return [
        {
            "pot": claim.account.of(limit.per),
            "what": limit.of,
            "amount": claim.amount(limit),
            "number": limit.number,
        }
        for limit in claim.limits
    ]


def _row(day: str, account: str, reported: str, figures: Mapping[str, int]) -> Spent:
    return Spent(
        account=_account(json.loads(account)),
        day=day,
        reported=reported == "1",
        requests=figures["requests"],
        usage=_usage(figures),
        nano=figures["nano"],
    )


def _claim(one: str, row: Mapping[str, str]) -> Claim:
    said = json.loads(row["claim"])
    return Claim(
        id=one,
        account=_account(said["account"]),
        day=said["day"],
        begun=said["begun"],
        owner=said["owner"],
        price=Price(**said["price"]) if said["price"] else None,
        usage=_usage({name: int(row[name]) for name in FIGURES}),
        nano=int(row["nano"]),
    )


def _account(named: Sequence[str]) -> Account:
    tenant, key, model = named
    return Account(tenant=tenant, key=key, model=model)


def _usage(figures: Mapping[str, int]) -> Usage:
    return Usage(**{f"{name}_tokens": figures[name] for name in FIGURES})
