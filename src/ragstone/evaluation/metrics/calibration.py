"""Whether a confidence of 0.8 means that eight answers of ten are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ragstone.evaluation.metrics.abstention import trusted
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BINS", "Brier", "CalibrationError", "calibration_error"]

BINS = 10  # of equal width


def calibration_error(rows: NDArray[np.float64], *, bins: int = BINS) -> float:
    """How far confidence and correctness, the columns of `rows`, lie apart on the average over bins.

    A bin holds its upper bound and not its lower one, as in Guo et al. 2017; the first holds 0, too.

    >>> round(calibration_error(np.array([[0.9, 1.0], [0.9, 0.0]])), 6)
    0.4
    """
    bounds = np.arange(1, bins) / bins
    apart = np.bincount(np.searchsorted(bounds, rows[:, 0]), weights=rows[:, 0] - rows[:, 1], minlength=bins)
    return float(np.abs(apart).sum() / len(rows))


class CalibrationError(Metric):
    """Expected calibration error of the answers' confidence.

    ece = Σ over ten bins of equal width of (answers in the bin / answers) · |share of right ones − mean confidence|.
    What is right, and what is left out, is as with `aurc`.
    Range: 0 to 1, lower is better. Over fewer than some hundred answers it is too high by chance alone.
    Source: Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; Guo et al. 2017.
    """

    needs = frozenset({"expected", "contains", "not_contains", "abstains"})
    better = "lower"
    passing = None

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """Confidence and correctness of one answer."""
        return trusted(outcome)

    def figure(self, rows: NDArray[np.float64]) -> float:
        """The error over all answers."""
        return calibration_error(rows)

    def score(self, row: Row) -> float | None:
        """None: it takes many answers."""
        return None


class Brier(Metric):
    """Brier score: how far the confidence lies from what turned out.

    brier = the mean of (confidence − 1 for a right answer, or − 0 for a wrong one)². What is right, and what is left
    out, is as with `aurc`.
    Range: 0 to 1, lower is better; always 0.5 gives 0.25.
    Source: Brier 1950, "Verification of Forecasts Expressed in Terms of Probability".
    """

    needs = frozenset({"expected", "contains", "not_contains", "abstains"})
    better = "lower"
    passing = None

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The squared distance of one answer."""
        found = trusted(outcome)
        return None if found is None else ((found[0] - found[1]) ** 2,)
