"""An ablation as a picture: upward what each layer gains, with its interval; to the right what it costs in tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import TypeAlias

from ragstone.evaluation.ablate import Effect, Verdict
from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.plots.tuning import ticks

__all__ = ["KINDS", "drawn"]

KINDS = (".png", ".svg")

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""

WIDTH, HEIGHT = 900, 520  # pixels
LEFT, RIGHT, TOP, BOTTOM = 80, 860, 92, 450  # of the axes
INK, FAINT, GRID = "#1f2328", "#6e7781", "#d8dee4"
COLORS: dict[Verdict, str] = {
    "gain shown": "#1a7f37",
    "harm shown": "#cf222e",
    "no gain shown": "#6e7781",
    "cannot tell": "#9a6700",
}
NARROW = 2.5  # ratios that lie nearer to each other are drawn on a linear axis
APART = 14  # pixels between two dots
LETTER, LINE = 7.2, 16  # the room of a letter and of a line of a label, rather too much


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values between two places of the picture; `log`: twice as much is as far everywhere."""

    marks: Sequence[float]
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies."""
        low, high, at = (log2(one) if self.log else one for one in (self.marks[0], self.marks[-1], value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class _Dot:
    """A layer as it is drawn: its dot, and the ends of its interval."""

    layer: str
    color: str
    x: float
    y: float
    low: float
    high: float


def drawn(effects: Sequence[Effect], *, title: str, kind: str) -> bytes:
    """The picture as a file of one of KINDS. A layer without answers, or without tokens, is left out."""
    canvas = Canvas(WIDTH, HEIGHT, title=title)
    canvas.words(16, 28, title, color=INK, size=16, bold=True)
    shown = [effect for effect in effects if effect.difference is not None and effect.tokens]
    bounds = [0.0, *(effect.gain + sign * effect.margin for effect in shown for sign in (-1, 1))]
    across = _across([1.0, *(effect.tokens or 1.0 for effect in shown)])
    upward = _Axis(ticks(min(bounds), max(*bounds, min(bounds) + 1)), BOTTOM, TOP)
    _draw_axes(canvas, across, upward)
    dots = _dots(shown, across, upward)
    zero, one = upward.place(0), across.place(1)
    taken: list[Box] = [(LEFT, zero - 2, RIGHT, zero + 2), (one - 2, TOP, one + 2, BOTTOM)]
    for dot in dots:
        canvas.line(dot.x, dot.low, dot.x, dot.high, color=dot.color, width=2)
        for end in (dot.low, dot.high):
            canvas.line(dot.x - 4, end, dot.x + 4, end, color=dot.color, width=2)
        canvas.dot(dot.x, dot.y, radius=5, color=dot.color)
        taken.append((dot.x - 6, min(dot.high, dot.y - 6), dot.x + 6, max(dot.low, dot.y + 6)))
    for dot in dots:
        _label(canvas, dot, taken)
    _draw_legend(canvas, [effect.verdict for effect in shown])
    return canvas.png() if kind == ".png" else canvas.svg().encode()


def _across(ratios: Sequence[float]) -> _Axis:
    low, high = min(ratios), max(ratios)
    if high / low <= NARROW:
        return _Axis(ticks(low, max(high, 1.2)), LEFT, RIGHT)
    first, last = floor(log2(low)), ceil(log2(high))
    return _Axis([2.0**power for power in range(first, last + 1)], LEFT, RIGHT, log=True)


def _dots(effects: Sequence[Effect], across: _Axis, upward: _Axis) -> list[_Dot]:
    """Dots of about the same price are moved apart, so that each interval can be seen."""
    placed: list[_Dot] = []
    for effect in effects:
        x, y = across.place(effect.tokens or 1.0), upward.place(effect.gain)
        low, high = (upward.place(effect.gain + sign * effect.margin) for sign in (-1, 1))
        moves = sorted(range(-len(effects), len(effects) + 1), key=lambda step: (abs(step), -step))
        free = (x + APART * step for step in moves if LEFT <= x + APART * step <= RIGHT)
        x = next((x for x in free if all(abs(x - dot.x) >= APART for dot in placed)), x)
        placed.append(_Dot(effect.layer, COLORS[effect.verdict], x, y, low, high))
    return placed


def _draw_legend(canvas: Canvas, verdicts: Sequence[Verdict]) -> None:
    words = "Each line is an interval of 95 %. Dots of about the same price stand side by side."
    canvas.words(16, 50, words, color=FAINT)
    x = 21.0
    for verdict, color in COLORS.items():
        if verdict not in verdicts:
            continue
        canvas.dot(x, 68, radius=5, color=color)
        canvas.words(x + 10, 72, verdict, color=INK)
        x += 40 + LETTER * len(verdict)


def _draw_axes(canvas: Canvas, across: _Axis, upward: _Axis) -> None:
    for mark in across.marks:
        x = across.place(mark)
        canvas.line(x, TOP, x, BOTTOM, color=GRID)
        canvas.words(x, BOTTOM + 20, f"×{mark:g}", color=FAINT, size=12, anchor="middle")
    for mark in upward.marks:
        y = upward.place(mark)
        canvas.line(LEFT, y, RIGHT, y, color=GRID)
        canvas.words(LEFT - 10, y + 4, f"{mark:+g}" if mark else "0", color=FAINT, size=12, anchor="end")
    canvas.line(LEFT, upward.place(0), RIGHT, upward.place(0), color=INK, dashed=True)
    canvas.line(across.place(1), TOP, across.place(1), BOTTOM, color=INK, dashed=True)
    middle = (LEFT + RIGHT) / 2
    canvas.words(
        middle, BOTTOM + 48, "tokens of an answer, against those without the layer", color=INK, anchor="middle"
    )
    canvas.words(26, (TOP + BOTTOM) / 2, "gain in points of 100", color=INK, anchor="middle", turned=True)


def _label(canvas: Canvas, dot: _Dot, taken: list[Box]) -> None:
    """Writes a layer's name beside its dot, on the side and at the height where nothing is drawn yet."""
    width = LETTER * len(dot.layer)
    boxes = [
        (start, y - LINE / 2, start + width, y + LINE / 2)
        for y in (dot.y + step * LINE / 2 for step in sorted(range(-40, 41), key=abs))
        for start in (dot.x + 12, dot.x - 12 - width, dot.x + 40, dot.x - 40 - width)
        if start >= LEFT and start + width <= RIGHT and TOP <= y <= BOTTOM
    ]
    free = (box for box in boxes if not any(_meet(box, other) for other in taken))
    left, top, right, bottom = box = next(free, boxes[0])
    taken.append(box)
    after, middle = left > dot.x, (top + bottom) / 2
    near = left - 3 if after else right + 3
    if abs(middle - dot.y) > LINE / 2 or abs(near - dot.x) > 20:
        canvas.line(dot.x, dot.y, near, middle, color=dot.color, width=0.8)
    canvas.words(left if after else right, middle + 4, dot.layer, color=dot.color, anchor="start" if after else "end")


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
