"""What abstaining buys, as a picture: to the right the share that is answered, upward the share of it that is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from ragstone.evaluation.abstaining import Abstaining
from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.plots.shares import COLORS, FAINT, Shares

__all__ = ["drawn"]

MOST = len(COLORS)  # languages that have a color and a name; others are grey
NAME = 110  # pixels


def drawn(found: Mapping[str, Abstaining], *, title: str) -> Canvas:
    """The risk/coverage curve of each language, a dot where the threshold in use stands."""
    worst = max((point.risk for one in found.values() for point in one.curve), default=1.0)
    across = "askings that are answered, % (half of them have no answer)"
    shares = Shares(title, across=across, upward="answers that are wrong, %", highest=0.6 if worst <= 0.6 else 1.0)
    for number, (language, one) in enumerate(found.items()):
        color = COLORS[number] if number < MOST else FAINT
        shares.line([(point.coverage, point.risk) for point in one.curve], color)
        shares.dot(one.shipped.coverage, one.shipped.risk, color)
        if number < MOST:
            shares.key(NAME * number, f"{language or 'all'} {one.aurc:.3f}", color)
    shares.canvas.words(shares.x(0), 78, "AURC; a dot is the threshold in use", color=FAINT, size=12)
    return shares.canvas
