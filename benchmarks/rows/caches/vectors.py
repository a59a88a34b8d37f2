"""`python -m rows.caches.vectors NAME` keeps vectors and takes them back by the thousand; NAME is one of its WAYS."""

from __future__ import annotations

import asyncio
import random
import sys
import time
import warnings
from statistics import median

from bench.side import QUICK, report
from caches.vectors import BATCH, DIMENSIONS, WAYS, filling, text

from rows.caches.place import place

TEXTS, BATCHES = (10_000, 10) if QUICK else (50_000, 30)


async def main(name: str) -> None:
    with place(name) as where:
        embed = WAYS[name](where)
        for first in range(0, TEXTS, BATCH):
            await embed([text(number) for number in range(first, first + BATCH)])
        filling.clear()
        chance, took = random.Random(0), list[float]()
        for _ in range(BATCHES):
            wanted = [text(number) for number in chance.sample(range(TEXTS), BATCH)]
            begun = time.perf_counter()
            found = await embed(wanted)
            took.append(time.perf_counter() - begun)
            assert (len(found), len(found[0])) == (BATCH, DIMENSIONS)
    report({"vectors": BATCH / median(took), "batch p50": 1000 * median(took)})


if __name__ == "__main__":
    warnings.showwarning = lambda *_, **__: None
    asyncio.run(main(sys.argv[1]))
