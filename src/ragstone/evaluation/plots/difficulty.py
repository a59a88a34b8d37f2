"""What routing by difficulty is worth, as a picture: to the right the cost of a question, upward its mean grade."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from ragstone.evaluation.difficulty import Calibration
from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.plots.tuning import ticks

__all__ = ["drawn"]

WIDTH, HEIGHT = 900, 520  # pixels
LEFT, RIGHT, TOP, BOTTOM = 80, 860, 80, 450  # of the axes
INK, FAINT, GRID, CURVE = "#1f2328", "#6e7781", "#d8dee4", "#0969da"

Place = Callable[[float], float]


def drawn(found: Calibration, *, title: str) -> str:
    """The curve, the random mixtures below it, each model alone, and the chosen threshold, as SVG."""
    canvas = Canvas(WIDTH, HEIGHT, title=title)
    canvas.words(16, 28, title, color=INK, size=16, bold=True)
    dollars = found.unit == "USD"
    scale = 1000.0 if dollars else 100.0
    costs = [scale * point.cost for point in found.curve] + [scale * cost for cost, _ in found.singles.values()]
    grades = [100 * point.quality for point in found.curve] + [100 * mean for _, mean in found.singles.values()]
    across, upward = _axis(costs, LEFT, RIGHT), _axis(grades, BOTTOM, TOP)
    _draw_axes(canvas, across, upward, "USD for 1,000 questions" if dollars else f"% {found.unit}")
    x, y = across[1], upward[1]
    corners = [(x(scale * cost), y(100 * mean)) for cost, mean in found.mixed]
    for (x1, y1), (x2, y2) in pairwise(corners):
        canvas.line(x1, y1, x2, y2, color=FAINT, dashed=True)
    points = [(x(scale * point.cost), y(100 * point.quality)) for point in found.curve]
    for (x1, y1), (x2, y2) in pairwise(points):
        canvas.line(x1, y1, x2, y2, color=CURVE, width=2)
    for name, (cost, mean) in found.singles.items():
        at, height = x(scale * cost), y(100 * mean)
        canvas.dot(at, height, radius=5, color=INK)
        right = at > (LEFT + RIGHT) / 2
        canvas.words(at + (-10 if right else 10), height + 20, name, color=INK, anchor="end" if right else "start")
    at, height = x(scale * found.chosen.cost), y(100 * found.chosen.quality)
    low, high = (y(100 * bound) for bound in found.chosen_interval)
    canvas.line(at, max(min(low, BOTTOM), TOP), at, max(min(high, BOTTOM), TOP), color=CURVE, width=2)
    canvas.dot(at, height, radius=5, color=CURVE)
    canvas.words(at + 10, height - 10, f"threshold {found.chosen.threshold:+.2f}", color=CURVE, bold=True)
    canvas.words(LEFT, 58, "by_difficulty, out of fold", color=CURVE, bold=True)
    canvas.words(LEFT + 200, 58, "dashed: a random mixture of the models", color=FAINT)
    return canvas.svg()


def _axis(values: Sequence[float], start: float, end: float) -> tuple[Sequence[float], Place]:
    """The marks of an axis, and where a value lies."""
    marks = ticks(min(values), max(values))
    low, high = marks[0], marks[-1]
    return marks, lambda value: start + (value - low) / (high - low) * (end - start)


def _draw_axes(
    canvas: Canvas, across: tuple[Sequence[float], Place], upward: tuple[Sequence[float], Place], unit: str
) -> None:
    for mark in across[0]:
        canvas.line(across[1](mark), TOP, across[1](mark), BOTTOM, color=GRID)
        canvas.words(across[1](mark), BOTTOM + 20, f"{mark:g}", color=FAINT, anchor="middle", size=12)
    for mark in upward[0]:
        canvas.line(LEFT, upward[1](mark), RIGHT, upward[1](mark), color=GRID)
        canvas.words(LEFT - 8, upward[1](mark) + 4, f"{mark:g}", color=FAINT, anchor="end", size=12)
    canvas.words((LEFT + RIGHT) / 2, HEIGHT - 24, unit, color=FAINT, anchor="middle")
    canvas.words(24, (TOP + BOTTOM) / 2, "mean grade, %", color=FAINT, anchor="middle", turned=True)
