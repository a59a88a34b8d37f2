"""What the tests of a prompt have shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ragstone.proportions import wilson

__all__ = ["CaseReport", "Outcome", "PromptReport", "Trial"]

Outcome: TypeAlias = Literal["passed", "failed", "not run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """One case: how many of its runs passed, and of the first that did not, what was expected and what was found.

    `not_run` says why no model was asked; then `runs` is 0 unless what is sent was checked. `asked` tells whether a
    model was.
    """

    case: str
    where: str
    passed: int
    runs: int
    at_least: float = 1.0
    asked: bool = False
    check: str = ""
    expected: str = ""
    found: str = ""
    not_run: str = ""

    @property
    def outcome(self) -> Outcome:
        """`not run` where a part of the case was not: it is never counted as passed."""
        if self.passed < self.at_least * self.runs:
            return "failed"
        return "not run" if self.not_run else "passed"

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the share that passes; None where no model was asked, since chance has no part."""
        return wilson(self.passed, self.runs) if self.asked else None

    def as_dict(self) -> dict[str, Any]:
        """The case as `ragstone prompt test --json` prints it."""
        failure = {"check": self.check, "expected": self.expected, "found": self.found} if self.check else None
        return {
            "case": self.case,
            "where": self.where,
            "outcome": self.outcome,
            "passed": self.passed,
            "runs": self.runs,
            "interval": [round(bound, 4) for bound in self.interval] if self.interval else None,
            "failure": failure,
            "not_run": self.not_run or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReport:
    """The tests of one prompt file, in the order of the file. `model` is the one that was asked, "" for none.

    `calls` are its answers, those of a judge among them, and `cost` is theirs in USD.
    """

    prompt: str
    version: str
    model: str
    cases: tuple[CaseReport, ...]
    calls: int = 0
    cost: float = 0.0

    def count(self, outcome: Outcome) -> int:
        """How many cases came out so."""
        return sum(case.outcome == outcome for case in self.cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One question to a model: whether the reply was right, and what it took. `cost` is in USD.

    `tokens` are those read and those written, in all of its `calls`. `failure` says why there was no reply.
    """

    right: bool
    tokens: int = 0
    calls: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    failure: str = ""
