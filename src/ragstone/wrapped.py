"""What wraps another connector passes on whatever it does not do itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from ragstone.protocols import Cache, Capabilities, Embedder, Load, Model
from ragstone.stored import Found, Lease, Stats, Stored
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Usage

if TYPE_CHECKING:
    from ragstone.compact import Compact, Projection
    from ragstone.types import Matrix, Vector

__all__ = ["WrappedCache", "WrappedEmbedder", "WrappedModel"]


class WrappedEmbedder(Embedder):
    """Stands in place of the embedder that it wraps, and does what that one does but for `embed`."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.name, self.languages, self.price = embedder.name, embedder.languages, embedder.price
        self.capabilities = embedder.capabilities

    # The protocol has plain attributes here. Some embedders read them from a model's files when first asked for them.

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The wrapped embedder's."""
        return self.embedder.fingerprint

    @property
    def dimensions(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The wrapped embedder's."""
        return self.embedder.dimensions

    @property
    def window(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The wrapped embedder's."""
        return self.embedder.window

    async def load(self) -> None:
        """Starts the wrapped embedder."""
        await self.embedder.load()

    async def close(self) -> None:
        """Closes the wrapped embedder."""
        await self.embedder.close()

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        """The wrapped embedder's, which may embed questions in a way of their own."""
        return await self.embedder.embed_query(text, context=context)

    async def embed_queries(self, texts: Sequence[str], *, context: Context) -> Sequence[Vector]:
        """The wrapped embedder's."""
        return await self.embedder.embed_queries(texts, context=context)

    async def embed_once(self, texts: Sequence[str], *, context: Context) -> Matrix:
        """The wrapped embedder's: nothing is kept."""
        return await self.embedder.embed_once(texts, context=context)

    async def embed_tokens(self, texts: Sequence[str], *, context: Context) -> Sequence[Matrix]:
        """The wrapped embedder's."""
        return await self.embedder.embed_tokens(texts, context=context)

    async def projection(self) -> Projection:
        """The wrapped embedder's."""
        return await self.embedder.projection()

    async def embed_query_compact(self, text: str, *, by: Projection, context: Context) -> tuple[Vector, Compact]:
        """The wrapped embedder's."""
        return await self.embedder.embed_query_compact(text, by=by, context=context)

    def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """The wrapped embedder's."""
        return self.embedder.tokens(text)

    def all_tokens(self, texts: Sequence[str]) -> Sequence[tuple[Sequence[int], Sequence[tuple[int, int]]]]:
        """The wrapped embedder's."""
        return self.embedder.all_tokens(texts)

    async def forget(self, texts: Sequence[str]) -> None:
        """Lets the wrapped embedder forget."""
        await self.embedder.forget(texts)


class WrappedModel(Model):
    """Stands in place of the model that it wraps, and does what that one does."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.name = model.name

    @property
    def capabilities(self) -> Capabilities:  # pyright: ignore[reportIncompatibleVariableOverride] - a probe may change them
        """The wrapped model's."""
        return self.model.capabilities

    @property
    def fingerprint(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The wrapped model's."""
        return self.model.fingerprint

    async def load(self) -> None:
        """Starts the wrapped model."""
        await self.model.load()

    async def close(self) -> None:
        """Closes the wrapped model."""
        await self.model.close()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The wrapped model's."""
        return await self.model.generate(prompt, context=context)

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """The wrapped model's."""
        return await self.model.sample(prompt, n=n, context=context)

    def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The wrapped model's."""
        return self.model.stream(prompt, context=context)

    async def probe(self, *, context: Context) -> Usage:
        """Has the wrapped model find it out."""
        return await self.model.probe(context=context)

    async def busy(self, *, context: Context) -> Load | None:
        """The wrapped model's."""
        return await self.model.busy(context=context)


class WrappedCache(Cache):
    """Stands in place of the cache that it wraps, and does what that one does."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.name, self.capabilities = cache.name, cache.capabilities

    async def load(self) -> None:
        """Starts the wrapped cache."""
        await self.cache.load()

    async def close(self) -> None:
        """Closes the wrapped cache."""
        await self.cache.close()

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        """The wrapped cache's."""
        return await self.cache.get(room, keys, context=context)

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        """Has the wrapped cache keep them."""
        await self.cache.put(room, entries, lease=lease, context=context)

    async def remove(self, room: str, keys: Sequence[bytes], *, context: Context) -> None:
        """Has the wrapped cache remove them."""
        await self.cache.remove(room, keys, context=context)

    async def forget(self, tags: Sequence[str], *, context: Context) -> int:
        """Has the wrapped cache forget what has these tags."""
        return await self.cache.forget(tags, context=context)

    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        """The wrapped cache's."""
        return await self.cache.tagged(room, tag, context=context)

    async def clear(self, rooms: Sequence[str] = (), *, context: Context) -> int:
        """Clears the wrapped cache."""
        return await self.cache.clear(rooms, context=context)

    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        """The wrapped cache's."""
        return await self.cache.claim(key, owner=owner, seconds=seconds, context=context)

    async def release(self, lease: Lease, *, context: Context) -> None:
        """Gives it back to the wrapped cache."""
        await self.cache.release(lease, context=context)

    async def count(self, figures: Mapping[str, int], *, context: Context) -> None:
        """Has the wrapped cache count."""
        await self.cache.count(figures, context=context)

    async def stats(self, *, context: Context) -> Stats:
        """The wrapped cache's."""
        return await self.cache.stats(context=context)
