"""What many do with a ledger at once, held against one who does the same thing after the other."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from ragstone.errors import OverBudget, RateLimited
from ragstone.protocols import Ledger
from ragstone.spending import Claim
from ragstone.terms import Account, Budget, Limit
from ragstone.testing import MemoryLedger
from ragstone.types import Context
from ragstone.usage import Usage

CONTEXT = Context()
DAYS = ("2026-11-21", "2026-11-22", "2026-12-01")
ACCOUNTS = [Account(tenant=t, key=k, model=m) for t in ("a", "b") for k in ("x", "y") for m in ("large",)]
BUDGETS = [
    (),
    (Budget(nano=3_000, period="day"),),
    (Budget(nano=9_000, period="month"), Budget(nano=2_000, period="day", per="key")),
    (Budget(nano=12_000, period="month", per="project"), Budget(nano=4_000, period="day", per="model")),
]
LIMITS = [
    (),
    (Limit(number=9, of="requests"),),
    (Limit(number=5_000, of="tokens"), Limit(number=20, of="requests", per="model")),
    (Limit(number=9_000, of="tokens", per="project"),),
]


@dataclass(frozen=True)
class Reserve:
    """A claim that is to be taken."""

    claim: Claim


@dataclass(frozen=True)
class End:
    """How the claim of that number, counted back from the last one, is settled or released."""

    back: int
    usage: Usage | None
    reported: bool = True


@dataclass(frozen=True)
class Wait:
    """All that was begun is waited for, and then so many seconds pass."""

    seconds: float


def made(seed: int, size: int) -> list[Reserve | End | Wait]:
    """So many acts, drawn evenly: what happens seldom happens in every trial."""
    chance = random.Random(seed)

    def usage() -> Usage:
        tokens = [chance.choice([0, 1, 200, 500, 1_000]) for _ in range(3)]
        return Usage(input_tokens=tokens[0], output_tokens=tokens[1], cached_tokens=tokens[2])

    def act() -> Reserve | End | Wait:
        kind = chance.random()
        if kind < 0.05:
            return Wait(chance.choice([0.0, 0.4, 1.0, 13.7, 59.0, 60.0, 61.0, 100_000.0]))
        if kind < 0.4:
            return End(chance.randint(1, 30), usage() if chance.random() < 0.7 else None, chance.random() < 0.6)
        return Reserve(
            Claim(
                account=chance.choice(ACCOUNTS),
                day=chance.choice(DAYS),
                usage=usage(),
                nano=chance.choice([0, 1, 500, 999, 1_000, 1_500]),
                budgets=chance.choice([(), (), *BUDGETS]),  # spent budgets would hide what limits do
                limits=chance.choice(LIMITS),
            )
        )

    return [act() for _ in range(size)]


trials = st.builds(made, st.integers(0, 2**32), st.integers(1, 150))
"""A hundred claims and more, most of them at once."""


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self, now: float = 1_000_000.25) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def compare(ledger: Ledger, acts: Sequence[Reserve | End | Wait], clock: Clock) -> None:
    """Does it all with both: what waits for nothing at once, against one after the other."""
    model = MemoryLedger(clock=clock)
    await _open(ledger)  # it looks for what is old first, and then keeps the order in which it is asked
    claims: list[Claim] = []
    under_way: list[tuple[asyncio.Task[str], str]] = []
    for act in acts:
        if isinstance(act, Wait):
            await _meet(under_way)
            clock.now += act.seconds
        elif isinstance(act, Reserve):
            claims.append(act.claim)
            under_way.append((asyncio.ensure_future(_done(ledger, act, act.claim)), await _done(model, act, act.claim)))
        elif len(claims) >= act.back:
            claim = claims[-act.back]
            under_way.append((asyncio.ensure_future(_done(ledger, act, claim)), await _done(model, act, claim)))
    await _meet(under_way)
    for read in (_spent, _open):
        assert await read(ledger) == await read(model)
    for account in ACCOUNTS:  # pots and limits hold the same, whoever asks
        for budget in {budget for budgets in BUDGETS for budget in budgets}:
            await _probe(ledger, model, account, nano=20_000, budgets=(budget,))
        for limit in {limit for limits in LIMITS for limit in limits}:
            for share in range(10):
                await _probe(
                    ledger, model, account, nano=0, limits=(replace(limit, number=1 + share * limit.number // 10),)
                )


async def _probe(ledger: Ledger, model: Ledger, account: Account, **given: Any) -> None:
    probe = Claim(account=account, day=DAYS[0], usage=Usage(input_tokens=1), **given)
    assert await _done(ledger, Reserve(probe), probe) == await _done(model, Reserve(probe), probe)


async def _meet(under_way: list[tuple[asyncio.Task[str], str]]) -> None:
    for task, expected in under_way:
        assert await task == expected
    under_way.clear()


async def _done(ledger: Ledger, act: Reserve | End, claim: Claim) -> str:
    """What came of it, as words."""
    try:
        if isinstance(act, Reserve):
            await ledger.reserve(claim, context=CONTEXT)
        elif act.usage is None:
            await ledger.release(claim, context=CONTEXT)
        else:
            nano = act.usage.input_tokens + act.usage.output_tokens
            await ledger.settle(claim, act.usage, nano=nano, reported=act.reported, context=CONTEXT)
    except OverBudget as error:
        return str(error)
    except RateLimited as error:
        return f"{error} {error.retry_after and round(error.retry_after, 3)}"
    return "taken"


async def _spent(ledger: Ledger) -> list[Any]:
    rows = await ledger.spent(since="2026-01-01", until="2026-12-31", context=CONTEXT)
    return sorted((row.day, str(row.account), row.reported, row.requests, str(row.usage), row.nano) for row in rows)


async def _open(ledger: Ledger) -> list[Any]:
    claims = await ledger.open(estimated=True, context=CONTEXT)
    return sorted((claim.id, claim.nano, str(claim.usage)) for claim in claims)


# ── Several processes ───────────────────────────────────────────────────────────────────────────────────────────────

SPEND = """
import asyncio, json, random, sys
from ragstone.errors import OverBudget, RateLimited
from ragstone.spending import Claim
from ragstone.terms import Account, Budget, Limit
from ragstone.types import Context
from ragstone.usage import Usage

async def main(ledger, seed):
    chance, context, taken, refused = random.Random(seed), Context(), [], []
    budgets, limits = (Budget(nano=100_000, period="day"),), (Limit(number=400, of="requests"),)

    async def one():
        nano = chance.randint(100, 2_000)
        claim = Claim(account=Account(tenant="t", key=str(seed), model="m"), day="2026-11-21",
                      usage=Usage(input_tokens=9), nano=nano, budgets=budgets, limits=limits)
        try:
            await ledger.reserve(claim, context=context)
        except (OverBudget, RateLimited):
            refused.append(nano)
            return
        if chance.random() < 0.3:
            await ledger.release(claim, context=context)
        else:
            cost = chance.randint(0, nano)
            await ledger.settle(claim, Usage(input_tokens=9), nano=cost, reported=True, context=context)
            taken.append(cost)

    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(5):
        await asyncio.gather(*(one() for _ in range(25)))
    await ledger.close()
    print(json.dumps({"taken": sum(taken), "requests": len(taken), "refused": len(refused)}))
"""


def spent_by_processes(make: str, *, processes: int = 4) -> list[dict[str, int]]:
    """What so many processes have spent at the same time, each of its own ledger of one place."""
    script = f"{SPEND}\n{make}\nasyncio.run(main(ledger, int(sys.argv[1])))"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for seed in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outcomes: list[dict[str, int]] = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        said, _ = process.communicate()
        assert process.returncode == 0
        outcomes.append(json.loads(said))
    return outcomes


async def check_processes(ledger: Ledger, outcomes: Sequence[dict[str, int]]) -> None:
    """What all of them say adds up, and they have never gone beyond what they had together."""
    rows = await ledger.spent(since="2026-11-21", until="2026-11-21", context=CONTEXT)
    assert sum(row.nano for row in rows) == sum(outcome["taken"] for outcome in outcomes) <= 100_000
    assert sum(row.requests for row in rows) == sum(outcome["requests"] for outcome in outcomes) <= 400
    assert sum(outcome["refused"] for outcome in outcomes) > 0
    assert list(await ledger.open(context=CONTEXT)) == []
    await ledger.close()
