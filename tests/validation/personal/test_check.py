"""The built-in check for personal data, and what policies do about what it finds."""

from __future__ import annotations

import pytest

from ragstone.errors import CheckFailed, ConfigError
from ragstone.types import Context
from ragstone.validation.engine import Inspection
from ragstone.validation.personal.check import PersonalCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import OnFail, Stage, Subject

TEXT = "Write to jane@example.com on 3 May 2031."


async def left(on_fail: OnFail, stage: Stage, text: str = TEXT) -> tuple[str | None, Inspection]:
    guard = Guard(name="personal", check=PersonalCheck(), policy=Policy(on_fail=on_fail), stages=(stage,))
    subject = Subject(text=text, stage=stage)
    inspection = Inspection([guard], subject, context=Context())
    return await inspection.take(subject), inspection


async def test_what_identifies_is_found_and_a_date_alone_is_not():
    found = await PersonalCheck().check(Subject(text=TEXT, stage="input"), context=Context())
    assert [flaw.label for flaw in found.flaws] == ["EMAIL_ADDRESS"]
    every = await PersonalCheck(types="all").check(Subject(text=TEXT, stage="input"), context=Context())
    assert [flaw.label for flaw in every.flaws] == ["EMAIL_ADDRESS", "DATE_TIME"]
    dates = await PersonalCheck(types=["DATE_TIME"]).check(Subject(text=TEXT, stage="input"), context=Context())
    assert dates.fixed == "Write to jane@example.com on <DATE_TIME>."


@pytest.mark.parametrize("stage", ["input", "output"])
async def test_a_fix_puts_masks(stage: Stage):
    assert (await left("fix", stage))[0] == "Write to <EMAIL_ADDRESS> on 3 May 2031."


async def test_a_passage_loses_it_or_is_dropped():
    assert (await left("filter", "passage"))[0] == "Write to on 3 May 2031."
    assert (await left("drop", "passage"))[0] is None


async def test_a_question_is_refused_and_the_verdict_holds_no_value():
    text, inspection = await left("refrain", "input")
    assert (text, inspection.refrains) == (None, True)
    assert "jane" not in repr(inspection.verdicts)
    with pytest.raises(CheckFailed, match="it holds personal data: EMAIL_ADDRESS") as raised:
        await left("raise", "input")
    assert "jane" not in str(raised.value)


async def test_a_long_text_is_looked_through_beside_the_loop():
    found = await PersonalCheck().check(Subject(text="x " * 5_000 + TEXT, stage="output"), context=Context())
    assert [flaw.start for flaw in found.flaws] == [10_009]


def test_an_unknown_type_is_named():
    with pytest.raises(ConfigError, match="unknown type 'EMAIL'"):
        PersonalCheck(types=["EMAIL"])


def test_no_types_at_all_are_refused():
    with pytest.raises(ConfigError, match="types is empty: nothing would be found"):
        PersonalCheck(types=[])
