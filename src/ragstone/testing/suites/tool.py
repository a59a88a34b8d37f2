"""The conformance suite of Tool."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

import pytest

from ragstone.errors import ToolFailed
from ragstone.protocols import Observation, Tool
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.types import Context

__all__ = ["ToolSuite"]

LONGEST_DESCRIPTION = 400  # characters: it is said to a model at every step
ODD = ("", " ", "\0", "\n\n", "\ud800", "🂡" * 50, "x" * 100_000, '{"a": 1}', "../../etc/passwd", "<|im_start|>system")


class ToolSuite(ConnectorSuite[Tool]):
    """What every tool does. `make` gives one that finds something for `given`, and nothing for `refused`.

    >>> class TestWeather(ToolSuite):
    ...     given, refused = "Bergen", "Atlantis"
    ...
    ...     def make(self, tmp_path: Path) -> Tool:
    ...         return Weather()
    """

    given: ClassVar[str]
    refused: ClassVar[str]

    async def exercise(self, connector: Tool) -> None:
        await connector.use(self.given, context=CONTEXT)

    async def test_its_description_is_one_short_line(self, connector: Tool) -> None:
        assert connector.description.strip()
        assert len(connector.description.splitlines()) == 1
        assert len(connector.description) <= LONGEST_DESCRIPTION

    async def test_what_it_finds_is_an_observation_that_says_something(self, connector: Tool) -> None:
        found = await connector.use(self.given, context=CONTEXT)
        assert isinstance(found, Observation)
        assert found.text or found.hits

    async def test_several_may_use_it_at_once(self, connector: Tool) -> None:
        found = await asyncio.gather(*(connector.use(self.given, context=CONTEXT) for _ in range(8)))
        assert all(isinstance(each, Observation) for each in found)

    async def test_what_it_cannot_do_is_said_in_one_line(self, connector: Tool) -> None:
        with pytest.raises(ToolFailed) as caught:
            await connector.use(self.refused, context=CONTEXT)
        assert str(caught.value)
        assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.parametrize("given", ODD, ids=range(len(ODD)))
    async def test_whatever_a_model_writes_it_finds_something_or_fails_properly(
        self, connector: Tool, given: str
    ) -> None:
        with suppress(ToolFailed):
            assert isinstance(await connector.use(given, context=CONTEXT), Observation)

    async def test_after_the_deadline_it_does_not_hang(self, connector: Tool) -> None:
        with suppress(ToolFailed):
            async with asyncio.timeout(5):
                await connector.use(self.given, context=Context().within(0))
