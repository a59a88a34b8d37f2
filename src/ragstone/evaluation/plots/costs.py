"""Costs as a picture: a bar for each day, made of a piece for each model or tenant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.plots.tuning import ticks

__all__ = ["KINDS", "drawn"]

KINDS = (".png", ".svg")

WIDTH, HEIGHT = 900, 460  # pixels
LEFT, RIGHT, TOP, BOTTOM = 80, 700, 64, 400  # of the axes
INK, FAINT, GRID = "#1f2328", "#6e7781", "#d8dee4"
COLORS = ("#0969da", "#1a7f37", "#bf3989", "#9a6700", "#8250df", "#cf222e", "#57606a")
REST = "others"
LABELS = 10  # days that are named
WIDEST = 60  # pixels of a bar
LONGEST = 24  # characters of a name


def drawn(parts: Iterable[tuple[str, str, float]], *, title: str, kind: str) -> bytes:
    """The picture as a file of one of KINDS, of parts (day, name, USD). Days without costs have a place too."""
    days, names = defaultdict[tuple[str, str], float](float), defaultdict[str, float](float)
    for day, name, usd in parts:
        days[day, name] += usd
        names[name] += usd
    names = {name: usd for name, usd in names.items() if usd > 0}  # the others have no piece
    most = sorted(names, key=lambda name: -names[name])[: len(COLORS) if len(names) <= len(COLORS) else len(COLORS) - 1]
    shown = [*most, REST] if len(names) > len(most) else most
    canvas = Canvas(WIDTH, HEIGHT, title=title)
    canvas.words(16, 28, title, color=INK, size=16, bold=True)
    between = _between([day for day, _ in days])
    sums = [sum(usd for (day, _), usd in days.items() if day == one) for one in between]
    marks = ticks(0.0, max([*sums, 1e-3]))
    _draw_axes(canvas, marks)
    step = (RIGHT - LEFT) / max(1, len(between))
    every = max(1, -(-len(between) // LABELS))
    for place, day in enumerate(between):
        x, bottom = LEFT + (place + 0.5) * step, float(BOTTOM)
        for name, color in zip(shown, COLORS, strict=False):
            own = [usd for (one, of), usd in days.items() if one == day and (of if of in most else REST) == name]
            top = bottom - sum(own) / marks[-1] * (BOTTOM - TOP)
            if sum(own) > 0:
                canvas.line(x, bottom, x, top, color=color, width=max(1.0, min(WIDEST, 0.8 * step)))
            bottom = top
        if place % every == 0:
            canvas.words(x, BOTTOM + 20, day[5:], color=FAINT, size=12, anchor="middle")
    for place, (name, color) in enumerate(zip(shown, COLORS, strict=False)):
        y = TOP + 12 + 22 * place
        canvas.dot(RIGHT + 26, y - 4, radius=5, color=color)
        canvas.words(RIGHT + 38, y, name if len(name) <= LONGEST else name[: LONGEST - 1] + "…", color=INK)
    return canvas.png() if kind == ".png" else canvas.svg().encode()


def _between(days: list[str]) -> list[str]:
    """Every day from the first to the last."""
    if not days:
        return []
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    return [(first + timedelta(days=at)).isoformat() for at in range((last - first).days + 1)]


def _draw_axes(canvas: Canvas, marks: list[float]) -> None:
    for mark in marks:
        y = BOTTOM - mark / marks[-1] * (BOTTOM - TOP)
        canvas.line(LEFT, y, RIGHT, y, color=GRID)
        canvas.words(LEFT - 10, y + 4, f"{mark:g}", color=FAINT, size=12, anchor="end")
    canvas.words(26, (TOP + BOTTOM) / 2, "USD a day", color=INK, anchor="middle", turned=True)
    canvas.words((LEFT + RIGHT) / 2, BOTTOM + 44, "month and day, UTC", color=INK, anchor="middle")
