"""What every embedder that wraps another one passes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragstone.protocols import Embedder
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.compact import Compact, Projection
    from ragstone.types import Matrix, Vector

__all__ = ["WrappedEmbedder"]


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
