"""Writes docs/metrics.md: every metric with its formula, its range and its source, as its own docstring says it.

python docs/metrics.py            # or: make docs
python docs/metrics.py --check    # exits with 1 when the page shows something else
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ragstone.evaluation.metrics.known import METRICS
from ragstone.evaluation.metrics.metric import Metric

PAGE = Path(__file__).with_name("metrics.md")
HEAD = """\
# Metrics

A metric is one figure of a [suite](evaluating-answers.md), by the name that stands under `metrics` in its file.
Where a name ends in `@K`, a number takes its place: `hit@5` looks at five documents.

Each answer gives a row of numbers, and all rows together give the figure.
Its interval of 95 % comes from a bootstrap over the cases.
For most metrics a row is one number between 0 and 1, and the figure is the mean.
An answer that failed with an error has no row, and its case stands in the report as failed.

This page is written from the code by `docs/metrics.py`.
"""
ROOMS = {
    "ranking": "Was the right document found?",
    "spans": "Were the right words found?",
    "words": "Are the words of the answer right?",
    "ngrams": "How near is the answer to a reference?",
    "meaning": "Does the answer mean the same?",
    "abstention": "Does it answer, and only where it should?",
    "calibration": "Is it as sure as it may be?",
    "grounding": "Do the passages say what the answer says?",
    "judged": "What does a judge say?",
    "costs": "What does an answer cost?",
    "latency": "How long does it take?",
    "safety": "Has it passed its checks?",
}


def page() -> str:
    """The page as it should be."""
    rooms = groupby(METRICS.items(), key=lambda one: one[1].__module__.rpartition(".")[2])
    return HEAD + "".join(_room(room, list(found)) for room, found in rooms)


def _room(room: str, found: list[tuple[str, type[Metric]]]) -> str:
    by_kind: dict[type[Metric], list[str]] = {}
    for name, kind in found:
        by_kind.setdefault(kind, []).append(name)
    return f"\n## {ROOMS[room]}\n" + "".join(_metric(kind, names) for kind, names in by_kind.items())


def _metric(kind: type[Metric], names: list[str]) -> str:
    title = " and ".join(f"`{name}`" for name in names)
    text = inspect.cleandoc(kind.__doc__ or "")
    return f"\n### {title}\n\n{text}\n\n{' '.join(_facts(kind))}\n"


def _facts(kind: type[Metric]) -> Iterator[str]:
    needs = " or ".join(f"`{name}`" for name in sorted(kind.needs))
    yield f"It needs {needs}." if needs else "It needs nothing of a case."
    if kind.asks:
        yield "It asks a model."
    if kind.searches:
        yield "A suite that only searches has it, too."


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv:
        raise SystemExit(wanted != PAGE.read_text(encoding="utf-8") and "docs/metrics.md is stale. Run: make docs")
    PAGE.write_text(wanted, encoding="utf-8")
