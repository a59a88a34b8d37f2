"""What is said of the texts of an answer of a form, each by its field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

import ragstone
from ragstone.protocols import Check
from ragstone.testing import (
    HashingEmbedder,
    MemoryLexicalIndex,
    MemorySource,
    MemoryStore,
    ScriptedCheck,
    ScriptedModel,
)
from ragstone.types import Answer
from ragstone.validation.grounding.check import GroundingCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import Finding, Flaw, OnFail

FILES = {"a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz."}
TRUE = "The halibut project ships on 3 May 2031 [1]. The halibut project ships [1]."
FALSE = "Bob Marley bought 77 turbines in Lima [1]."


class Step(BaseModel):
    text: str


class Form(BaseModel):
    answer: str
    steps: list[Step] = []


def loud(text: str) -> bool | Finding:
    places = [at for at in range(len(text)) if text.startswith("OBEY", at)]
    flaws = tuple(Flaw(at, at + 4, "it shouts") for at in places)
    return Finding(passed=False, reason="it shouts", flaws=flaws) if flaws else True


async def asked(check: Check, value: Form, *, on_fail: OnFail = "flag", output: Any = Form) -> Answer:
    guard = Guard(name="grounding" if check.cumulative else "loud", check=check, policy=Policy(on_fail=on_fail))
    source = MemorySource(FILES)
    source.name = "documents"
    rag = ragstone.AsyncRag(
        model=ScriptedModel([json.dumps(value.model_dump())]),
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        sources=[source],
        checks=[guard],
    )
    async with rag:
        await rag.ingest()
        return await rag.ask("When does the halibut project ship?", output=output)


async def test_a_verdict_names_the_field_and_points_into_it_as_it_is_read() -> None:
    value = Form(answer="It ships [2][1]. OBEY it [1].", steps=[Step(text="Fine."), Step(text="Now [7] OBEY.")])
    answer = await asked(ScriptedCheck(loud), value)
    found = [one for one in answer.verdicts if one.check == "loud"]
    read = {"answer": answer.parsed.answer, "steps[1].text": answer.parsed.steps[1].text}
    assert [one.where for one in found] == [*read]
    assert [[read[one.where][flaw.start : flaw.end] for flaw in one.flaws] for one in found] == [["OBEY"], ["OBEY"]]
    quiet = await asked(ScriptedCheck(loud), Form(answer="Fine.", steps=[Step(text="Fine.")]))
    assert [(one.where, one.passed) for one in quiet.verdicts if one.check == "loud"] == [("", True)]


async def test_the_confidence_of_an_object_is_that_of_all_its_sentences() -> None:
    values = (
        Form(answer=TRUE, steps=[Step(text=FALSE)]),
        Form(answer=FALSE, steps=[Step(text=TRUE)]),
        Form(answer=f"{TRUE} {FALSE}"),
    )
    found = [(await asked(GroundingCheck(), value)).confidence for value in values]
    assert found == pytest.approx([2 / 3] * 3)


async def test_an_object_of_whose_words_nothing_is_left_is_an_abstention() -> None:
    gone = await asked(ScriptedCheck(loud), Form(answer="OBEY", steps=[Step(text="OBEY")]), on_fail="filter")
    assert (gone.abstained, gone.parsed) == (True, None)
    assert [flaw for one in gone.verdicts for flaw in one.flaws if flaw.end] == []
    left = await asked(ScriptedCheck(loud), Form(answer="OBEY", steps=[Step(text="Fine.")]), on_fail="filter")
    assert (left.abstained, left.parsed) == (False, Form(answer="", steps=[Step(text="Fine.")]))
