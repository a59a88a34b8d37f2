"""Our checks inside a Guard of Guardrails. `test_guardrails.py` runs this where that is installed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from guardrails import AsyncGuard, Guard
from guardrails.errors import ValidationError
from pydantic import BaseModel, Field

import no_network
from ragstone.connectors.guardrails import GuardrailsCheck, vendor
from ragstone.errors import UsageError
from ragstone.interop.guardrails import as_validator
from ragstone.protocols import Check
from ragstone.sync.loop import waited
from ragstone.testing import Hang, ScriptedCheck
from ragstone.types import Context
from ragstone.validation.checks.length import LengthCheck
from ragstone.verdicts import PASSED, Finding, Flaw, Subject

no_network.refuse()
vendor.imported()

pytestmark = pytest.mark.filterwarnings("ignore")  # Guardrails' own

TEXT = "It is bad, and bad it is."


class Bad(Check):
    """Finds a word; it has no text to put in its place."""

    stages = ("output", "input")

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        await asyncio.sleep(0)
        places = [at for at in range(len(subject.text)) if subject.text.startswith("bad", at)]
        flaws = tuple(Flaw(at, at + 3, "a bad word") for at in places)
        return Finding(passed=not flaws, reason="a bad word" if flaws else "", flaws=flaws)


def spans(guard: Guard) -> list[tuple[int, int]]:
    return [(one.start, one.end) for one in guard.error_spans_in_output()]


def test_a_guard_asks_a_check_without_a_loop():
    guard = Guard().use(as_validator(Bad()))
    found = guard.validate(TEXT)
    assert found.validation_passed is False
    assert found.validated_output == TEXT
    (summary,) = found.validation_summaries
    assert summary.failure_reason == "a bad word"
    assert [(one.start, one.end) for one in summary.error_spans] == [(6, 9), (15, 18)]
    assert guard.validate("It is good.").validation_passed is True


async def test_and_inside_of_one():
    assert Guard().use(as_validator(Bad())).validate(TEXT).validation_passed is False
    found = await AsyncGuard().use(as_validator(Bad())).validate(TEXT)
    assert found.validation_passed is False


def test_and_inside_of_ours():
    async def within() -> Any:
        return Guard().use(as_validator(Bad())).validate(TEXT).validation_passed

    assert waited(within()) is False


def test_a_guard_does_with_what_is_found_what_it_always_does():
    fixed = Guard().use(as_validator("length", most=5, on_fail="fix")).validate(TEXT)
    assert fixed.validated_output == "It is"
    less = Guard().use(as_validator(Bad(), on_fail="fix")).validate(TEXT)
    assert less.validated_output == "It is , and it is.", "what is left passes, so it is a fix"
    with pytest.raises(ValidationError, match="a bad word"):
        Guard().use(as_validator(Bad(), on_fail="exception")).validate(TEXT)


async def test_what_would_be_changed_of_a_text_that_passes_is_changed_where_a_guard_does_that():
    lower = ScriptedCheck(lambda text: Finding(passed=True, fixed=text.lower()), fixes=True)
    assert Guard().use(as_validator(lower)).validate(TEXT).validated_output == TEXT.lower()


def test_two_of_one_name_are_two():
    guard = Guard().use(as_validator("length", most=5), as_validator("length", least=500))
    reasons = [one.failure_reason for one in guard.validate(TEXT).validation_summaries]
    assert reasons == ["it has 25 characters, and may have 5", "it has 25 characters, and should have 500"]
    assert as_validator(Bad()) != as_validator(Bad())


@pytest.mark.parametrize("deed", [Hang(), ValueError("no"), None, 3], ids=["hangs", "raises", "nothing", "nonsense"])
def test_a_check_that_fails_is_closed_or_open(deed: Any):
    closed = Guard().use(as_validator(Odd(deed), timeout=0.05)).validate(TEXT)
    assert closed.validation_passed is False
    assert closed.validation_summaries[0].failure_reason.startswith("could not be checked: ")
    opened = Guard().use(as_validator(Odd(deed), timeout=0.05, on_error="open")).validate(TEXT)
    assert opened.validation_passed is True


class Odd(Check):
    def __init__(self, deed: Any) -> None:
        self.deed = deed

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        if isinstance(self.deed, Exception):
            raise self.deed
        if isinstance(self.deed, Hang):
            await asyncio.Event().wait()
        return self.deed


def test_what_is_no_text_is_said():
    class Beds(BaseModel):
        beds: int = Field(validators=[as_validator(Bad())])  # type: ignore[call-arg]

    with pytest.raises(UsageError, match="the check 'Bad' reads texts: found int"):
        Guard.for_pydantic(Beds).parse('{"beds": 3}', num_reasks=0)
    with pytest.raises(UsageError, match="takes no settings: found most"):
        as_validator(LengthCheck(most=3), most=4)
    with pytest.raises(UsageError, match="cannot be asked there"):
        as_validator(Bad(), stage="passage")


def test_a_check_is_begun_for_each_text_and_told_the_stage():
    check = ScriptedCheck(lambda text: PASSED)
    guard = Guard().use(as_validator(check, stage="input"))
    guard.validate("one")
    guard.validate("two")
    assert check.begun == 2
    assert [(one.text, one.stage) for one in check.asked] == [("one", "input"), ("two", "input")]


async def test_ours_in_theirs_in_ours_is_ours():
    inner = LengthCheck(most=5)
    outer = GuardrailsCheck(guard=Guard().use(as_validator(inner)))
    subject = Subject(text=TEXT, stage="output")
    mine = await inner.check(subject, context=Context())
    theirs = await outer.check(subject, context=Context())
    assert (theirs.passed, theirs.reason, theirs.fixed) == (mine.passed, mine.reason, mine.fixed)
    assert [(one.start, one.end, one.reason) for one in theirs.flaws] == [
        (one.start, one.end, one.reason) for one in mine.flaws
    ]
