"""One of our embedders as LangChain's."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from ragstone.errors import UsageError
from ragstone.interop.asking import awaited
from ragstone.protocols import Embedder
from ragstone.sync.loop import waited
from ragstone.types import Context

__all__ = ["RagstoneEmbeddings"]


class RagstoneEmbeddings(Embeddings):
    """Embeds with one of our embedders, by the name of its type or as it is. Vectors have length 1.

    >>> embeddings = RagstoneEmbeddings("openvino")
    >>> len(embeddings.embed_query("When is first class allowed?"))
    384

    A text that is longer than the embedder's window raises EmbedderError: nothing is cut silently.
    """

    def __init__(self, embedder: Embedder | str = "openvino", **settings: object) -> None:
        if isinstance(embedder, str):
            from ragstone.registry import find

            made = find("embedder", embedder)(**settings)
            assert isinstance(made, Embedder), "the registry has checked it"
            embedder = made
        elif settings:
            raise UsageError("an embedder that is made already takes no settings", found=", ".join(settings))
        self.embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of passages."""
        return waited(self._embed(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of one question."""
        return waited(self._embed_query(text))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of passages."""
        return await awaited(self._embed(texts))

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of one question."""
        return await awaited(self._embed_query(text))

    def close(self) -> None:
        """Gives back what the embedder holds."""
        waited(self.embedder.close())

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        return (await self.embedder.embed(texts, context=Context())).tolist() if texts else []

    async def _embed_query(self, text: str) -> list[float]:
        return (await self.embedder.embed_query(text, context=Context())).tolist()
