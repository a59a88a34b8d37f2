"""Personal data: how much of it is found, side by side with plain Presidio, and what that takes.

    pip install 'ragstone[personal]'
    RAGSTONE_DATA=... python benchmarks/safety.py personal [--part judge|fit|all] [--exact]

The sentences of `pii/` were made from 157
templates: by a hash of the template one half was looked at while the patterns were written (`fit`), the other half was
not (`judge`). A span counts as found where its type is right and the ranges share half of what they cover together;
`exact` wants the same range. PERSON, LOCATION and ORGANIZATION take a language model, which neither side has here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ragstone.text.personal.finding import find
from ragstone.text.personal.spans import TYPES, Span

SAME = {"ADDRESS": "STREET_ADDRESS", "DOMAIN_NAME": "URL", "GPE": "LOCATION"}
NAMES = {"PERSON", "LOCATION", "ORGANIZATION"}
ALIKE = 0.5

Finder = Callable[[str], Iterable[Span]]


def part(row: dict[str, str]) -> str:
    """Which half a sentence is in, by its template."""
    template = re.sub(r"\W+", " ", row["masked"]).lower()
    return "fit" if hashlib.blake2b(template.encode()).digest()[0] % 2 == 0 else "judge"


def share(one: Span, other: Span) -> float:
    """The part of what two ranges cover together that both cover."""
    both = min(one.end, other.end) - max(one.start, other.start)
    return both / (max(one.end, other.end) - min(one.start, other.start))


class Counts:
    """By type: what was right, what was too much, what was missed."""

    def __init__(self) -> None:
        self.right, self.false, self.missed = Counter[str](), Counter[str](), Counter[str]()

    def add(self, found: Iterable[Span], gold: Iterable[Span], least: float) -> None:
        """One sentence."""
        left = [*gold]
        for span in found:
            match = next((one for one in left if one.type == span.type and share(one, span) >= least), None)
            if match is None:
                self.false[span.type] += 1
            else:
                self.right[span.type] += 1
                left.remove(match)
        self.missed.update(one.type for one in left)

    def figures(self, types: Iterable[str]) -> tuple[float, float, float]:
        """Precision, recall and F1 over these types together."""
        names = [*types]
        right, false, missed = (sum(each[name] for name in names) for each in (self.right, self.false, self.missed))
        precision, recall = right / max(1, right + false), right / max(1, right + missed)
        return precision, recall, 2 * right / max(1, 2 * right + false + missed)


def finders() -> dict[str, Finder]:
    """Ours, Presidio with ours, and Presidio as it comes; the last two where it is installed."""
    try:
        from ragstone.connectors.presidio.engine import LANGUAGE, analyzer, pipeline
    except ModuleNotFoundError:
        return {"personal": find}
    words = pipeline(None)

    def of(*, own: bool) -> Finder:
        engine = analyzer(words, names=False, own=own)

        def found(text: str) -> list[Span]:
            return [Span(one.start, one.end, one.entity_type, one.score) for one in engine.analyze(text, LANGUAGE)]

        return found

    return {"personal": find, "presidio": of(own=True), "plain Presidio": of(own=False)}


def main(arguments: Sequence[str]) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        "safety.py personal", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=["fit", "judge", "all"], default="judge")
    parser.add_argument("--exact", action="store_true", help="want the same ranges")
    given = parser.parse_args(arguments)
    path = Path(os.environ.get("RAGSTONE_DATA", "../shared/data")) / "pii" / "presidio.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if given.part in ("all", part(row))]
    counted: dict[str, Counts] = {}
    for name, finder in finders().items():
        counted[name] = Counts()
        begun = time.perf_counter()
        for row in rows:
            gold = [Span(one["start"], one["end"], SAME.get(one["type"], one["type"])) for one in row["spans"]]
            counted[name].add(finder(row["text"]), gold, 1.0 if given.exact else ALIKE)
        taken = 1000 * (time.perf_counter() - begun) / len(rows)
        print(f"{name}: {len(rows)} sentences ({given.part}), {taken:.2f} ms each")
    present = {name for one in counted.values() for name in one.right + one.missed} - NAMES
    print("\nprecision, recall, F1   " + "".join(f"{name:>18}" for name in counted))
    lines = [(name, [name]) for name in sorted(present)]
    lines += [("all of these", sorted(present)), ("with wrong types", sorted(set(TYPES) | present))]
    for name, types in lines:
        cells = [one.figures(types) for one in counted.values()]
        print(f"{name:24}" + "".join("   " + "".join(f"{one:5.2f}" for one in cell) for cell in cells))
    return 0
