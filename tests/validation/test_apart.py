"""A long text keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ragstone.protocols import Check
from ragstone.types import Chunk, Context, Hit
from ragstone.validation.checks.choice import ChoiceCheck
from ragstone.validation.checks.language import LanguageCheck
from ragstone.validation.checks.regex import RegexCheck
from ragstone.validation.checks.words import WordsCheck
from ragstone.validation.grounding.check import GroundingCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.validation.screening import Screening
from ragstone.verdicts import Subject

PASSAGE = "The halibut project ships on 3 May 2031 from Bergen."
CHUNK = Chunk(id="c", document_id="d", uri="a", title="", text=PASSAGE, start=0, end=len(PASSAGE), line=1)
SENTENCES = "It is good here, and it stays so [1]. " * 3_000
ONE = "it is good here and it stays so " * 4_000


@dataclass
class Turns:
    """How often something else had its turn."""

    count: int = 0

    async def taken(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.count += 1


async def turns(work: Callable[[], object]) -> int:
    taken = Turns()
    task = asyncio.create_task(taken.taken())
    await work()  # type: ignore[misc]
    task.cancel()
    return taken.count


@pytest.mark.parametrize(
    "check",
    [
        ChoiceCheck(of=["yes", "no"]),
        LanguageCheck(expected="de"),
        RegexCheck(forbid="goo+d"),
        WordsCheck(forbid=["project halibut", "坏"], language="en"),
        GroundingCheck(),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_others_have_their_turn_while_a_check_reads_a_long_text(check: Check) -> None:
    subject = Subject(text=ONE, stage="output", question="Is it good?", hits=(Hit(CHUNK, 1, {}),))
    assert await turns(lambda: check.begin(subject).check(subject, context=Context())) >= 1


@pytest.mark.parametrize(
    "check", [None, WordsCheck(forbid=["halibut"]), GroundingCheck()], ids=lambda one: type(one).__name__
)
async def test_others_have_their_turn_between_the_sentences_of_a_long_answer(check: Check | None) -> None:
    guards = [] if check is None else [Guard(name="it", check=check, policy=Policy())]
    subject = Subject(text="", stage="output", hits=(Hit(CHUNK, 1, {}),))
    screening = Screening(guards, subject, context=Context())
    assert await turns(lambda: screening.feed(SENTENCES)) >= 1
