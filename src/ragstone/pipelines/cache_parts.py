"""The caches of a project, each made once; and all that stands before them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import cast

from ragstone.caching.flight import Flights
from ragstone.caching.freshness import FreshCache
from ragstone.caching.spared import SparedCache
from ragstone.errors import NotConfigured
from ragstone.pipelines.remembered import Semantic
from ragstone.protocols import Cache
from ragstone.registry import find

__all__ = ["CacheParts"]

DEFAULT = "sqlite"
SIZES = {"answers.db": 1_000, "cache.db": 2_000, "tokens.db": 1_300}
"""Megabytes of values in the project's own files: of tokens, those of 100,000 chunks."""

PATIENCE = {"tokens.db": 1.0}
"""Seconds that a question waits for a file: to make the token vectors of its passages anew takes longer."""


class CacheParts:
    """Makes caches: connectors by their names, and files of the project's own in the folder `state`.

    Each is spared, so that it fails and delays nobody. `place` names the project folder in what is kept; `named` builds
    the connector of a name, for the place of a file that asks for it.
    """

    def __init__(self, *, place: str, state: Path, named: Callable[[str, str], Cache]) -> None:
        self._place, self._state, self._named = place, state, named
        self._files: dict[str, Cache] = {}
        self._spared: dict[int, SparedCache] = {}
        self._fresh: dict[int, FreshCache] = {}
        self._semantics: dict[str, Semantic] = {}
        self.flights = Flights()

    def cache(self, name: str | None, asked_at: str = "", *, file: str = "answers.db") -> Cache:
        """A connector, or a file of the project's own where none is named or that one is not configured."""
        found = self._made(name, asked_at, file)
        if id(found) not in self._spared:  # it is held, so that its id stays its own
            self._spared[id(found)] = SparedCache(found, patience=PATIENCE.get(file))
        return self._spared[id(found)]

    def fresh(self, cache: Cache) -> Cache:
        """A cache that forgets what prompts and models of this folder said before they were changed."""
        return self._fresh.setdefault(id(cache), FreshCache(cache, place=self._place))

    def semantic(self, pipeline: str, make: Callable[[], Semantic]) -> Semantic:
        """What the pipelines of one name remember of questions, for all tenants; made when it is first asked for."""
        if pipeline not in self._semantics:
            self._semantics[pipeline] = make()
        return self._semantics[pipeline]

    def _made(self, name: str | None, asked_at: str, file: str) -> Cache:
        if name is not None:
            with suppress(NotConfigured):
                return self._named(name, asked_at)
        if file not in self._files:
            make = cast("Callable[..., Cache]", find("cache", DEFAULT))
            self._files[file] = make(path=self._state / file, size=SIZES[file])
        return self._files[file]

    def begin(self) -> None:
        """Has those that were made so far start beside other work."""
        for spared in self._spared.values():
            spared.begin()

    async def settled(self) -> None:
        """Returns once nothing is being forgotten any more."""
        for fresh in self._fresh.values():
            await fresh.settled()

    async def finish(self) -> None:
        """Waits for what goes on in the background, a while. It may still need models and embedders."""
        async with AsyncExitStack() as ends:
            ends.push_async_callback(self.settled)
            ends.push_async_callback(self.flights.close)
            for semantic in self._semantics.values():
                ends.push_async_callback(semantic.close)

    async def close(self) -> None:
        """Writes what is still to be written, and closes the caches."""
        async with AsyncExitStack() as ends:
            for spared in self._spared.values():
                ends.push_async_callback(spared.close)
