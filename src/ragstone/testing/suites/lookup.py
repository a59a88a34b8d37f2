"""The conformance suite of Lookup."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.errors import ConfigError, LookupFailed, LookupUnavailable
from ragstone.protocols import Lookup
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.types import Context

__all__ = ["LookupSuite"]


class LookupSuite(ConnectorSuite[Lookup]):
    """What every lookup does. `make` gives one that allows `path` alone, and knows `known`.

    >>> class TestMyLookup(LookupSuite):
    ...     def make(self, tmp_path: Path) -> Lookup:
    ...         return MyLookup(paths=["/orders/{id}"])
    """

    path: ClassVar[str] = "/orders/{id}"
    known: ClassVar[str] = "/orders/7"
    unknown: ClassVar[str] = "/orders/none"

    async def exercise(self, connector: Lookup) -> None:
        connector.allow(self.path)
        await connector.fetch(self.known, context=CONTEXT)

    async def test_what_is_known_comes_with_its_place_and_size(self, connector: Lookup) -> None:
        reply = await connector.fetch(self.known, context=CONTEXT)
        assert reply.text
        assert reply.url.endswith(self.known)
        assert reply.size > 0
        assert reply == await connector.fetch(self.known, context=CONTEXT)

    async def test_several_may_be_fetched_at_once(self, connector: Lookup) -> None:
        replies = await asyncio.gather(*(connector.fetch(self.known, context=CONTEXT) for _ in range(8)))
        assert len(set(replies)) == 1

    async def test_what_is_not_known_is_an_error_with_its_place(self, connector: Lookup) -> None:
        with pytest.raises(LookupFailed) as caught:
            await connector.fetch(self.unknown, context=CONTEXT)
        assert self.unknown in str(caught.value)

    async def test_a_path_that_is_not_allowed_is_refused_in_a_file_and_in_a_request(self, connector: Lookup) -> None:
        connector.allow(self.path)
        with pytest.raises(ConfigError) as caught:
            connector.allow(f"{self.path}/more")
        assert self.path in str(caught.value)
        for path in (f"{self.known}/more", f"{self.known}?more=1", f"{self.known}/..", f"{self.known}%2Fmore"):
            with pytest.raises(LookupFailed):
                await connector.fetch(path, context=CONTEXT)

    async def test_after_the_deadline_nothing_is_fetched(self, connector: Lookup) -> None:
        with pytest.raises(LookupUnavailable):
            await connector.fetch(self.known, context=Context().within(0))

    async def test_the_fingerprint_is_that_of_the_settings(self, connector: Lookup, tmp_path: Path) -> None:
        assert connector.fingerprint
        assert connector.fingerprint == self.make(tmp_path).fingerprint
        assert connector.keep >= 0
