"""The embedders of pipelines, with what is kept of what they read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from ragstone.caching.embeddings import CachedEmbedder
from ragstone.caching.questions import CachedQuestions
from ragstone.caching.tokens import TokenKeeper
from ragstone.pipelines.spec import IngestSpec
from ragstone.protocols import Cache, Embedder

__all__ = ["Embedders", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """An embedder, and who keeps the token vectors of what it reads."""

    embedder: Embedder
    tokens: TokenKeeper | None = None


class Embedders:
    """One for all pipelines that say the same of it. `rows` gives the cache that token vectors lie in."""

    def __init__(self, rows: Callable[[], Cache]) -> None:
        self._rows = rows
        self._made: dict[tuple[str, bool | str, bool], Reading] = {}

    def of(self, wanted: IngestSpec, embedder: Embedder, *, cache: Cache | None) -> Reading:
        """The embedder that a pipeline names, behind the cache; without it nothing is kept but token vectors."""
        tokens = wanted.tokens and embedder.capabilities.token_vectors
        place = wanted.embed, wanted.cache, tokens
        if place not in self._made:
            asked = embedder if cache is None else CachedQuestions(embedder, cache)
            keeper = TokenKeeper(asked, self._rows()) if tokens else None
            whole = keeper or asked
            self._made[place] = Reading(whole if cache is None else CachedEmbedder(whole, cache), keeper)
        return self._made[place]

    async def close(self) -> None:
        """Closes them all."""
        async with AsyncExitStack() as ends:
            for one in self._made.values():
                ends.push_async_callback(one.embedder.close)
