"""What each check accepts and what it says else, and the interval of a share."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from pydantic import TypeAdapter

from ragstone.prompts.testing.checks import EXPECT, SENT, Miss, Reply
from ragstone.prompts.testing.report import CaseReport
from ragstone.types import Message, Prompt

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


class Tools:
    async def similarity(self, first: str, second: str) -> float:
        return 0.8 if second == first else 0.1

    async def grade(self, reply: Reply, rubric: str, reference: str) -> tuple[int | None, str]:
        return (len(reply.text) or None), f"{rubric} {reference}"


async def expected(name: str, given_: Any, text: str, **facts: Any) -> Miss | None:
    value = TypeAdapter(EXPECT[name].shape).validate_python(given_)
    found = EXPECT[name].miss(value, Reply(text=text, question="Why?", tools=Tools(), **facts))
    return await found if inspect.isawaitable(found) else found


@pytest.mark.parametrize(
    ("name", "value", "good", "bad"),
    [
        ("contains", "3 May", "It ships on 3\nMAY 2031.", "It ships in May."),
        ("contains", ["Lund", "Graz"], "From Lund to Graz.", "From Lund."),
        ("not_contains", ["Lund", "Graz"], "From Wien.", "From graz."),
        ("regex", r"^b\Z", "a\nb", "b\na"),
        ("equals", "How long?", "how long?\n", "So: How long?"),
        ("equals", ["praise", "complaint"], "Praise.", "praise, complaint"),
        ("answer", 72, "She sold $72.00.", "She sold 71."),
        ("answer", ["Rome", "Roma"], "The answer: Roma.", "Rome or Roma"),
        ("answer", True, "True.", "false"),
        ("words", {"at_least": 2, "at_most": 3}, "one two\nthree", "one two three four"),
        ("words", {"at_least": 2}, "one two", "one"),
        ("lines", 2, "one\n\ntwo\n", "one\ntwo\nthree"),
        ("lines", {"at_most": 1}, "", "one\ntwo"),
        ("json_schema", SCHEMA, '{"a": 1}', '{"a": "one"}'),
        ("json_schema", SCHEMA, ' {"a": 1}\n', 'Here it is: {"a": 1}'),
        ("json_schema", {"$ref": "#/$defs/b", "$defs": {"b": {"const": 1}}}, "1", "2"),
        ("json_schema", SCHEMA, '{"a": 1}', "[" * 100_000),
        ("similarity", "a", "a", "b"),
        ("judge", "It is long.", "abcd", "abc"),
        ("judge", {"rubric": "It is long.", "at_least": 2}, "ab", "a"),
    ],
)
async def test_a_check_of_a_reply(name: str, value: Any, good: str, bad: str) -> None:
    assert await expected(name, value, good) is None
    miss = await expected(name, value, bad)
    assert miss is not None
    assert miss.expected
    assert miss.found == bad


async def test_how_near_a_reply_must_come_can_be_said() -> None:
    assert await expected("similarity", {"to": "a", "at_least": 0.1}, "b") is None
    miss = await expected("similarity", {"to": "a", "at_least": 0.85}, "a")
    assert miss == Miss("a similarity of 0.85 to 'a' (it is 0.80)", "a")


@pytest.mark.parametrize(
    ("value", "facts", "fits"),
    [
        (1, {"cited": (1, 2)}, True),
        ([1, 2], {"cited": (1, 2)}, True),
        ([1, 3], {"cited": (1, 2)}, False),
        (1, {}, False),
        ("nothing", {}, True),
        ("nothing", {"cited": (1,)}, False),
        ("abstains", {"abstained": True}, True),
        ("abstains", {}, False),
    ],
)
async def test_a_citation(value: Any, facts: dict[str, Any], fits: bool) -> None:
    assert (await expected("citation", value, "x", **facts) is None) is fits


async def test_the_prompt_s_own_outputs() -> None:
    assert await expected("schema", True, "{}", misfit="") is None
    miss = await expected("schema", True, "{}", misfit="a: is missing")
    assert miss is not None
    assert "a: is missing" in miss.expected


@pytest.mark.parametrize(
    ("value", "fields", "right"),
    [
        (4, {"answer": 4, "why": "2 and 2"}, True),
        (4, {"answer": "it is 4", "why": ""}, True),
        (4, {"why": "4"}, True),
        ("4", {"why": "4", "other": 4}, False),
        ({"right": 4, "field": "why"}, {"answer": 5, "why": "4"}, True),
        ({"right": 4, "field": "why"}, {"answer": 4, "why": "5"}, False),
        (True, {"answer": True}, True),
        ("yes", {"answer": True}, False),
    ],
)
async def test_the_field_that_is_the_answer(value: Any, fields: dict[str, Any], right: bool) -> None:
    miss = await expected("answer", value, "{}", misfit="", fields=fields)
    assert (miss is None) is right


async def test_an_answer_of_another_form_is_not_right() -> None:
    miss = await expected("answer", 4, "4", misfit="answer: is missing")
    assert miss is not None
    assert "answer: is missing" in miss.expected


async def test_the_number_of_a_citation_is_no_part_of_an_answer() -> None:
    assert await expected("answer", "two years", "Two years [1].", cited=(1,)) is None
    assert await expected("answer", 24, "24 months [1][2]", cited=(1, 2)) is None
    assert await expected("answer", 24, "24 or [25]") is not None


async def test_a_judge_without_a_grade_fails_the_check() -> None:
    miss = await expected("judge", "It is long.", "")
    assert miss is not None
    assert "a grade from 1 to 5" in miss.expected


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("contains", "chunk holds", True),
        ("contains", {"text": "chunk holds", "role": "user"}, True),
        ("contains", {"text": "chunk holds", "role": "system"}, False),
        ("not_contains", {"text": "chunk holds", "role": "system"}, True),
        ("not_contains", "CHUNK  HOLDS", False),
        ("regex", r"\AAnswer\.\n\nA chunk", True),
        ("regex", "pineapple", False),
        ("roles", ["system", "user"], True),
        ("roles", ["user"], False),
        ("max_tokens", 30, True),
        ("max_tokens", 3, False),
    ],
)
def test_a_check_of_what_is_sent(name: str, value: Any, fits: bool) -> None:
    messages = (Message("system", "Answer."), Message("user", "A chunk\nholds 200 tokens."))
    checked = TypeAdapter(SENT[name].shape).validate_python(value)
    miss = SENT[name].miss(checked, Prompt(name="a", version="1", messages=messages, tokens=12))
    assert (miss is None) is fits, miss


def test_a_pattern_sees_lines() -> None:
    pattern = TypeAdapter(EXPECT["regex"].shape).validate_python("^b")
    assert pattern.flags & re.MULTILINE


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"passed": 3, "runs": 3}, "passed"),
        ({"passed": 2, "runs": 3}, "failed"),
        ({"passed": 2, "runs": 3, "at_least": 0.6}, "passed"),
        ({"passed": 0, "runs": 1}, "failed"),
        ({"passed": 1, "runs": 1, "not_run": "needs a model that writes"}, "not run"),
        ({"passed": 0, "runs": 0, "not_run": "needs a model that writes"}, "not run"),
    ],
)
def test_what_was_not_run_is_never_passed(facts: dict[str, Any], outcome: str) -> None:
    assert CaseReport(case="a", where="a.yaml:1:1", **facts).outcome == outcome
