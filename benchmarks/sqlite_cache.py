"""What the cache in a file costs: hits, batches, and what is kept, on as many entries as a large project has.

Run it as `python benchmarks/sqlite_cache.py --entries 1000000`. Everything goes through the asynchronous face. The keys
that are read are drawn at random, beside nothing and beside a thread that computes in Python.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.stored import Stored
from ragstone.types import Context

CONTEXT = Context()
DOCUMENTS, PROMPTS, TENANTS = 100_000, 10, 20
PORTION = 1_000  # entries in one put
VECTOR = 1_536  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="answers of 1,500 bytes with 8 tags each")
    parser.add_argument("--vectors", type=int, default=200_000, help="of 1,536 bytes, without tags")
    parser.add_argument("--samples", type=int, default=5_000, help="reads of one key")
    parser.add_argument("--folder", type=Path, help="where the file shall lie; a temporary folder by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        asyncio.run(measured(Path(name) / "answers.db", asked))


async def measured(path: Path, asked: argparse.Namespace) -> None:
    cache, chance = SqliteCache(path, size=100_000), random.Random(7)
    rate = await filled(cache, "vectors", asked.vectors, lambda: Stored(value=chance.randbytes(VECTOR)))
    before = size_of(path)
    print(f"{asked.vectors:,} vectors kept: {rate:,.0f} a second, {before / asked.vectors:,.0f} bytes each")
    rate = await filled(cache, "calls", asked.entries, lambda: answer(chance))
    each = (size_of(path) - before) / asked.entries
    print(f"{asked.entries:,} answers kept: {rate:,.0f} a second, {each:,.0f} bytes each")
    for what, beside in (("alone", False), ("beside a thread that computes", True)):
        with computing(beside):
            await hits(cache, asked, what)
            await batches(cache, asked.vectors, what, times=20 if not beside else 5)
    await single_puts(cache, chance)
    begun = time.perf_counter()
    stats = await cache.stats(context=CONTEXT)
    print(f"stats: {1e3 * (time.perf_counter() - begun):.1f} ms, {dict(stats.entries)}")
    begun = time.perf_counter()
    removed = await cache.forget(["document:77"], context=CONTEXT)
    print(f"forgetting one document: {removed} entries in {1e3 * (time.perf_counter() - begun):.1f} ms")
    begun = time.perf_counter()
    removed = await cache.clear(["calls"], context=CONTEXT) if asked.entries <= 100_000 else 0
    removed += await cache.clear(context=CONTEXT)
    print(f"clearing: {removed:,} entries in {time.perf_counter() - begun:.1f} s; {size_of(path):,} bytes are left")
    await cache.close()


def size_of(path: Path) -> int:
    return path.stat().st_size


def key_of(number: int) -> bytes:
    return random.Random(number).randbytes(20)


def answer(chance: random.Random) -> Stored:
    documents = chance.sample(range(DOCUMENTS), 5)
    tags = (
        f"tenant:{chance.randrange(TENANTS)}",
        f"prompt:{chance.randrange(PROMPTS)}",
        "model:local@0123456789abcdef",
        *(f"document:{one}" for one in documents),
    )
    return Stored(value=chance.randbytes(1_500), seconds=30 * 86_400, tags=tags)


async def filled(cache: SqliteCache, room: str, number: int, make: Callable[[], Stored]) -> float:
    spent = 0.0
    for first in range(0, number, PORTION):
        entries = {key_of(one): make() for one in range(first, min(number, first + PORTION))}
        begun = time.perf_counter()
        await cache.put(room, entries, context=CONTEXT)
        spent += time.perf_counter() - begun
    return number / spent


async def hits(cache: SqliteCache, asked: argparse.Namespace, what: str) -> None:
    times = list[float]()
    for _ in range(asked.samples):
        key = key_of(random.randrange(asked.entries))
        begun = time.perf_counter()
        found = await cache.get("calls", [key], context=CONTEXT)
        times.append(1e3 * (time.perf_counter() - begun))
        assert key in found
    print(f"a hit, {what}: p50 {quantile(times, 50):.3f} ms, p99 {quantile(times, 99):.3f} ms")


async def batches(cache: SqliteCache, vectors: int, what: str, *, times: int) -> None:
    rates = list[float]()
    for _ in range(times):
        keys = [key_of(one) for one in random.sample(range(vectors), 1_000)]
        begun = time.perf_counter()
        found = await cache.get("vectors", keys, context=CONTEXT)
        rates.append(1_000 / (time.perf_counter() - begun))
        assert len(found) == 1_000
    print(f"1,000 vectors at once, {what}: {statistics.median(rates):,.0f} keys a second")


async def single_puts(cache: SqliteCache, chance: random.Random) -> None:
    for at_once in (1, 64):
        entries = [(chance.randbytes(20), answer(chance)) for _ in range(2_000)]
        times = list[float]()
        begun = time.perf_counter()
        for first in range(0, len(entries), at_once):
            part = entries[first : first + at_once]
            here = time.perf_counter()
            await asyncio.gather(*(cache.put("calls", {key: one}, context=CONTEXT) for key, one in part))
            times.append(1e3 * (time.perf_counter() - here))
        rate = len(entries) / (time.perf_counter() - begun)
        print(f"keeping one answer, {at_once} at once: {rate:,.0f} a second, p50 {quantile(times, 50):.2f} ms")


def quantile(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]


@contextmanager
def computing(wanted: bool) -> Iterator[None]:
    ended = threading.Event()

    def compute() -> None:
        while not ended.is_set():
            sum(range(1_000))

    thread = threading.Thread(target=compute)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if wanted:
            thread.join()


if __name__ == "__main__":
    main()
