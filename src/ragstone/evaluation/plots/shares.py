"""A square of shares, from 0 to 100 % on both axes, for pictures of what is traded for what."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ragstone.evaluation.plots.canvas import Canvas

__all__ = ["COLORS", "FAINT", "INK", "Shares"]

WIDTH, HEIGHT = 720, 640  # pixels
LEFT, RIGHT, TOP, BOTTOM = 80, 680, 90, 570  # of the axes
INK, FAINT, GRID = "#1f2328", "#6e7781", "#d8dee4"
COLORS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#9a6700")


class Shares:
    """A picture with its axes drawn; `highest` is the share at the upper end of the one that goes upward."""

    def __init__(self, title: str, *, across: str, upward: str, highest: float = 1.0) -> None:
        self.canvas, self.highest = Canvas(WIDTH, HEIGHT, title=title), highest
        self.canvas.words(16, 28, title, color=INK, size=16, bold=True)
        for step in range(6):
            share = step / 5
            x, y = self.x(share), self.y(share * highest)
            self.canvas.line(x, TOP, x, BOTTOM, color=GRID)
            self.canvas.words(x, BOTTOM + 20, f"{100 * share:g}", color=FAINT, anchor="middle", size=12)
            self.canvas.line(LEFT, y, RIGHT, y, color=GRID)
            self.canvas.words(LEFT - 8, y + 4, f"{100 * share * highest:g}", color=FAINT, anchor="end", size=12)
        self.canvas.words((LEFT + RIGHT) / 2, HEIGHT - 22, across, color=FAINT, anchor="middle")
        self.canvas.words(24, (TOP + BOTTOM) / 2, upward, color=FAINT, anchor="middle", turned=True)

    def x(self, share: float) -> float:
        """Where a share lies across."""
        return LEFT + share * (RIGHT - LEFT)

    def y(self, share: float) -> float:
        """Where a share lies upward; one above the upper end lies on it."""
        return BOTTOM - min(share / self.highest, 1.0) * (BOTTOM - TOP)

    def line(self, points: Sequence[tuple[float, float]], color: str, *, dashed: bool = False) -> None:
        """Joins points, each a share across and one upward."""
        for (x1, y1), (x2, y2) in pairwise(points):
            width = 1 if dashed else 2
            self.canvas.line(self.x(x1), self.y(y1), self.x(x2), self.y(y2), color=color, width=width, dashed=dashed)

    def dot(self, across: float, upward: float, color: str, *, radius: float = 5) -> None:
        """Draws one point."""
        self.canvas.dot(self.x(across), self.y(upward), radius=radius, color=color)

    def key(self, place: float, words: str, color: str, *, bold: bool = True) -> None:
        """Writes what a color means, above the axes."""
        self.canvas.words(LEFT + place, 60, words, color=color, bold=bold)
