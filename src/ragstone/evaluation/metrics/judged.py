"""What a judge, a model that reads a prompt file, says of an answer."""

from __future__ import annotations

from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome

__all__ = ["Grade", "GradedGood"]

GOOD = 4
"""The grade from which on an answer is good."""


class _Graded(Metric):
    needs = frozenset({"rubric", "expected"})
    asks = True

    async def _grade(self, outcome: Outcome, tools: Tools) -> int | None:
        return await tools.grade(outcome) if "text" in outcome.answer else None


class Grade(_Graded):
    """Mean grade that a model gives the answers.

    judge = the mean of the grades from 1, the worst, to 5, by a judge that reads the question, the answer, and the
    case's rubric or its expected answers. An answer that the judge gives no grade has none here, and is counted apart.
    Range: 1 to 5, higher is better; from 4 on an answer counts as right.
    Source: Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena"; Liu et al. 2023 (G-Eval).
    A judge is a model: it may prefer long answers and those of its own kind. Compare it with grades of people.
    """

    least = 1.0
    most = 5.0
    passing = float(GOOD)

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The grade; None for a search alone. Raises Ungraded where the judge gives none."""
        grade = await self._grade(outcome, tools)
        return None if grade is None else (float(grade),)


class GradedGood(_Graded):
    """Answers that a model finds good.

    judge_good = the share of answers with a grade of 4 or 5 from the judge.
    Range: 0 to 1, higher is better.
    Source: as `judge`.
    """

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """1 or 0; None for a search alone. Raises Ungraded where the judge gives no grade."""
        grade = await self._grade(outcome, tools)
        return None if grade is None else (float(grade >= GOOD),)
