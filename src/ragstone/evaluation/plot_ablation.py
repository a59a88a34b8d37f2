"""An ablation as a picture: upward what each layer gains, with its interval; to the right what it costs in tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ragstone.evaluation.ablate import Effect, Verdict
from ragstone.evaluation.canvas import Canvas
from ragstone.evaluation.plot import ticks

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
LETTER, LINE = 7.2, 16  # the room of a letter and of a line of a label, rather too much


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values between two places of the picture."""

    marks: Sequence[float]
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value lies."""
        low, high = self.marks[0], self.marks[-1]
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def drawn(effects: Sequence[Effect], *, title: str, kind: str) -> bytes:
    """The picture as a file of one of KINDS. A layer without answers, or without tokens, is left out."""
    canvas = Canvas(WIDTH, HEIGHT, title=title)
    canvas.words(16, 28, title, color=INK, size=16, bold=True)
    canvas.words(16, 50, "Each dot is a layer, each line its interval of 95 %.", color=FAINT)
    shown = [(effect, effect.tokens) for effect in effects if effect.difference is not None and effect.tokens]
    ratios = [1.0, *(tokens for _, tokens in shown)]
    bounds = [0.0, *(effect.gain + sign * effect.margin for effect, _ in shown for sign in (-1, 1))]
    across = _Axis(ticks(min(ratios), max(*ratios, 1.2)), LEFT, RIGHT)
    upward = _Axis(ticks(min(bounds), max(*bounds, min(bounds) + 1)), BOTTOM, TOP)
    _draw_axes(canvas, across, upward)
    zero, one = upward.place(0), across.place(1)
    taken: list[Box] = [(LEFT, zero - 2, RIGHT, zero + 2), (one - 2, TOP, one + 2, BOTTOM)]
    for effect, tokens in shown:
        x, y = across.place(tokens or 1.0), upward.place(effect.gain)
        low, high = (upward.place(effect.gain + sign * effect.margin) for sign in (-1, 1))
        color = COLORS[effect.verdict]
        canvas.line(x, low, x, high, color=color, width=2)
        for end in (low, high):
            canvas.line(x - 5, end, x + 5, end, color=color, width=2)
        canvas.dot(x, y, radius=5, color=color)
        taken.append((x - 6, min(low, high), x + 6, max(low, high)))
    for effect, tokens in shown:
        x, y = across.place(tokens or 1.0), upward.place(effect.gain)
        _label(canvas, f"{effect.layer}: {effect.verdict}", x, y, COLORS[effect.verdict], taken)
    return canvas.png() if kind == ".png" else canvas.svg().encode()


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


def _label(canvas: Canvas, text: str, x: float, y: float, color: str, taken: list[Box]) -> None:
    """Writes beside a dot, on the side and at the height where nothing is written or drawn yet."""
    width = LETTER * len(text)
    choices = [
        (start, y + step * LINE * 0.6)
        for step in sorted(range(-20, 21), key=abs)
        for start in (x + 12, x - 12 - width)
        if start >= LEFT and start + width <= RIGHT and TOP <= y + step * LINE * 0.6 <= BOTTOM
    ]
    boxes = [(start, middle - LINE / 2, start + width, middle + LINE / 2) for start, middle in choices]
    box = next((box for box in boxes if not any(_meet(box, other) for other in taken)), None)
    if box is None:
        box = boxes[0] if boxes else (x + 12, y - LINE / 2, x + 12 + width, y + LINE / 2)
    taken.append(box)
    middle = (box[1] + box[3]) / 2
    if abs(middle - y) > LINE:
        canvas.line(x, y, box[0] - 3 if box[0] > x else x - 10, middle, color=color, width=0.8)
    if box[0] > x:
        canvas.words(box[0], middle + 4, text, color=color)
    else:
        canvas.words(box[2], middle + 4, text, color=color, anchor="end")


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
