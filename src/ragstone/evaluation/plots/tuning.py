"""A comparison as a picture: a dot for each mean and a line for its interval, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.resampling import interval
from ragstone.evaluation.tune import Row, Tuning

__all__ = ["svg", "ticks"]

WIDTH, ROW, TOP, BOTTOM = 900, 26, 64, 34  # pixels
LEFT = (200, 520)  # where the panel of the means begins and ends
RIGHT = (570, 870)  # and that of the differences
INK, FAINT, GRID, CHOSEN = "#1f2328", "#6e7781", "#d8dee4", "#0969da"


@dataclass(frozen=True, slots=True)
class Panel:
    """A range of values drawn between two places."""

    title: str
    values: Sequence[tuple[float, float, float] | None]  # low, middle, high of each row
    line: float  # where the current pipeline stands
    span: tuple[int, int]
    signed: bool = False

    def scale(self) -> tuple[Sequence[float], Callable[[float], float]]:
        """The marks of the axis, and where a value lies."""
        seen = [self.line, *(bound for value in self.values if value for bound in value)]
        marks = ticks(min(seen), max(seen))
        low, high = min(marks[0], min(seen)), max(marks[-1], max(seen))
        start, end = self.span
        return marks, lambda value: start + (value - low) / (high - low) * (end - start)


def svg(tuning: Tuning, *, title: str) -> str:
    """The picture: on the left each configuration's nDCG@10, on the right its difference to the current one."""
    rows = tuning.rows
    height = TOP + ROW * len(rows) + BOTTOM
    means = [(*_around(row),) for row in rows]
    over = [None if row is tuning.current else row.over(tuning.current) for row in rows]
    differences = [(one.interval[0], one.mean, one.interval[1]) if one else None for one in over]
    canvas = Canvas(WIDTH, height, title=title)
    canvas.words(16, 24, title, color=INK, size=15, bold=True)
    panels = (
        Panel("nDCG@10 with its 95 % interval", means, tuning.current.mean(), LEFT),
        Panel("difference to current", differences, 0.0, RIGHT, signed=True),
    )
    for panel in panels:
        _axis(canvas, panel)
    for number, row in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        bold = row in (tuning.current, tuning.chosen)
        color = _color(row, tuning)
        canvas.words(LEFT[0] - 14, y + 4, row.name, anchor="end", color=color, bold=bold)
        for panel in panels:
            _whisker(canvas, panel, panel.values[number], y, color)
    return canvas.svg()


def ticks(low: float, high: float) -> list[float]:
    """Round values that cover a range, about five of them.

    >>> ticks(0.31, 0.58)
    [0.3, 0.4, 0.5, 0.6]
    """
    width = max(high - low, 1e-3)
    power = 10 ** floor(log10(width / 4))
    step = next(power * one for one in (1, 2, 5, 10) if width / (power * one) <= 5)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(step * number, 10) for number in range(first, max(last, first + 1) + 1)]


def _around(row: Row) -> tuple[float, float, float]:
    low, high = interval(list(row.each.values()))
    return low, row.mean(), high


def _color(row: Row, tuning: Tuning) -> str:
    if row is tuning.chosen and row is not tuning.current:
        return CHOSEN
    return INK if row is tuning.current else FAINT


def _axis(canvas: Canvas, panel: Panel) -> None:
    marks, place = panel.scale()
    bottom = canvas.height - BOTTOM
    canvas.words(panel.span[0], TOP - 14, panel.title, color=FAINT)
    for mark in marks:
        x = place(mark)
        label = "0" if not mark else f"{mark:+g}" if panel.signed else f"{mark:g}"
        canvas.line(x, TOP, x, bottom, color=GRID)
        canvas.words(x, bottom + 18, label, anchor="middle", color=FAINT, size=12)
    x = place(panel.line)
    canvas.line(x, TOP, x, bottom, color=INK, dashed=True)


def _whisker(canvas: Canvas, panel: Panel, value: tuple[float, float, float] | None, y: float, color: str) -> None:
    if value is None:
        return
    _, place = panel.scale()
    low, middle, high = map(place, value)
    canvas.line(low, y, high, y, color=color, width=2)
    canvas.dot(middle, y, radius=4.5, color=color)
