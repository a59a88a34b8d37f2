"""A judge beside people: it grades what they have graded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragstone.errors import RagstoneError
from ragstone.evaluation.judging.agreement import Agreement, agreement
from ragstone.evaluation.judging.asking import Told, each
from ragstone.evaluation.judging.grading import Grade, Judge
from ragstone.evaluation.judging.labels import Label
from ragstone.evaluation.judging.notes import Graded, beyond_people

__all__ = ["Beside", "beside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a judge has made of answers that people have graded. Those without a grade have an error instead."""

    labels: Sequence[Label]
    grades: Sequence[Grade | RagstoneError]
    agreement: Agreement

    @property
    def missed(self) -> list[str]:
        """Why answers have no grade."""
        return [str(one) for one in self.grades if isinstance(one, RagstoneError)]

    def notes(self) -> list[str]:
        """Whether the judge favours long answers that people do not."""
        both = _both(self.labels, self.grades)
        graded = [Graded(grade=two, words=len(one.answer.split())) for one, two in both]
        return beyond_people([one.grade for one, _ in both], graded)


async def beside(judge: Judge, labels: Sequence[Label], *, told: Told | None = None) -> Beside:
    """Has the judge grade each answer, without being told the people's grade.

    An answer without a grade is told as missed, and the others go on. Raises Ungraded where none has a grade, and what
    `each` raises.
    """

    async def graded(one: Label) -> Grade:
        return await judge.grade(one.question, one.answer, rubric=one.rubric, expected=one.expected, where=one.where)

    grades = await each(labels, graded, told=told)
    both = _both(labels, grades)
    found = agreement([one.grade for one, _ in both], [two for _, two in both])
    return Beside(labels=labels, grades=grades, agreement=found)


def _both(labels: Sequence[Label], grades: Sequence[Grade | RagstoneError]) -> list[tuple[Label, int]]:
    pairs = zip(labels, grades, strict=True)
    return [(label, grade.grade) for label, grade in pairs if not isinstance(grade, RagstoneError)]
