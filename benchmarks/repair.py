"""How much of broken JSON is read right: ours, and the package json-repair where it is installed.

    python benchmarks/repair.py [--count 100]        # in an environment with json-repair==0.64.5, to compare

Objects as models are asked for are damaged in each way of `tests/support/damage.py`, in each pair of them that can
stand side by side, and in three at a time. Right is the same object, or of one that was cut off a beginning of it in
which nothing differs. What is wrong and not refused is stated apart.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import itertools
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/support")]

from damage import FAULTS, broken, contradict, right, value  # noqa: E402

REFUSED = object()


def ours(text: str) -> Any:
    from ragstone.output import read_value

    found, _, fault = read_value(text, cut=True)
    return REFUSED if fault else found


def theirs() -> Callable[[str], Any] | None:
    """The reading of json-repair, which gives an empty text for what it does not read."""
    try:
        loads = importlib.import_module("json_repair").loads
    except ModuleNotFoundError:
        return None

    def read(text: str) -> Any:
        found = loads(text)
        return REFUSED if found == "" else found

    return read


def cases(count: int) -> dict[str, list[tuple[Any, str, set[str]]]]:
    """Objects with the texts of them, by the row of the table."""
    pairs = [{one, other} for one, other in itertools.combinations(FAULTS, 2) if not contradict({one, other})]
    rows = {**{fault: [{fault}] for fault in FAULTS}, "two of them": pairs, "three of them": []}
    chance = random.Random(7)
    while len(rows["three of them"]) < len(pairs):
        faults = set(chance.sample(FAULTS, 3))
        rows["three of them"] += [] if contradict(faults) else [faults]
    return {row: [_case(faults, seed) for faults in each for seed in range(count)] for row, each in rows.items()}


def _case(faults: set[str], seed: int) -> tuple[Any, str, set[str]]:
    chance = random.Random(f"{sorted(faults)} {seed}")
    given = value(chance, quotes="quotes inside" in faults, breaks="line breaks" in faults)
    return given, broken(given, faults, chance), faults


def row(name: str, given: list[tuple[Any, str, set[str]]], readers: dict[str, Callable[[str], Any]]) -> str:
    """The share that each reader has right, and the share that it has wrong without refusing it."""
    shown = f"{name:20} {len(given):7,}"
    for read in readers.values():
        good = bad = 0
        begun = time.perf_counter()
        for made, text, faults in given:
            found = read(text)
            fits = found is not REFUSED and right(found, made, faults)
            good, bad = good + fits, bad + (not fits and found is not REFUSED)
        took = time.perf_counter() - begun
        shown += f"   {good / len(given):7.1%} {bad / len(given):7.1%} {1e6 * took / len(given):6.0f}"
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="objects of each combination")
    given = cases(parser.parse_args().count)
    readers: dict[str, Callable[[str], Any]] = {"ragstone": ours}
    if (peer := theirs()) is not None:
        readers[f"json-repair {importlib.metadata.version('json-repair')}"] = peer
    print(f"{'':28}" + "".join(f"   {name:>22}" for name in readers))
    print(f"{'damage':20} {'objects':>7}" + f"   {'right':>7} {'wrong':>7} {'µs':>6}" * len(readers))
    for name, each in given.items():
        print(row(name, each, readers))
    print(row("all", [one for each in given.values() for one in each], readers))


if __name__ == "__main__":
    main()
