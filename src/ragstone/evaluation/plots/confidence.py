"""Whether a confidence means what it says, as a picture: to the right what was said, upward the share that is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragstone.evaluation.plots.canvas import Canvas
from ragstone.evaluation.plots.shares import COLORS, FAINT, INK, Shares
from ragstone.evaluation.resampling import interval

__all__ = ["Bin", "binned", "calibration_error", "drawn"]

BINS = 10
FEWEST = 10  # answers of a bin that say something; fewer are a small dot that no line meets
NAME = 170  # pixels


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about one confidence: its mean, the mean of what is true of them with its 95 % interval, how many."""

    confidence: float
    true: float
    low: float
    high: float
    count: int


def binned(pairs: Sequence[tuple[float, float]], *, bins: int = BINS) -> list[Bin]:
    """Pairs of a confidence and the share that is true, in groups of like confidence; empty ones are left out.

    >>> [(one.confidence, one.true, one.count) for one in binned([(0.0, 0.0), (1.0, 1.0), (1.0, 0.5)])]
    [(0.0, 0.0, 1), (1.0, 0.75, 2)]
    """
    groups: dict[int, list[tuple[float, float]]] = {}
    for said, true in pairs:
        groups.setdefault(min(int(said * bins), bins - 1), []).append((said, true))
    found: list[Bin] = []
    for _, group in sorted(groups.items()):
        trues = [true for _, true in group]
        low, high = interval(trues)
        found.append(Bin(sum(said for said, _ in group) / len(group), sum(trues) / len(group), low, high, len(group)))
    return found


def calibration_error(bins: Sequence[Bin]) -> float:
    """The mean distance of confidence and truth over all answers (ECE; Naeini et al. 2015, AAAI).

    >>> calibration_error([Bin(0.5, 0.25, 0.0, 1.0, 1), Bin(1.0, 1.0, 0.0, 1.0, 3)])
    0.0625
    """
    return sum(one.count * abs(one.confidence - one.true) for one in bins) / max(1, sum(one.count for one in bins))


def drawn(found: Mapping[str, Sequence[Bin]], *, title: str) -> Canvas:
    """A dot with its interval for each bin of each series, and the diagonal on which they should lie."""
    shares = Shares(title, across="confidence that was said, %", upward="sentences that are truly supported, %")
    shares.line([(0.0, 0.0), (1.0, 1.0)], INK, dashed=True)
    for number, (name, bins) in enumerate(found.items()):
        color = COLORS[number % len(COLORS)]
        shares.line([(one.confidence, one.true) for one in bins if one.count >= FEWEST], color)
        for one in bins:
            shares.line([(one.confidence, one.low), (one.confidence, one.high)], color)
            shares.dot(one.confidence, one.true, color, radius=5 if one.count >= FEWEST else 2)
        shares.key(NAME * number, f"{name}: ECE {calibration_error(bins):.3f}", color)
    shares.canvas.words(shares.x(0), 78, "bars are 95 % intervals; dashed: perfectly calibrated", color=FAINT, size=12)
    return shares.canvas
