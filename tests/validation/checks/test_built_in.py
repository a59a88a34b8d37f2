"""What holds for every built-in check: no text is too odd, and a pipeline can name it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.protocols import Check
from ragstone.registry import find, names
from ragstone.types import Completion, Context
from ragstone.validation.engine import asked
from ragstone.validation.policy import Guard
from ragstone.verdicts import Subject

OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


class Grades:
    """A judge who finds everything good."""

    async def run(self, prompt: str, inputs: Any, *, context: Context) -> Completion:
        return Completion(text="Nothing is wrong.\nGrade: 5", model="m")


SETTINGS: dict[str, dict[str, Any]] = {
    "choice": {"of": ["yes", "no"]},
    "code": {"language": "python"},
    "json_schema": {"schema": OBJECT},
    "judge": {"runner": Grades()},
    "language": {"expected": "de"},
    "length": {"most": 1000},
    "output": {},
    "regex": {"forbid": "bad+"},
    "words": {"forbid": ["bad", "nasty thing", "坏"]},
}
ODD = [
    "",
    " \n\t ",
    "\0",
    "\ud800",
    "a\ud800b bad",
    "```",
    "```python\n",
    "```python\n\0\n```",
    "{",
    "[" * 2000,
    "🦀" * 50,
]
TEXTS = st.text() | st.text("ab{}[]\"'`\n bad\0\ud800坏", max_size=60)


def check(name: str) -> Check:
    made = find("check", name)(**SETTINGS[name])
    assert isinstance(made, Check)
    return made


async def found(name: str, text: str, **facts: Any):
    guard = Guard(name=name, check=check(name))
    return await asked(guard, Subject(text=text, stage="output", **facts), context=Context())


def test_these_are_the_checks_that_ship() -> None:
    assert SETTINGS.keys() <= set(names("check"))


@pytest.mark.parametrize("name", sorted(SETTINGS))
@pytest.mark.parametrize("text", ODD)
async def test_no_text_is_too_odd(name: str, text: str) -> None:
    assert "could not be checked" not in (await found(name, text, question=text)).reason


@pytest.mark.parametrize("name", sorted(SETTINGS))
@given(text=TEXTS)
@settings(max_examples=40)
async def test_flaws_lie_in_the_text_and_what_is_fixed_passes(name: str, text: str) -> None:
    verdict = await found(name, text)
    assert "could not be checked" not in verdict.reason
    assert verdict.passed or verdict.reason
    if verdict.fixed is not None and name != "length":
        assert (await found(name, verdict.fixed)).passed


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SETTINGS))
@pytest.mark.parametrize(
    "text",
    [
        "The harbour opens at six. " * 40_000,
        "bad" * 350_000,
        "x" * 1_000_000,
        "```python\n" * 100_000,
        "`" * 1_000_000,
        '{"a": "' + "x" * 1_000_000,
        "坏" * 500_000,
        "nasty " * 160_000,
    ],
    ids=["prose", "bad", "a word", "fences", "ticks", "cut JSON", "ideographs", "half a phrase"],
)
async def test_a_megabyte_takes_seconds(name: str, text: str) -> None:
    begun = time.process_time()
    await found(name, text, question="When does the harbour open on Sundays?")
    assert time.process_time() - begun < 60
