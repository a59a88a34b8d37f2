"""What telling questions apart finds and costs, as a picture: to the right the share that is wrongly taken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ragstone.evaluation.pairs import Measured, Point
from ragstone.evaluation.plots.canvas import Canvas
from ragstone.proportions import wilson

__all__ = ["drawn"]

WIDTH, HEIGHT = 900, 520  # pixels
LEFT, RIGHT, TOP, BOTTOM = 80, 860, 90, 450  # of the axes
INK, FAINT, GRID, CURVE = "#1f2328", "#6e7781", "#d8dee4", "#0969da"
WIDEST = 0.15  # of the false positive rate that is shown


def drawn(found: Measured, *, title: str, bound: float) -> Canvas:
    """The curve of the verifier over its threshold, that of the cosine alone, the bound, and the threshold in use."""
    canvas = Canvas(WIDTH, HEIGHT, title=title)
    canvas.words(16, 28, title, color=INK, size=16, bold=True)
    _axes(canvas)
    canvas.line(_x(bound), TOP, _x(bound), BOTTOM, color=INK, dashed=True)
    canvas.words(_x(bound) + 6, TOP + 14, f"bound {100 * bound:g} %", color=INK)
    _line(canvas, found.by_cosine(), FAINT)
    _line(canvas, found.curve(), CURVE)
    at, height = _x(min(found.false_positive_rate, WIDEST)), _y(found.found)
    for same, spot in ((True, "found"), (False, "taken")):
        count, of = found.count(same=same, hit=True), found.count(same=same)
        low, high = wilson(count, of)
        if spot == "found":
            canvas.line(at, _y(low), at, _y(high), color=CURVE, width=2)
        else:
            canvas.line(_x(min(low, WIDEST)), height, _x(min(high, WIDEST)), height, color=CURVE, width=2)
    canvas.dot(at, height, radius=5, color=CURVE)
    canvas.words(LEFT, 58, "verifier: vetoes and model", color=CURVE, bold=True)
    canvas.words(LEFT + 220, 58, "cosine alone", color=FAINT, bold=True)
    canvas.words(LEFT + 340, 58, "dot: the threshold in use, with 95 % intervals", color=FAINT)
    return canvas


def _axes(canvas: Canvas) -> None:
    for step in range(6):
        share = step * WIDEST / 5
        canvas.line(_x(share), TOP, _x(share), BOTTOM, color=GRID)
        canvas.words(_x(share), BOTTOM + 20, f"{100 * share:g}", color=FAINT, anchor="middle", size=12)
    for step in range(6):
        share = step / 5
        canvas.line(LEFT, _y(share), RIGHT, _y(share), color=GRID)
        canvas.words(LEFT - 8, _y(share) + 4, f"{100 * share:g}", color=FAINT, anchor="end", size=12)
    middle = (LEFT + RIGHT) / 2
    canvas.words(middle, HEIGHT - 24, "different pairs taken for the same, %", color=FAINT, anchor="middle")
    canvas.words(24, (TOP + BOTTOM) / 2, "same pairs found, %", color=FAINT, anchor="middle", turned=True)


def _line(canvas: Canvas, points: Sequence[Point], color: str) -> None:
    shown = [point for point in points if point[0] <= WIDEST]
    for (wrong, right), (later, more) in pairwise(shown):
        canvas.line(_x(wrong), _y(right), _x(later), _y(more), color=color, width=2)


def _x(share: float) -> float:
    return LEFT + share / WIDEST * (RIGHT - LEFT)


def _y(share: float) -> float:
    return BOTTOM - share * (BOTTOM - TOP)
