"""What a claim costs, in SQLite and in Redis; and a day's traffic replayed against the ledger with crashes.

Run it as `python benchmarks/ledger.py --requests 20000 --kills 100`. A worker asks a mock upstream through the real
connector for OpenAI's API, and is killed with SIGKILL at random moments. Before it is reconciled the ledger may hold
too much, and never too little; reconciled with the upstream's log it is equal to it, to the token.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUPPORT = Path(__file__).parents[1] / "tests/support"
sys.path.insert(0, str(SUPPORT))

from crash_replay import CONTEXT, Replayed, opened, replay  # noqa: E402
from ragstone.protocols import Ledger  # noqa: E402
from ragstone.spending import Claim  # noqa: E402
from ragstone.terms import Account, Budget, Limit  # noqa: E402
from ragstone.usage import NANO, Price, Usage  # noqa: E402
from redis_server import RedisServer  # noqa: E402
from servers import free_port, running  # noqa: E402

BUDGETS = (Budget(nano=10**6 * NANO, period="day"), Budget(nano=10**6 * NANO, period="month"))
LIMITS = (Limit(number=10**9, of="requests"), Limit(number=10**12, of="tokens"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--claims", type=int, default=10_000, help="of each row of the first table")
    parser.add_argument("--ledger", choices=["sqlite", "redis"], default="sqlite", help="that of the replay")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, redis() as server:
        folder = Path(name)
        places = {"sqlite": str(folder / "ledger.db")}
        if server is not None:
            places["redis"] = f"{server.url()} {secrets.token_hex(4)}"
        print("A claim that is reserved and settled, with two budgets and two limits\n")
        print(f"{'ledger':8} {'at once':>8} {'p50 ms':>8} {'p99 ms':>8} {'a second':>9}")
        for kind, place in places.items():
            for at_once in (1, 64):
                p50, p99, rate = asyncio.run(measured(opened(place), asked.claims, at_once))
                print(f"{kind:8} {at_once:8} {p50:8.3f} {p99:8.3f} {rate:9,.0f}")
        place = str(folder / "replayed.db") if asked.ledger == "sqlite" else f"{places['redis']}-replayed"
        with upstream(folder) as url:
            found = asyncio.run(replay(folder, place, url, number=asked.requests, kills=asked.kills, seed=asked.seed))
        print_replayed(found, asked.ledger)


async def measured(ledger: Ledger, number: int, at_once: int) -> tuple[float, float, float]:
    """Milliseconds of a claim, at the median and at the 99th percentile, and claims a second."""
    seconds, numbers = list[float](), iter(range(number))

    async def one(at: int) -> None:
        claim = Claim(
            account=Account(tenant=f"tenant-{at % 7}", key="app", model="large"),
            day="2026-11-21",
            usage=Usage(input_tokens=1_000, output_tokens=500),
            nano=1_000_000,
            price=Price(input=2.5, output=10),
            budgets=BUDGETS,
            limits=LIMITS,
        )
        begun = time.perf_counter()
        await ledger.reserve(claim, context=CONTEXT)
        used = Usage(input_tokens=900, output_tokens=100)
        await ledger.settle(claim, used, nano=500_000, reported=True, context=CONTEXT)
        seconds.append(time.perf_counter() - begun)

    async def several() -> None:
        for at in numbers:
            await one(at)

    begun = time.perf_counter()
    await asyncio.gather(*(several() for _ in range(at_once)))
    whole = time.perf_counter() - begun
    await ledger.close()
    seconds.sort()
    return seconds[number // 2] * 1e3, seconds[number * 99 // 100] * 1e3, number / whole


def print_replayed(found: Replayed, kind: str) -> None:
    """What the crashes have left, and what has become of it."""
    print(f"\nA day's traffic through {kind}: {found.calls:,} calls, {found.kills} kills, {found.seconds:.0f} s\n")
    print(f"{'':24} {'input':>14} {'cached':>12} {'output':>12} {'USD':>14}")
    sides = {"the upstream's log": found.log, "before, with claims": found.before, "after": found.after}
    for name, sums in sides.items():
        total = [sum(figures[at] for figures in sums.values()) for at in range(4)]
        print(f"{name:24} {total[0]:14,} {total[1]:12,} {total[2]:12,} {total[3] / NANO:14.9f}")
    different = [place for place in {*found.log, *found.after} if found.after.get(place) != found.log.get(place)]
    print(f"\nThe kills left {found.open} claims open; {found.estimated} calls were estimated, whose callers had left.")
    print(f"Accounts and days: {len(found.log)}, of which {len(found.too_little)} had too little before,", end=" ")
    print(f"and {len(different)} differ after it was reconciled.")
    assert not found.too_little
    assert found.after == found.log


@contextmanager
def upstream(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, SUPPORT / "mock_upstream.py", "--port", str(port), "--think", "0.003", "--words", "30"]
    with running(command, health=f"http://127.0.0.1:{port}/health", log=folder / "upstream.log"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def redis() -> Iterator[RedisServer | None]:
    if shutil.which("redis-server") is None:
        print("redis-server is not here: SQLite alone")
        yield None
        return
    server = RedisServer()
    try:
        yield server
    finally:
        server.remove()


if __name__ == "__main__":
    main()
