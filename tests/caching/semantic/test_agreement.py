"""Whether two answers say the same to who reads them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from ragstone.caching.semantic.agreement import agree
from ragstone.types import Answer, Citation, Completion, Prompt


def answer(text: str, *chunks: str, abstained: bool = False, parsed: Any = None) -> Answer:
    citations = tuple(
        Citation(number=at, uri="a", page=None, heading=None, line=None, start=0, end=1, quote="x", chunk_id=chunk)
        for at, chunk in enumerate(chunks, 1)
    )
    return Answer(
        text=text,
        abstained=abstained,
        citations=citations,
        hits=(),
        prompt=Prompt(name="answer", version="1", messages=()),
        completion=Completion(text=text, model="m"),
        trace_id="t",
        parsed=parsed,
    )


class Form(BaseModel):
    day: str


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("It ships on 3 May 2031 [1].", "It ships on 3 May 2031 [1][2].", True),
        ("It ships on 3 May 2031.", "The halibut project ships on 3 May 2031, says the plan.", True),
        ("It ships on 3 May 2031.", "It ships on 4 May 2031.", False),
        ("It ships on 3 May 2031.", "It ships on 3 May 2032.", False),
        ("They own 1,250 boats.", "They own 1250 boats.", True),
        ("They own 1,250 boats.", "They own 1,520 boats.", False),
        ("Its lead is Ana Ruiz.", "Its lead is Jon Kvist.", False),
        ("It is allowed to smoke on deck.", "It is not allowed to smoke on deck.", False),
        ("Serif fonts are allowed in print.", "The harbour opens in the morning.", False),
        ("Serif fonts are allowed in print.", "In print, serif fonts are allowed.", True),
    ],
)
def test_answers_that_contradict_each_other_do_not_agree(first: str, second: str, same: bool) -> None:
    assert agree(answer(first), answer(second)) is same
    assert agree(answer(second), answer(first)) is same


def test_abstaining_agrees_with_abstaining_alone() -> None:
    silent, other = answer("I do not know.", abstained=True), answer("Nothing is said.", abstained=True)
    assert agree(silent, other)
    assert not agree(silent, answer("I do not know."))


def test_answers_of_a_form_are_compared_as_values() -> None:
    assert agree(answer("a", parsed={"day": "3"}), answer("b", parsed={"day": "3"}))
    assert agree(answer("a", parsed=Form(day="3")), answer("b", parsed=Form(day="3")))
    assert not agree(answer("a", parsed=Form(day="3")), answer("a", parsed=Form(day="4")))
    assert not agree(answer("a", parsed={"day": "3"}), answer("a"))


def test_citing_the_same_passage_speaks_for_other_words() -> None:
    first, second = "Smoking is allowed on deck there", "On deck everybody may smoke at will"
    assert agree(answer(first, "c1"), answer(second, "c1"))
    assert not agree(answer(first, "c1"), answer(second, "c2"))
