"""A model's grade of an answer, by a prompt file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragstone.errors import Ungraded
from ragstone.evaluation.judging.agreement import Agreement
from ragstone.evaluation.judging.asking import Asking, beginning
from ragstone.evaluation.judging.notes import Graded, notes
from ragstone.evaluation.outcomes import Outcome
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.text.grades import JUDGE, grade_in
from ragstone.types import CachePolicy

__all__ = ["NEEDS", "Grade", "Judge"]

NEEDS = ("question", "answer")
"""The inputs that a judge's prompt file must take; it may take `rubric`, `reference` and `others`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A grade from 1 to 5, and all that the judge said with it."""

    grade: int
    said: str


class Judge:
    """Grades answers from 1 to 5 by a prompt file, and remembers its grades, to say what they are worth.

    >>> judge = Judge.of(parts.prompt_tests(), prompt="judge")
    >>> (await judge.grade("When?", "On 3 May.", rubric="It names the day.")).grade
    5
    >>> judge.notes()
    ['The judge is openai (gpt-4o), …']

    `agreement` is what a comparison with people's grades has found.
    """

    def __init__(self, asking: Asking, *, agreement: Agreement | None = None) -> None:
        self.asking, self.agreement = asking, agreement
        self.graded: list[Graded] = []
        self.ungraded = 0

    @classmethod
    def of(
        cls,
        tests: PromptTests,
        *,
        prompt: str = JUDGE,
        agreement: Agreement | None = None,
        cache: CachePolicy = "off",
    ) -> Judge:
        """With the model of a prompt's tests. Raises what Asking.of raises; it reads the prompt file."""
        return cls(Asking.of(tests, prompt=prompt, needs=NEEDS, cache=cache), agreement=agreement)

    def inputs(
        self, question: str, answer: str, *, rubric: str = "", expected: Sequence[str] = ()
    ) -> dict[str, object]:
        """What the prompt file is given to grade one answer."""
        known = self.asking.known(expected)
        return self.asking.given({"question": question, "answer": answer, "rubric": rubric, **known})

    async def grade(
        self,
        question: str,
        answer: str,
        *,
        rubric: str = "",
        expected: Sequence[str] = (),
        writer: str = "",
        where: str = "",
    ) -> Grade:
        """The grade of one answer. `expected` are right answers, `writer` is the model that wrote this one.

        Raises Ungraded, with the beginning of what was said, where that ends with no grade, and what the model raises.
        """
        said = await self.asking.said(self.inputs(question, answer, rubric=rubric, expected=expected))
        found = grade_in(said)
        if found is None:
            self.ungraded += 1
            message = f"the prompt {self.asking.prompt!r} gave no grade"
            expected_end = "a last line such as Grade: 4"
            raise Ungraded(message, where=where or None, expected=expected_end, found=beginning(said))
        self.graded.append(Graded(grade=found, words=len(answer.split()), writer=writer))
        return Grade(grade=found, said=said)

    async def of_outcome(self, outcome: Outcome) -> int:
        """The grade of an answer by what its case expects; one that abstains is graded by the words that say so."""
        case = outcome.case
        found = await self.grade(
            case.question,
            outcome.text or outcome.marked,
            rubric=case.rubric,
            expected=case.expected,
            writer=str(outcome.answer.get("model", "")),
            where=case.where or case.id,
        )
        return found.grade

    def notes(self) -> list[str]:
        """What a reader must know of these grades, in sentences."""
        return notes(
            self.graded,
            name=self.asking.name,
            models=self.asking.models,
            ungraded=self.ungraded,
            agreement=self.agreement,
        )
