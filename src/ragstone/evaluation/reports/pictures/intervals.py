"""Figures with their intervals: a dot for each, and a line that the figure of other questions would lie on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.reports.pictures.axes import (
    BAD,
    FAINT,
    GOOD,
    GRID,
    INK,
    RIGHT,
    WIDTH,
    Picture,
    Scale,
    across,
    color,
    key,
    shortened,
)
from ragstone.evaluation.reports.shown import Shown
from ragstone.evaluation.suites.figures import column

__all__ = ["by_tag", "differences", "levels"]

LEFT, HEAD, FOOT = 130, 36, 28  # pixels
LINE, GAP = 14, 12  # of a figure, and between rows
MOST_TAGS = 24


@dataclass(frozen=True, slots=True)
class _Bar:
    """A figure as it is drawn."""

    low: float
    middle: float
    high: float
    color: str
    word: str = ""


def levels(shown: Shown) -> Iterator[Picture]:
    """Every metric of every side; metrics of one scale share a picture."""
    for unit, metrics in _by_scale(shown).items():
        rows = [
            (
                metric.name,
                [
                    _Bar(found.interval[0], found.value, found.interval[1], color(number))
                    for number, side in enumerate(shown.sides)
                    if (found := side.figures.get(metric.name)) is not None
                ],
            )
            for metric in metrics
        ]
        heading = f"Figures in {unit}" if unit else "Figures"
        caption = "A dot is the figure, its line the 95 % interval."
        least = metrics[0].least or 0.0
        yield Picture(heading, caption, _rows(shown, heading, rows, share=_share(metrics[0]), floor=least))


def differences(shown: Shown) -> Iterator[Picture]:
    """The difference of every metric between two sides, around 0."""
    for unit, metrics in _by_scale(shown).items():
        rows: list[tuple[str, list[_Bar]]] = []
        for metric in metrics:
            change = shown.changes.get(metric.name)
            if change is not None:
                word, one = change.verdict, change.difference
                paint = {"better": GOOD, "worse": BAD}.get(word, FAINT)
                rows.append((metric.name, [_Bar(one.interval[0], one.mean, one.interval[1], paint, word)]))
        if any(bar.low or bar.high for _, bars in rows for bar in bars):
            first, second = shown.sides
            heading = f"Differences in {unit}" if unit else "Differences"
            caption = f"{second.label} minus {first.label}. What is beyond doubt is called better or worse."
            yield Picture(heading, caption, _rows(shown, heading, rows, signed=True))


def by_tag(shown: Shown) -> Iterator[Picture]:
    """The main metric for the cases with each tag."""
    metric, tags = shown.main, shown.tags[:MOST_TAGS]
    if metric is None or not tags:
        return
    rows: list[tuple[str, list[_Bar]]] = []
    for tag in tags:
        parts = [[one for one in side.outcomes if tag in one.case.tags] for side in shown.sides]
        bars = [bar for number, part in enumerate(parts) if (bar := _of(metric, part, color(number))) is not None]
        if bars:
            rows.append((tag, bars))
    if rows:
        left_out = len(shown.tags) - len(tags)
        more = f" {left_out} tags of fewer questions are left out." if left_out else ""
        heading = f"{metric.name} by tag"
        caption = f"{metric.title}, for the questions with each tag, with its 95 % interval.{more}"
        yield Picture(heading, caption, _rows(shown, heading, rows, share=_share(metric), floor=metric.least or 0.0))


def _of(metric: Metric, outcomes: Sequence[Outcome], paint: str) -> _Bar | None:
    found = column(metric, outcomes)
    if not found.blocks:
        return None
    low, high = found.interval()
    return _Bar(low, found.value(list(found.blocks)), high, paint)


def _by_scale(shown: Shown) -> dict[str, list[Metric]]:
    """Metrics with a figure by what they are counted in; "" for shares."""
    found: dict[str, list[Metric]] = {}
    for metric in shown.metrics:
        if any(metric.name in side.figures for side in shown.sides):
            unit = metric.unit or ("" if _share(metric) else metric.name)
            found.setdefault(unit, []).append(metric)
    return found


def _share(metric: Metric) -> bool:
    return not metric.unit and metric.most == 1.0 and metric.least == 0.0


def _rows(
    shown: Shown,
    title: str,
    rows: Sequence[tuple[str, Sequence[_Bar]]],
    *,
    share: bool = False,
    signed: bool = False,
    floor: float = 0.0,
) -> Canvas:
    """A line for each figure, below each other; a row for each name."""
    heights = [GAP + LINE * len(bars) for _, bars in rows]
    bottom = HEAD + sum(heights)
    canvas = Canvas(WIDTH, bottom + FOOT, title=title)
    values = [floor, *(value for _, bars in rows for bar in bars for value in (bar.low, bar.middle, bar.high))]
    scale = across(values, LEFT, RIGHT, share=share)
    _axis(canvas, scale, bottom, signed=signed)
    if not signed:
        key(canvas, shown, 20)
    y = float(HEAD)
    for (name, bars), height in zip(rows, heights, strict=True):
        canvas.words(LEFT - 12, y + height / 2 + 4, shortened(name, LEFT - 20), color=INK, size=12, anchor="end")
        for number, bar in enumerate(bars):
            at = y + GAP / 2 + LINE * (number + 0.5)
            canvas.line(scale.place(bar.low), at, scale.place(bar.high), at, color=bar.color, width=2.5)
            canvas.dot(scale.place(bar.middle), at, radius=4.5, color=bar.color)
            if bar.word:
                _word(canvas, scale, bar, at)
        y += height
    return canvas


def _axis(canvas: Canvas, scale: Scale, bottom: float, *, signed: bool) -> None:
    for mark in scale.marks:
        x = scale.place(mark)
        canvas.line(x, HEAD, x, bottom, color=GRID)
        label = "0" if not mark else f"{mark:+g}" if signed else f"{mark:g}"
        canvas.words(x, bottom + 18, label, color=FAINT, size=12, anchor="middle")
    if signed:
        canvas.line(scale.place(0), HEAD, scale.place(0), bottom, color=INK, dashed=True)


def _word(canvas: Canvas, scale: Scale, bar: _Bar, y: float) -> None:
    """Says beside a line what its color means, on the side that has room."""
    low, high = scale.place(bar.low), scale.place(bar.high)
    if high + 60 <= WIDTH:
        canvas.words(high + 8, y + 4, bar.word, color=bar.color, size=12)
    else:
        canvas.words(low - 8, y + 4, bar.word, color=bar.color, size=12, anchor="end")
