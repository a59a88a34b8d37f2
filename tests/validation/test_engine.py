import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from ragstone.errors import CheckFailed, UsageError
from ragstone.protocols import Check
from ragstone.testing import ScriptedCheck
from ragstone.types import Context
from ragstone.validation.policy import Guard, Policy, at
from ragstone.validation.screening import Screening
from ragstone.verdicts import PASSED, Finding, Flaw, Subject


class Bad(Check):
    """Finds a word, in each segment."""

    stages = ("output", "passage", "input")
    whole, fixes = False, True

    def __init__(self, word: str = "bad", whole: bool = False) -> None:
        self.word, self.whole = word, whole

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        places = [at for at in range(len(subject.text)) if subject.text.startswith(self.word, at)]
        if not places:
            return PASSED
        flaws = tuple(Flaw(at, at + len(self.word), "a bad word") for at in places)
        return Finding(passed=False, reason="a bad word", flaws=flaws, fixed=subject.text.replace(self.word, "good"))


class Odd(Check):
    """Does what no check should."""

    stages = ("output", "input", "passage")

    def __init__(self, deed: Any) -> None:
        self.deed = deed

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        if self.deed == "hang":
            await asyncio.Event().wait()
        if isinstance(self.deed, Exception):
            raise self.deed
        return self.deed


TEXT = "One is fine. Two is bad. Three is fine."


async def screened(*guards: Guard, text: str = TEXT, step: int = 5, **facts: Any):
    screening = Screening(guards, Subject(text="", stage="output", **facts), context=Context())
    said = [await screening.feed(text[place : place + step]) for place in range(0, len(text), step)]
    found = await screening.finish()
    assert "".join(said) + found.rest == found.text or found.refrained
    return found, "".join(said)


def guard(check: Check, name: str = "bad", **policy: Any) -> Guard:
    return Guard(name=name, check=check, policy=Policy(**policy))


async def test_a_flag_changes_nothing_and_says_where():
    found, _ = await screened(guard(Bad()))
    assert found.text == TEXT
    (verdict,) = found.verdicts
    assert (verdict.check, verdict.passed, verdict.reason, verdict.action) == ("bad", False, "a bad word", "flagged")
    assert [TEXT[one.start : one.end] for one in verdict.flaws] == ["bad"]
    assert verdict.milliseconds > 0


@pytest.mark.parametrize("whole", [False, True])
async def test_what_is_wrong_is_fixed_or_taken_out(whole: bool):
    fixed, said = await screened(guard(Bad(whole=whole), on_fail="fix"))
    assert fixed.text == TEXT.replace("bad", "good")
    assert bool(said) is False  # it is shorter than what is held back, or waits for its end
    taken, _ = await screened(guard(Bad(whole=whole), on_fail="filter"))
    assert taken.text == TEXT.replace("bad", "")
    assert [one.action for one in taken.verdicts] == ["filtered"]


async def test_one_sentence_that_fails_does_not_poison_the_rest():
    long = "One is fine and goes on. " * 5 + "Two is bad. " + "Three is fine and goes on. " * 5
    found, said = await screened(guard(Bad(), on_fail="fix"), text=long)
    assert found.text == long.replace("bad", "good")
    assert said
    assert long.startswith(said[:40])


async def test_a_text_that_passes_is_changed_where_the_check_would_have_it_otherwise_and_may():
    check = ScriptedCheck(lambda text: Finding(passed=True, fixed=text.lower(), repaired="lower case"), fixes=True)
    fixed, _ = await screened(guard(check, on_fail="fix"))
    assert fixed.text == TEXT.lower()
    assert [(one.passed, one.action, one.reason) for one in fixed.verdicts] == [(True, "fixed", "lower case")]
    left, _ = await screened(guard(check, on_fail="filter"))
    assert left.text == TEXT
    assert left.verdicts[0].action == ""


async def test_a_refusal_says_nothing_at_all():
    found, said = await screened(guard(Bad(), on_fail="refrain"))
    assert found.refrained
    assert said == ""
    with pytest.raises(CheckFailed, match="the check 'bad' failed: a bad word") as raised:
        await screened(guard(Bad(), on_fail="raise"))
    assert [one.action for one in raised.value.verdicts] == ["raised"]


async def test_what_a_model_must_mend_is_gathered():
    found, said = await screened(guard(Bad(), on_fail="reask"))
    assert found.faults == ("bad: a bad word",)
    assert (said, found.text) == ("", TEXT)


@pytest.mark.parametrize(
    "deed",
    ["hang", ValueError("no"), None, "nonsense", Finding(passed=False, flaws=(Flaw(0, 10**6, "far"),))],
    ids=["hangs", "raises", "gives nothing", "gives a text", "points nowhere"],
)
async def test_a_check_that_fails_is_closed_or_open_as_its_policy_says(deed: Any):
    closed, _ = await screened(guard(Odd(deed), timeout=0.05))
    (verdict,) = closed.verdicts
    assert not verdict.passed
    assert verdict.reason.startswith("could not be checked: ")
    opened, _ = await screened(guard(Odd(deed), timeout=0.05, on_error="open"))
    (verdict,) = opened.verdicts
    assert verdict.passed
    assert verdict.reason.startswith("not checked: ")
    assert closed.text == opened.text == TEXT


async def test_who_gives_up_stops_a_check():
    task = asyncio.create_task(screened(guard(Odd("hang"))))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_that_says_there_is_none_passes():
    @dataclass
    class Prompted:
        slots: tuple = ()
        words: str = "No answer is bad."
        seen: list = field(default_factory=list)

        def abstains(self, text: str) -> bool:
            return text == self.words

    found, _ = await screened(guard(Bad(), on_fail="refrain"), text="No answer is bad.", prompt=Prompted())
    assert (found.text, found.refrained) == ("No answer is bad.", False)


@pytest.mark.parametrize(
    ("policy", "stages", "said"),
    [
        ({"on_fail": "drop"}, ("output",), "cannot `drop` at the stage output"),
        ({"on_fail": "reask"}, ("input",), "cannot `reask` at the stage input"),
        ({"on_fail": "fix"}, ("output",), "cannot fix what it finds"),
        ({}, ("elsewhere",), "cannot be asked there"),
    ],
)
def test_policies_that_make_no_sense_are_refused(policy, stages, said):
    with pytest.raises(UsageError, match=said):
        Guard(name="odd", check=Odd(None), policy=Policy(**policy), stages=stages)


def test_cheap_checks_are_asked_first():
    dear, cheap = Bad("x"), Bad("y")
    dear.cost = "model"
    guards = [guard(dear, "dear"), guard(cheap, "cheap")]
    assert [one.name for one in at("output", guards)] == ["cheap", "dear"]
