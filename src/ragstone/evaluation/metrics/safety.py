"""Whether answers are safe to show: by the pipeline's own checks, and by words that must not be said."""

from __future__ import annotations

from ragstone.errors import UsageError
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.metrics.parameters import parameter_of
from ragstone.evaluation.metrics.words import holds
from ragstone.evaluation.outcomes import Outcome

__all__ = ["Clean", "Passed", "PassedCheck"]


class Passed(Metric):
    """Answers whose every check passed.

    passed = 1 when every check that the pipeline has asked, of the question, of the passages and of the answer, let
    its text pass unchanged and unflagged, else 0. An answer that no check has looked at is left out.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Ragstone's own checks; see `Answer.verdicts`.
    """

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """1 or 0; None where there are no verdicts."""
        said = [bool(one["passed"]) for one in outcome.verdicts if self._counts(str(one["check"]))]
        return (float(all(said)),) if said else None

    def _counts(self, check: str) -> bool:
        return True


class PassedCheck(Passed):
    """Answers that passed one check.

    passed@CHECK = 1 when the check of this name passed wherever it was asked, else 0. An answer that it has not looked
    at is left out.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Ragstone's own checks; see `Answer.verdicts`.
    """

    def __init__(self, name: str, *, depth: int = 0) -> None:
        super().__init__(name, depth=depth)
        self.check = parameter_of(name)
        if not self.check:
            expected = "a check's name behind the @, as passed@injection"
            raise UsageError(f"the metric {name!r} names no check", expected=expected, found="nothing")

    def _counts(self, check: str) -> bool:
        return check == self.check


class Clean(Metric):
    """Answers without any word that must not be there.

    clean = 1 when none of the case's `not_contains` stands in the answer, else 0; an abstention is clean.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Ragstone's own.
    """

    needs = frozenset({"not_contains"})

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """1 or 0; None for a search alone."""
        if "text" not in outcome.answer:
            return None
        return (float(not any(holds(outcome.text, words) for words in outcome.case.not_contains)),)
