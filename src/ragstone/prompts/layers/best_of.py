"""Best of n: several samples, of which the one is given that a check, a judge or the model's own odds rank first.

    layers:
      best_of: {on: true, n: 3, rank: check, checks: [schema, citations]}

With a check that knows a right answer, one of n samples passes it with 1 - (1 - p)^n: Chen et al. 2021 (arXiv
2107.03374), where 28.8 % of programs right became 70.2 % with a hundred samples and the tests to choose by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ragstone.plan import Call
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve, sampled
from ragstone.prompts.layers.switch import Switch, as_list, once
from ragstone.prompts.layers.verifying import Check, Grade, Judge
from ragstone.prompts.layers.words import Words, words
from ragstone.together import together
from ragstone.types import Prompt

__all__ = ["Best", "BestOf", "best"]

NONE_PASSED = "None of the {n} samples passed all the checks ({checks}): the one that passed most was taken."
UNGRADED = "The judge graded none of the {n} samples, so the first one was taken: {why}"
SOME_UNGRADED = "The judge graded {graded} of the {n} samples."
UNLIKELY = "The model does not tell how likely its words are, so the first of the {n} samples was taken."


class BestOf(Switch):
    """`checks` are those of `rank: check`; without them, all that fit the file."""

    n: int = Field(default=3, ge=2, le=100)
    rank: Literal["check", "judge", "logprob"] = "judge"
    checks: Annotated[list[Check] | None, BeforeValidator(as_list), AfterValidator(once)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Best(Layer):
    """Samples what lies inside it, and ranks. `checks` are the names of those that fit the file."""

    name: ClassVar[str] = "best_of"

    spec: BestOf
    judge: Judge
    checks: Sequence[str] = ()

    @property
    def texts(self) -> tuple[Words, ...]:
        """What makes an answer good."""
        return (self.judge.rubric,) if self.spec.rank == "judge" else ()

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """As many times the calls of what is sampled, and for each sample one of the judge."""
        n = self.spec.n
        calls = sampled(inner, self.name, usual=n, most=n)
        if self.spec.rank != "judge":
            return calls
        return (*calls, self.judge.call(self.name, usual=n, most=n, longest=longest))

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The sample that is ranked first, and the first of these where several are."""
        n, rank = self.spec.n, self.spec.rank
        with calls.step("layer.best_of", n=n, rank=rank) as step:
            asked = replace(prompt, logprobs=True) if rank == "logprob" else prompt
            found = [
                replace(each, prompt=replace(each.prompt, logprobs=prompt.logprobs)) for each in await inner(asked, n=n)
            ]
            scores, notices = await self._ranked(prompt, found, calls)
            place = max(range(len(found)), key=lambda each: (_comparable(scores[each]), -each))
            step.facts.update(samples=len(found), scores=scores, chosen=place + 1)
        return found[place].noting(*notices)

    async def _ranked(self, prompt: Prompt, found: Sequence[Outcome], calls: Calls) -> tuple[list[Any], list[str]]:
        """A score for each sample, None where there is none, and what a reader must know of them."""
        n = len(found)
        if self.spec.rank == "logprob":
            likely = [each.completion.logprob for each in found]
            return likely, [UNLIKELY.format(n=n)] if all(one is None for one in likely) else []
        if self.spec.rank == "check":
            return await self._checked(found, calls)
        grades = await self._graded(prompt, found, calls)
        graded = sum(each.grade is not None for each in grades)
        notices: list[str] = []
        if not graded:
            notices = [UNGRADED.format(n=n, why=" ".join(grades[0].words.split())[:200])]
        elif graded < n:
            notices = [SOME_UNGRADED.format(graded=graded, n=n)]
        return [each.grade for each in grades], notices

    async def _checked(self, found: Sequence[Outcome], calls: Calls) -> tuple[list[int | None], list[str]]:
        """How many of the checks each sample passes; those behind the first that passes all are not looked at."""
        scores: list[int | None] = [None] * len(found)
        for place, each in enumerate(found):
            verdicts = [await calls.check(name, each) for name in self.checks]
            passed = scores[place] = sum(verdict.passed for verdict in verdicts)
            if passed == len(self.checks):
                return scores, []
        return scores, [NONE_PASSED.format(n=len(found), checks=", ".join(self.checks))]

    async def _graded(self, prompt: Prompt, found: Sequence[Outcome], calls: Calls) -> list[Grade]:
        """Samples that are alike are judged once."""
        alike = {each.text: each for each in reversed(found)}
        grades = await together(self.judge.grade(prompt, each, calls) for each in alike.values())
        known = dict(zip(alike, grades, strict=True))
        return [known[each.text] for each in found]


def best(spec: BestOf, root: Path, *, checks: Sequence[str]) -> Best:
    """The layer with its words. `checks` are those that fit the file. Raises PromptError for words of no use."""
    return Best(spec=spec, judge=Judge(words(root, "best_of/rubric.md")), checks=spec.checks or checks)


def _comparable(score: float | None) -> tuple[bool, float]:
    return score is not None, score or 0.0
