"""What ledgers hold, and how that is held against a server's own log."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ragstone.errors import UsageError
from ragstone.protocols import Ledger
from ragstone.spending import Claim, Costs, Spent
from ragstone.types import Context
from ragstone.usage import NANO, Usage

__all__ = ["Reconciled", "costs", "reconcile"]

UNDER_WAY = 3_600.0  # seconds for which a claim may belong to a call that is still under way


async def costs(
    ledgers: Sequence[Ledger], *, since: date | str, until: date | str, tenant: str | None, context: Context
) -> Costs:
    """What all of them hold of some days, both included; of this month so far, where none are given."""
    today = datetime.now(UTC).date()
    first, last = (
        _day(since or today.replace(day=1)),
        _day(until or max(today, date.fromisoformat(_day(since or today)))),
    )
    if last < first:
        raise UsageError("the days are the wrong way round", expected="since before until", found=f"{first} to {last}")
    spent: list[Spent] = []
    claims: list[Claim] = []
    for ledger in ledgers:
        spent += await ledger.spent(since=first, until=last, context=context)
        claims += await ledger.open(context=context)
    return Costs(
        spent=tuple(row for row in spent if tenant in (None, row.account.tenant)),
        open=tuple(claim for claim in claims if tenant in (None, claim.account.tenant)),
    )


def _day(given: date | str) -> str:
    try:
        return (given if isinstance(given, date) else date.fromisoformat(given)).isoformat()
    except ValueError:
        raise UsageError("that is no day", expected="such as 2026-11-21", found=repr(given)[:80]) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """How many claims a log has settled, and how many of our estimates it has corrected.

    `released` are those that it does not know, and `left` those that stay open. `usd` is what the ledger counts more
    than before, or less.
    """

    settled: int
    corrected: int
    released: int
    left: int
    usd: float


async def reconcile(
    ledger: Ledger, log: Mapping[str, Usage], *, whole: bool = False, context: Context, now: float | None = None
) -> Reconciled:
    """Settles what is open or estimated by the tokens that a log holds for its id.

    With `whole` the log holds every call up to an hour ago: what it does not know was never charged, and is released.
    """
    now = time.time() if now is None else now
    unsettled = {claim.id for claim in await ledger.open(context=context)}
    counts = {"settled": 0, "corrected": 0, "released": 0, "left": 0}
    nano = 0
    for claim in await ledger.open(estimated=True, context=context):
        usage = log.get(claim.id)
        if usage is not None:
            cost = claim.price.nano(usage) if claim.price else 0
            await ledger.settle(claim, usage, nano=cost, reported=True, context=context)
            counts["settled" if claim.id in unsettled else "corrected"] += 1
            nano += cost - claim.nano
        elif whole and claim.begun < now - UNDER_WAY:
            if claim.id in unsettled:
                await ledger.release(claim, context=context)
            else:
                await ledger.settle(claim, Usage(), nano=0, reported=True, context=context)
            counts["released"] += 1
            nano -= claim.nano
        elif claim.id in unsettled:
            counts["left"] += 1
    return Reconciled(**counts, usd=nano / NANO)
