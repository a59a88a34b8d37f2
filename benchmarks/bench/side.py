"""What the programs of all sides share; it runs in any environment and imports nothing beyond the standard library."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["DATA", "KEPT", "QUICK", "ROOT", "peak", "quantile", "report", "timed"]

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("RAGSTONE_DATA", ROOT / "../shared/data"))
QUICK = os.environ.get("BENCH_QUICK") == "1"
KEPT = Path(os.environ.get("BENCH_KEPT", "."))
"""A folder that all sides and repeats of a row share; it is gone when the row is done."""


def report(figures: dict[str, float | None], *notes: str) -> None:
    """Prints what was measured as the last line, where the harness looks for it."""
    sys.stdout.flush()
    print("\n" + json.dumps({**figures, "notes": list(notes)}), flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the others does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(act: Callable[[], object], times: int) -> list[float]:
    """The milliseconds of so many calls, one after the other."""
    took: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        act()
        took.append(1000 * (time.perf_counter() - begun))
    return took


def peak() -> float:
    """The most memory in MB that this process and its largest child have held."""
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / unit
