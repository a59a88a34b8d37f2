"""Whether five things are still as fast, beside their references, as their pinned ratios say: `make bench-guard`.

    PYTHONPATH=benchmarks .venv/bin/python -m guard          # all of them
    PYTHONPATH=benchmarks .venv/bin/python -m guard cache    # this one alone
    PYTHONPATH=benchmarks .venv/bin/python -m guard --pin    # measures all, and writes ratios.json

The exit code is 1 where one is slower or could not be measured, and 2 where the pins cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeAlias

from guard import pins
from guard.deciding import Verdict
from guard.measuring import Failed, alone, repeated, together
from guard.table import said
from guard.things import THINGS
from ragstone.errors import ConfigError

Measure: TypeAlias = Callable[[str, int], float]
"""The ratio of a thing, by its name, in a repeat, by its number."""

REPEATS = 3
PINNING = 9  # repeats whose median is pinned


def main(arguments: Sequence[str] | None = None, *, path: Path = pins.PATH, measure: Measure = alone) -> int:
    parser = argparse.ArgumentParser(
        prog="guard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("things", nargs="*", metavar="THING", help=", ".join(THINGS))
    parser.add_argument("--pin", action="store_true", help="write what is measured to ratios.json")
    parser.add_argument("--one", choices=THINGS, help="print one ratio, measured in this process")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.things if name not in THINGS]:
        parser.error(f"there is no thing {unknown[0]!r}; there are {', '.join(THINGS)}")
    if asked.pin and asked.things:
        parser.error("--pin measures all things, so that they come from one machine")
    if asked.one:
        print(json.dumps(together(THINGS[asked.one])))
        return 0
    try:
        return pin(path, measure) if asked.pin else hold(asked.things or list(THINGS), path, measure)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2


def hold(names: Sequence[str], path: Path, measure: Measure) -> int:
    """Measures these things and says whether they hold. Raises ConfigError for pins that cannot be read."""
    held = pins.read(path)
    found, failures = measured(names, REPEATS, measure)
    verdicts = [
        Verdict(
            name=name,
            reference=THINGS[name].reference,
            pin=held.ratios.get(name),
            ratios=found[name],
            failure=failures.get(name, ""),
        )
        for name in names
    ]
    print("\n".join(said(verdicts, held, held.differences(pins.here({}, packages())))))
    return int(any(verdict.failed for verdict in verdicts))


def pin(path: Path, measure: Measure) -> int:
    """Writes the medians of many repeats."""
    found, failures = measured(list(THINGS), PINNING, measure)
    for name, why in failures.items():
        print(f"{name} could not be measured: {why}", file=sys.stderr)
    if failures:
        return 1
    for name, ratios in found.items():
        print(f"{name:8}  {median(ratios):6.3f}  (from {min(ratios):.3f} to {max(ratios):.3f})")
    pins.write(pins.here({name: round(median(ratios), 3) for name, ratios in found.items()}, packages()), path)
    return 0


def packages() -> list[str]:
    """All that the references rest on."""
    return [package for thing in THINGS.values() for package in thing.packages]


def measured(names: Sequence[str], repeats: int, measure: Measure) -> tuple[dict[str, list[float]], dict[str, str]]:
    """The ratios of each thing, and why one could not be measured."""
    print(f"Measuring {', '.join(names)}: {repeats} times each …", file=sys.stderr)
    found: dict[str, list[float]] = {name: [] for name in names}
    failures: dict[str, str] = {}
    for name, ratio in repeated(names, repeats, measure):
        if isinstance(ratio, Failed):
            failures[name] = str(ratio)
        else:
            found[name].append(ratio)
    return found, failures


if __name__ == "__main__":
    sys.exit(main())
