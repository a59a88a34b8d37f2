"""A small picture with values between two places: narrow enough for a phone, so that its words stay readable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.plots.shares import COLORS, FAINT, INK
from ragstone.evaluation.plots.tuning import ticks
from ragstone.evaluation.reports.shown import Shown

__all__ = ["BAD", "COLORS", "FAINT", "GOOD", "GRID", "INK", "PAPER", "RIGHT", "WIDTH", "Picture", "Scale", "Square"]
__all__ += ["across", "color", "key", "shortened"]

WIDTH, RIGHT = 420, 400  # pixels; where an axis ends
PAPER, GRID = "#ffffff", "#d8dee4"
GOOD, BAD = "#1a7f37", "#cf222e"
LETTER = 6.6  # pixels of a letter of 12, rather too much
APART = 20.0  # times that the largest value is the smallest one, from which on an axis is logarithmic


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with a heading, and a sentence that says how to read it."""

    heading: str
    caption: str
    canvas: Canvas


@dataclass(frozen=True, slots=True)
class Scale:
    """Values between two places of a picture; `log`: twice as much is as far everywhere."""

    marks: Sequence[float]
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies; one outside lies at the end."""
        low, high = self.marks[0], self.marks[-1]
        held = min(max(value, low), high)
        if self.log:
            low, high, held = log10(low), log10(high), log10(held)
        return self.start + (held - low) / (high - low) * (self.end - self.start)


def across(values: Iterable[float], start: float, end: float, *, share: bool = False, log: bool = False) -> Scale:
    """A scale over values with round marks. Shares have all from 0 to 1; `log` only where values lie far apart."""
    if share:
        return Scale([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], start, end)
    seen = list(values)
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    if log and low > 0 and high / low > APART:
        return Scale(_decades(low, high), start, end, log=True)
    return Scale(ticks(min(low, 0.0), max(high, 0.0 if low < 0 else 1e-9)), start, end)


def key(canvas: Canvas, shown: Shown, y: float, *, x: float = 16) -> None:
    """Writes which color is which side, in one line."""
    room = (WIDTH - x) / max(len(shown.sides), 1)
    for number, side in enumerate(shown.sides):
        at = x + number * room
        canvas.dot(at + 5, y - 4, radius=4.5, color=color(number))
        canvas.words(at + 15, y, shortened(side.label, room - 24), color=INK, size=12)


def color(number: int) -> str:
    """That of a side."""
    return COLORS[number % len(COLORS)]


def shortened(text: str, width: float) -> str:
    """As much of a text as so many pixels hold."""
    letters = max(int(width / LETTER), 2)
    plain = " ".join(text.split())
    return plain if len(plain) <= letters else f"{plain[: letters - 1]}…"


class Square:
    """A picture with an axis across and one upward."""

    LEFT, TOP, BOTTOM = 58, 40, 250
    HEIGHT = 302

    def __init__(self, shown: Shown, title: str, *, across: Scale, upward: Scale, names: tuple[str, str]) -> None:
        self.canvas, self.across, self.upward = Canvas(WIDTH, self.HEIGHT, title=title), across, upward
        key(self.canvas, shown, 22, x=self.LEFT)
        for mark in across.marks:
            x = across.place(mark)
            self.canvas.line(x, self.TOP, x, self.BOTTOM, color=GRID)
            self.canvas.words(x, self.BOTTOM + 18, f"{mark:g}", color=FAINT, size=12, anchor="middle")
        for mark in upward.marks:
            y = upward.place(mark)
            self.canvas.line(self.LEFT, y, RIGHT, y, color=GRID)
            self.canvas.words(self.LEFT - 8, y + 4, f"{mark:g}", color=FAINT, size=12, anchor="end")
        middle = (self.LEFT + RIGHT) / 2
        self.canvas.words(middle, self.HEIGHT - 12, names[0], color=FAINT, size=12, anchor="middle")
        height = (self.TOP + self.BOTTOM) / 2
        self.canvas.words(20, height, names[1], color=FAINT, size=12, anchor="middle", turned=True)

    def path(self, points: Sequence[tuple[float, float]], color: str, *, dashed: bool = False) -> None:
        """Joins points, each a value across and one upward."""
        placed = [(self.across.place(x), self.upward.place(y)) for x, y in points]
        for (x1, y1), (x2, y2) in pairwise(placed):
            self.canvas.line(x1, y1, x2, y2, color=color, width=1 if dashed else 2, dashed=dashed)

    def dot(self, x: float, y: float, color: str, *, radius: float = 4.5) -> None:
        """Draws one point."""
        self.canvas.dot(self.across.place(x), self.upward.place(y), radius=radius, color=color)


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 in each power of ten around two values; 1 alone where that would be too many."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) <= 3 else (1,)
    marks = [float(f"{step}e{power}") for power in powers for step in steps]
    first = max((at for at, mark in enumerate(marks) if mark <= low * (1 + 1e-9)), default=0)
    last = min((at for at, mark in enumerate(marks) if mark >= high * (1 - 1e-9)), default=len(marks) - 1)
    return marks[first : max(last, first + 1) + 1]
