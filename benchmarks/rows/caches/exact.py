"""`python -m rows.caches.exact NAME` fills a cache with answers and times hits; NAME is one of caches.asking.WAYS."""

from __future__ import annotations

import asyncio
import sys
import warnings

from bench.side import QUICK, quantile, report
from caches.asking import QUESTIONS, WAYS, flock, timed

from rows.caches.place import place

ENTRIES, ROUNDS, TIMES = (5_000, 3, 200) if QUICK else (50_000, 5, 500)
AT_ONCE = 200


async def main(name: str) -> None:
    with place(name) as where:
        way = WAYS[name](where)
        await way.fill(ENTRIES)
        for number in range(QUESTIONS):
            await way.ask(number)
        await asyncio.sleep(1)  # what is written in the background
        before = way.called
        hits, streams = list[float](), list[float]()
        for _ in range(ROUNDS):
            hits += await timed(way.ask, TIMES)
            streams += await timed(way.stream, TIMES)
        assert way.called == before, f"{way.called - before} questions were no hits"
        calls, failed = await flock(way, AT_ONCE)
    figures = {"hit p50": quantile(hits, 0.5), "hit p99": quantile(hits, 0.99), "streamed p50": quantile(streams, 0.5)}
    said = [f"{failed} of {AT_ONCE} requests at once failed"] if failed else []
    report({**{key: 1000 * value for key, value in figures.items()}, "calls of 200": calls}, *said)


if __name__ == "__main__":
    warnings.showwarning = lambda *_, **__: None  # LangChain warns with each value that it reads; that costs time
    asyncio.run(main(sys.argv[1]))
