"""A model that decides whether an answer may be shown, by a prompt file.

- judge: {rubric: "It gives no legal advice.", on_fail: refrain, on_error: open, timeout: 30}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

from ragstone.errors import ConfigError, NotConfigured, Ungraded
from ragstone.protocols import Check
from ragstone.text.grades import GOOD, grade_in
from ragstone.types import Completion, Context
from ragstone.verdicts import Finding, Stage, Subject

__all__ = ["REVIEW", "JudgeCheck", "Runner"]

REVIEW = "review"
"""The prompt file that is asked where no other is named."""

BEST = 5
LONGEST_REASON = 200  # characters of a judge's words that are told


class Runner(Protocol):
    """Asks the models of a route by a prompt file."""

    async def run(self, prompt: str, inputs: Mapping[str, object], *, context: Context) -> Completion:
        """The whole completion. Raises a RagstoneError."""
        ...


class JudgeCheck(Check):
    """The model's grade, from 1 to 5, is `at_least` so good. It costs a call for each answer.

    The `prompt` file takes the inputs question and answer, `rubric` where one is given, and sources, the passages
    of the answer with their numbers, unless `sources` is false; its reply ends with the grade. Where no model that
    writes is configured, where it fails or gives no grade, the check fails or passes as `on_error` says.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input")
    cost: Literal["rules", "vectors", "model"] = "model"

    def __init__(
        self,
        runner: Runner | None = None,
        *,
        prompt: str = REVIEW,
        rubric: str = "",
        at_least: int = GOOD,
        sources: bool = True,
    ) -> None:
        if not 2 <= at_least <= BEST:
            raise ConfigError("at_least is out of range", expected=f"2 to {BEST}", found=str(at_least))
        self._runner, self.prompt, self.rubric = runner, prompt, rubric
        self.at_least, self.sources = at_least, sources

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails a text whose grade is too low. Raises Ungraded for a reply without one, and what the models raise."""
        if self._runner is None:
            raise NotConfigured("a judge asks the models of a pipeline, and is in none")
        inputs: dict[str, object] = {"question": subject.question, "answer": subject.text}
        if self.rubric:
            inputs["rubric"] = self.rubric
        if self.sources and subject.hits:
            numbered = (f"[{number}] {hit.chunk.text}" for number, hit in enumerate(subject.hits, 1))
            inputs["sources"] = "\n\n".join(numbered)
        completion = await self._runner.run(self.prompt, inputs, context=context)
        context.purse.checks.append(completion)
        said = completion.text.strip()
        grade = grade_in(said)
        if grade is None:
            raise Ungraded(f"the prompt {self.prompt!r} gave no grade from 1 to {BEST}")
        words = " ".join(said.rpartition("\n")[0].split())
        words = words if len(words) <= LONGEST_REASON else f"{words[:LONGEST_REASON]}…"
        told = f"grade {grade}"
        reason = f"{told}: {words}" if words else told
        score = (BEST - grade) / (BEST - 1)
        return Finding(passed=grade >= self.at_least, reason=reason, score=score, told=told)
