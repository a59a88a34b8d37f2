"""Curves over all answers of a side: how long they took, and what their confidence is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.plots.confidence import FEWEST, binned
from ragstone.evaluation.reports.pictures.axes import FAINT, RIGHT, Picture, Scale, Square, across, color
from ragstone.evaluation.reports.shown import Shown, Side
from ragstone.evaluation.suites.figures import scores

__all__ = ["latencies", "reliability", "risk", "trusted"]

POINTS = 160  # of a curve: more cannot be seen
FEW = 5  # answers of all sides together, below which a curve says nothing
SHARES = Scale([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], Square.LEFT, RIGHT)
UPWARD = Scale([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], Square.BOTTOM, Square.TOP)


def latencies(shown: Shown) -> Iterator[Picture]:
    """The share of questions that were answered within so many seconds."""
    each = [sorted(one.seconds for one in side.outcomes if one.answer) for side in shown.sides]
    if sum(map(len, each)) < FEW or not any(seconds[-1] for seconds in each if seconds):
        return
    heading = "Latency"
    scale = across([one for seconds in each for one in seconds], Square.LEFT, RIGHT, log=True)
    names = ("seconds (logarithmic)" if scale.log else "seconds", "share answered by then")
    square = Square(shown, heading, across=scale, upward=UPWARD, names=names)
    for number, seconds in enumerate(each):
        if seconds:
            points = _thinned([(one, (at + 1) / len(seconds)) for at, one in enumerate(seconds)])
            square.path(list(_stepped(points)), color(number))
    yield Picture(heading, "How many of the questions were answered within so many seconds.", square.canvas)


def trusted(shown: Shown, side: Side) -> list[tuple[float, bool]]:
    """The confidence of each answer of a side, and whether it is right by the main metric.

    An answer where none should be given is wrong. Abstentions are left out, and answers that nothing can be said of.
    """
    main = shown.main
    if main is None or main.passing is None:
        return []
    found: list[tuple[float, bool]] = []
    for one in side.outcomes:
        if one.confidence is not None and one.answers:
            score = scores(main, [one]).get(one.case.id)
            if score is not None or one.case.abstains:
                right = score is not None and not one.case.abstains and score >= main.passing
                found.append((min(1.0, max(0.0, one.confidence)), right))
    return found


def risk(shown: Shown) -> Iterator[Picture]:
    """The share of wrong answers among the surest ones, over how many are given."""
    each = [trusted(shown, side) for side in shown.sides]
    if not _enough(each):
        return
    curves = [_curve(pairs, _asked(side.outcomes)) for pairs, side in zip(each, shown.sides, strict=True)]
    highest = max(wrong for points in curves for _, wrong in points)
    upward = across([0.0, max(highest, 0.05)], Square.BOTTOM, Square.TOP)
    heading, names = "Risk and coverage", ("share of the questions that is answered", "share of these that is wrong")
    square = Square(shown, heading, across=SHARES, upward=upward, names=names)
    for number, points in enumerate(curves):
        if points:
            square.path(_thinned(points), color(number))
            square.dot(*points[-1], color(number))
    caption = "From left to right answers of less and less confidence are given; the dot is what the pipeline does now."
    yield Picture(heading, caption, square.canvas)


def reliability(shown: Shown) -> Iterator[Picture]:
    """The share of right answers for each confidence."""
    each = [trusted(shown, side) for side in shown.sides]
    if not _enough(each):
        return
    heading, names = "Reliability", ("confidence", "share that is right")
    square = Square(shown, heading, across=SHARES, upward=UPWARD, names=names)
    square.path([(0.0, 0.0), (1.0, 1.0)], FAINT, dashed=True)
    for number, pairs in enumerate(each):
        bins = binned([(confidence, float(right)) for confidence, right in pairs])
        square.path([(one.confidence, one.true) for one in bins if one.count >= FEWEST], color(number))
        for one in bins:
            square.path([(one.confidence, one.low), (one.confidence, one.high)], color(number))
            square.dot(one.confidence, one.true, color(number), radius=4.5 if one.count >= FEWEST else 2)
    caption = f"On the dashed line a confidence means what it says. Small dots stand for fewer than {FEWEST} answers."
    yield Picture(heading, caption, square.canvas)


def _enough(each: Sequence[Sequence[tuple[float, bool]]]) -> bool:
    """Whether there are answers of more than one confidence: else a curve is a dot."""
    return any(len({confidence for confidence, _ in pairs}) > 1 and len(pairs) >= FEW for pairs in each)


def _asked(outcomes: Sequence[Outcome]) -> int:
    return sum(bool(one.answer) for one in outcomes)


def _curve(pairs: Sequence[tuple[float, bool]], asked: int) -> list[tuple[float, float]]:
    """Coverage and risk after all answers of one confidence, the surest first: among those no order is better."""
    points: list[tuple[float, float]] = []
    given = wrong = 0
    for _, group in groupby(sorted(pairs, reverse=True), key=lambda pair: pair[0]):
        rights = [right for _, right in group]
        given, wrong = given + len(rights), wrong + rights.count(False)
        points.append((given / asked, wrong / given))
    return points


def _stepped(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """From the ground up, and level from each point to the next."""
    yield points[0][0], 0.0
    yield points[0]
    for (_, before), (x, y) in pairwise(points):
        yield x, before
        yield x, y


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """As many of them as can be seen, the first and the last among them."""
    if len(points) <= POINTS:
        return list(points)
    last = len(points) - 1
    return [points[round(at * last / (POINTS - 1))] for at in range(POINTS)]
