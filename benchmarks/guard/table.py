"""What a run says: a table of at most 80 columns, and below it what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from guard.deciding import TOLERANCE, Verdict
from guard.pins import Pins

__all__ = ["said"]

PIN = "make bench-guard ARGS=--pin"

STEPS = {
    "BROKEN": ("See why with: PYTHONPATH=benchmarks .venv/bin/python -m guard --one NAME",),
    "NO PIN": (f"Pin it: {PIN}",),
    "SLOWER": (
        "Profile what benchmarks/guard/things/ measures, and mend it. Where what it does",
        "is worth its time, pin the new ratio, with the reason in the commit:",
        PIN,
    ),
    "faster": (f"So that it is kept: {PIN}",),
}
"""What to do about a thing, by what its row in the table says."""


def said(verdicts: Sequence[Verdict], pins: Pins, differences: Iterable[str] = ()) -> Iterator[str]:
    """The lines. `differences` are those of the pins to this machine that may shift a ratio by themselves."""
    yield f"{'ours':8}  {'beside':18}  {'pinned':>6}  {'at most':>7}  {'now, in three repeats':21}"
    for one in verdicts:
        now = "  ".join(f"{ratio:5.2f}" for ratio in one.ratios)
        yield (
            f"{one.name:8}  {one.reference:18}  {_figure(one.pin):>6}  {_figure(one.allowed):>7}  {now:21}  {one.word}"
        ).rstrip()
    machine = pins.machine
    yield ""
    yield f"Pinned on {pins.date}: {machine.processor}, {machine.cores} cores, Python {machine.python}."
    for difference in differences:
        yield f"This alone may shift a ratio: {difference}."
    yield from _advice(verdicts)


def _figure(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _advice(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What to do, once for all things of which the same is true."""
    said: dict[str, list[str]] = {}
    for one in verdicts:
        said.setdefault(one.word, []).append(_fault(one))
    for word, steps in STEPS.items():
        if word in said:
            yield from ("", *said[word], *steps)


def _fault(verdict: Verdict) -> str:
    if verdict.failure:
        return f"{verdict.name} could not be measured: {verdict.failure}"
    if verdict.pin is None:
        return f"{verdict.name} has no pinned ratio."
    return f"{verdict.name} takes {verdict.times:.2f} times what it took; {1 + TOLERANCE:.2f} are allowed."
