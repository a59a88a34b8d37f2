"""How long it takes to find the nearest of the questions that a semantic cache remembers.

    python benchmarks/remembered.py [--json] [POPULATION ...]

Each population has its limit as its size, and a tenth more questions are remembered than that, so that the oldest make
room. Vectors are random and of 384 dimensions; what is found does not depend on what they mean.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from typing import Any

import numpy as np

from ragstone.caching.semantic.remembering import RememberedQuestions
from ragstone.testing import MemoryCache
from ragstone.types import Context

DIMENSIONS, LOOKUPS, SCOPE = 384, 200, b"scope"
POPULATIONS = (5_000, 20_000, 200_000)
CONTEXT = Context()


class Nowhere(MemoryCache):
    """Keeps nothing: what is measured is what happens in memory."""

    async def tagged(self, room: str, tag: str, *, context: Context) -> list[bytes]:
        return []

    async def put(self, *given: Any, **named: Any) -> None:
        return

    async def remove(self, *given: Any, **named: Any) -> None:
        return


def lookups(size: int) -> dict[str, Any]:
    """The milliseconds of a look-up in a population of that size, and the microseconds that one more question takes."""
    return asyncio.run(_measured(size))


async def _measured(size: int) -> dict[str, Any]:
    rng = np.random.default_rng(size)
    vectors = rng.normal(size=(size + size // 10, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    mine = RememberedQuestions(Nowhere(), limit=size, every=1e9)
    begun = time.perf_counter()
    for number, vector in enumerate(vectors):
        mine.remember(SCOPE, f"Question {number}?", vector, tags=(), context=CONTEXT)
        if number % 1_000 == 0:
            await mine.settled()
    remembered = time.perf_counter() - begun
    asked = vectors[rng.integers(size // 10, len(vectors), LOOKUPS)]
    taken: list[float] = []
    for vector in asked:
        begun = time.perf_counter()
        found = await mine.near(SCOPE, vector, k=5, least=0.8, context=CONTEXT)
        taken.append(1000 * (time.perf_counter() - begun))
        assert len(found) == 1, "each finds itself, since random vectors are far from each other"
    held = len(mine._scopes[SCOPE].population)  # pyright: ignore[reportPrivateUsage]
    return {
        "questions": size,
        "held": held,
        "remember_us": round(1e6 * remembered / len(vectors), 1),
        "p50_ms": round(statistics.median(taken), 3),
        "p99_ms": round(float(np.percentile(taken, 99)), 3),
        "matrix_mb": round(mine._scopes[SCOPE].population.size / 1e6, 1),  # pyright: ignore[reportPrivateUsage]
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("populations", nargs="*", type=int, default=POPULATIONS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [lookups(size) for size in given.populations or POPULATIONS]
    if given.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print("  ".join(f"{name} {value:>9,}" for name, value in row.items()))
