"""The conformance suite of Source."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.errors import ParseError, SourceError
from ragstone.protocols import Source
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.types import PUBLIC, Item

__all__ = ["SourceSuite"]


class SourceSuite(ConnectorSuite[Source]):
    """What every source does. `make` gives one that lists at least two items, the same ones for the same folder.

    >>> class TestMySource(SourceSuite):
    ...     vendors = ("mysource",)
    ...
    ...     def make(self, tmp_path: Path) -> Source:
    ...         return MySource()
    """

    unreachable: ClassVar[bool] = True
    """Whether `make_unreachable` gives a source whose place is not there."""

    def make_unreachable(self, tmp_path: Path) -> Source:
        """A source whose folder, file or server is not there."""
        raise NotImplementedError

    async def exercise(self, connector: Source) -> None:
        for item in await self.listed(connector):
            await asyncio.to_thread(item.read)

    async def listed(self, source: Source) -> list[Item]:
        """Everything that a source lists."""
        return [item async for item in source.items(context=CONTEXT)]

    async def test_it_lists_something(self, connector: Source) -> None:
        assert len(await self.listed(connector)) >= 2

    async def test_every_uri_is_there_once_and_can_be_stored(self, connector: Source) -> None:
        uris = [item.uri for item in await self.listed(connector)]
        assert all(uris)
        assert len(set(uris)) == len(uris)
        assert all(uri.encode() for uri in uris)

    async def test_what_has_not_changed_is_listed_in_the_same_words(self, connector: Source, tmp_path: Path) -> None:
        first, second = await self.listed(connector), await self.listed(connector)
        assert _facts(first) == _facts(second)
        assert _facts(first) == _facts(await self.listed(self.make(tmp_path)))

    async def test_every_item_has_a_version(self, connector: Source) -> None:
        assert all(item.version for item in await self.listed(connector))

    async def test_an_item_is_read_after_the_listing_any_number_of_times(self, connector: Source) -> None:
        for item in reversed(await self.listed(connector)):
            data = item.read()
            assert isinstance(data, bytes)
            assert item.read() == data
            assert item.size in (0, len(data))  # 0 where the source does not know

    async def test_a_listing_may_be_left_early(self, connector: Source) -> None:
        listing = connector.items(context=CONTEXT)
        item = await anext(listing)
        await listing.aclose()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        assert isinstance(item.read(), bytes)
        assert len(await self.listed(connector)) >= 2

    async def test_what_not_everyone_may_see_is_announced(self, connector: Source) -> None:
        items = await self.listed(connector)
        assert connector.protected or all(item.acl == PUBLIC for item in items)

    async def test_metadata_are_plain(self, connector: Source) -> None:
        for item in await self.listed(connector):
            for name, value in item.metadata.items():
                assert isinstance(name, str)
                parts = [value] if isinstance(value, str | int | float) else value
                assert all(isinstance(one, str | int | float) for one in parts)

    async def test_a_place_that_is_not_there_is_said_and_nothing_is_listed(self, tmp_path: Path) -> None:
        if not self.unreachable:
            pytest.skip("is always there")
        source = self.make_unreachable(tmp_path)
        with pytest.raises((SourceError, ParseError)) as caught:
            await self.listed(source)
        assert caught.value.where
        await source.close()


def _facts(items: list[Item]) -> list[tuple[object, ...]]:
    return [(item.uri, item.version, item.size, item.acl, item.metadata, item.media_type, item.title) for item in items]
