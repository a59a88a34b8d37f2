"""`python -m rows.gateways.inside ragstone|litellm` prints what a library adds to a call, in one program.

It asks in turns with the library and with the bare AsyncOpenAI that is installed with it, one call after the other.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.side import QUICK, quantile, report

from rows.gateways.asking import SAID, WAYS, Ask
from rows.gateways.scene import mock, project

WARM, ROUNDS, CALLS = (50, 5, 60) if QUICK else (200, 10, 200)


async def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, mock(Path(folder)) as url:
        made = str(project(Path(folder), url)) if name == "ragstone" else ""
        ways = [WAYS[each](url, made) for each in ("openai", name)]
        for ask in ways:
            await _timed(ask, WARM)
        added, own, slow = list[float](), list[float](), list[float]()
        for _ in range(ROUNDS):
            base, took = [await _timed(ask, CALLS) for ask in ways]
            own.append(quantile(took, 0.5))
            slow.append(quantile(took, 0.99))
            added.append(own[-1] - quantile(base, 0.5))
    report({"added": median(added), "p50": median(own), "p99": median(slow)})


async def _timed(ask: Ask, times: int) -> list[float]:
    took: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        said = await ask()
        took.append(1000 * (time.perf_counter() - begun))
        assert said == SAID, said
    return took


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
