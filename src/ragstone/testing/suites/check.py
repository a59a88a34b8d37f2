"""The conformance suite of Check."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

import pytest

from ragstone.protocols import Check
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.types import Context
from ragstone.verdicts import STAGES, Finding, Stage, Subject

__all__ = ["CheckSuite"]

LARGE = 1_000_000  # characters
SECONDS = 60.0  # that a text of this size may take: a check that backtracks takes hours
ODD = (
    "",
    " ",
    "\n\n\t",
    "\0",
    "Größe, 日本語。עברית, नमस्ते। and 👩‍🚀: words of many scripts",
    "e\u0301\u200b\u202e\ufeff\ufb01",
    "\ud800",
    "```python\nprint('x')\n```\n",
    '{"a": [1, {"b": "c"}]}',
    "<b>[a](https://a.example/?q=1) ![b](data:,c)</b>",
    "[[[[((((<<<<{{{{" * 20,
)


class CheckSuite(ConnectorSuite[Check]):
    """What every check does. `make` gives one that passes `passes` and finds something wrong with `fails`.

    >>> class TestShouting(CheckSuite):
    ...     passes, fails = "It is late.", "IT IS LATE."
    ...
    ...     def make(self, tmp_path: Path) -> Check:
    ...         return NoShouting()

    `repairs`: what it says of `fails` comes with a text that passes, or with flaws without which it passes.
    """

    passes: ClassVar[str] = "The bridge opened in May."
    fails: ClassVar[str]
    repairs: ClassVar[bool] = False

    async def exercise(self, connector: Check) -> None:
        for text in (self.passes, self.fails):
            await self.found(connector, text)

    async def found(self, check: Check, text: str, stage: Stage | None = None) -> Finding:
        """What it finds in a text on its own, which is a finding of that text."""
        subject = Subject(text=text, stage=stage or check.stages[0])
        found = await check.begin(subject).check(subject, context=CONTEXT)
        self.demand_sound(check, found, text)
        return found

    def demand_sound(self, check: Check, found: Finding, text: str) -> None:
        """Fails where it is no finding of this text."""
        assert isinstance(found, Finding)
        assert all(0 <= flaw.start <= flaw.end <= len(text) for flaw in found.flaws), "a flaw lies outside of the text"
        assert found.fixed is None or isinstance(found.fixed, str)
        assert found.fixed is None or check.fixes, "it fixes, and does not say that it can"
        assert found.score is None or 0.0 <= found.score <= 1.0
        assert found.passed or found.reason, "it fails a text, and does not say why"

    async def test_it_is_asked_somewhere_and_its_policy_makes_sense_there(self, connector: Check) -> None:
        assert connector.stages
        assert set(connector.stages) <= set(STAGES)
        assert connector.on_fail in STAGES[connector.stages[0]]
        assert connector.on_fail != "fix" or connector.fixes

    async def test_what_is_right_passes_and_what_is_wrong_fails(self, connector: Check) -> None:
        for stage in connector.stages:
            assert (await self.found(connector, self.passes, stage)).passed
            assert not (await self.found(connector, self.fails, stage)).passed

    async def test_a_fixed_text_passes_and_needs_no_other(self, connector: Check) -> None:
        found = await self.found(connector, self.fails)
        if self.repairs:
            assert found.fixed is not None or found.flaws
        if found.fixed is None:
            pytest.skip("fixes nothing")
        assert found.fixed != self.fails
        again = await self.found(connector, found.fixed)
        assert again.passed
        assert again.fixed in (None, found.fixed)

    async def test_the_same_text_gives_the_same_finding(self, connector: Check) -> None:
        for text in (self.passes, self.fails, self.passes):
            assert await self.found(connector, text) == await self.found(connector, text)

    async def test_texts_that_come_at_once_do_not_mix(self, connector: Check) -> None:
        texts = [self.passes, self.fails, ""] * 6
        alone = {text: await self.found(connector, text) for text in set(texts)}
        together = await asyncio.gather(*(self.found(connector, text) for text in texts))
        assert together == [alone[text] for text in texts]

    @pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
    async def test_whatever_the_text_there_is_a_finding(self, connector: Check, text: str) -> None:
        for stage in connector.stages:
            await self.found(connector, text, stage)

    async def test_a_megabyte_is_checked(self, connector: Check) -> None:
        async with asyncio.timeout(SECONDS):
            for text in (self.fails, "a ", "<[(", " \n", "字。"):
                await self.found(connector, text * (LARGE // len(text)))

    async def test_where_a_text_stands_moves_no_flaw(self, connector: Check) -> None:
        alone = await self.found(connector, self.fails)
        subject = Subject(text=self.fails, stage=connector.stages[0], offset=5_000)
        later = await connector.begin(subject).check(subject, context=CONTEXT)
        self.demand_sound(connector, later, self.fails)
        assert later.flaws == alone.flaws

    async def test_each_text_is_begun_for_itself(self, connector: Check) -> None:
        subject = Subject(text="", stage=connector.stages[0])
        expected = await self.found(connector, self.passes)
        one, other = connector.begin(subject), connector.begin(subject)
        bad, good = (Subject(text=text, stage=connector.stages[0]) for text in (self.fails, self.passes))
        await one.check(bad, context=CONTEXT)
        assert await other.check(good, context=CONTEXT) == expected, "it knows of another text"
        assert isinstance(one, Check)
        assert (one.whole, one.fixes, one.cost) == (connector.whole, connector.fixes, connector.cost)

    async def test_a_call_that_is_given_up_harms_no_other(self, connector: Check) -> None:
        expected = await self.found(connector, self.fails)
        leaving = asyncio.ensure_future(self.found(connector, self.fails * 50))
        staying = asyncio.ensure_future(self.found(connector, self.fails))
        await asyncio.sleep(0)
        if leaving.cancel():  # one that never waits has ended by now
            with pytest.raises(asyncio.CancelledError):
                await leaving
        assert await staying == expected
        assert await self.found(connector, self.fails) == expected

    async def test_after_the_deadline_it_does_not_hang(self, connector: Check) -> None:
        subject = Subject(text=self.fails, stage=connector.stages[0])
        with suppress(Exception):
            async with asyncio.timeout(5):
                await connector.begin(subject).check(subject, context=Context().within(0))
