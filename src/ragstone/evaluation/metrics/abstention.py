"""Whether answers are given where they should be, and refused where not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ragstone.evaluation.cases import Case
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.metrics.words import right
from ragstone.evaluation.outcomes import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Answered", "Aurc", "Refused", "risk_coverage", "trusted"]


def trusted(outcome: Outcome) -> Row | None:
    """The confidence of an answer, and 1 where it is right, else 0; None for an abstention, or without confidence.

    Right is an answer that contains an expected one, and the words that its case asks for. An answer to a question
    that should have been refused is wrong.
    """
    confidence = outcome.confidence
    if confidence is None or not outcome.answers:
        return None
    return min(1.0, max(0.0, confidence)), float(right(outcome.text, outcome.case))


def risk_coverage(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of wrong answers among the first 1, 2, … of them, the most confident first; shape (answers,).

    Rows are confidence and correctness. Among answers of one confidence no order is better than another: each place
    counts what can be expected there.

    >>> risk_coverage(np.array([[0.9, 1.0], [0.5, 0.0]])).tolist()
    [0.0, 0.5]
    """
    confidence, wrong = rows[:, 0], 1.0 - rows[:, 1]
    _, group = np.unique(-confidence, return_inverse=True)
    shares = np.bincount(group, weights=wrong) / np.bincount(group)
    return np.cumsum(shares[np.sort(group)]) / np.arange(1, len(rows) + 1)


class Answered(Metric):
    """Answered: the share of questions with an answer in the documents that get one.

    answered = answers / cases that are not marked `abstains`.
    Range: 0 to 1, higher is better. Read it beside `refused`: who never abstains has 1 here.
    Source: coverage in El-Yaniv and Wiener 2010, "On the Foundations of Noise-Free Selective Classification".
    """

    def applies(self, case: Case) -> bool:
        """Whether the case should be answered."""
        return not case.abstains

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """1 for an answer, 0 for an abstention; None for a search alone."""
        return (float(outcome.answers),) if "text" in outcome.answer else None


class Refused(Metric):
    """Refused: the share of questions without an answer in the documents that get none.

    refused = abstentions / cases that are marked `abstains`.
    Range: 0 to 1, higher is better. Read it beside `answered`: who always abstains has 1 here.
    Source: negative rejection in Chen et al. 2024, "Benchmarking Large Language Models in Retrieval-Augmented
    Generation".
    """

    needs = frozenset({"abstains"})

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """1 for an abstention, 0 for an answer; None for a search alone."""
        return (float(outcome.abstained),) if "text" in outcome.answer else None


class Aurc(Metric):
    """Area under the risk-coverage curve: whether the surest answers are the right ones.

    aurc = the mean over n of the share of wrong answers among the n most confident ones; answers of one confidence
    count as in the mean over all their orders. Right is an answer that contains an expected one and fits the case's
    `contains` and `not_contains`; one to a question that should be refused is wrong. Abstentions, and answers without a
    confidence, are left out.
    Range: 0 to 1, lower is better; 0 when nothing is wrong. With a confidence that says nothing, it is the share of
    wrong answers.
    Source: Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks"; Geifman et al. 2019.
    """

    needs = frozenset({"expected", "contains", "not_contains", "abstains"})
    better = "lower"
    passing = None

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """Confidence and correctness of one answer."""
        return trusted(outcome)

    def figure(self, rows: NDArray[np.float64]) -> float:
        """The area under the curve of all answers."""
        return float(risk_coverage(rows).mean())

    def score(self, row: Row) -> float | None:
        """None: it takes many answers."""
        return None
