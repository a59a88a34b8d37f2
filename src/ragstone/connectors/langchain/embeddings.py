"""The embedder that a LangChain store sees."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings

from ragstone.errors import StateError

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["Handed"]


class Handed(Embeddings):
    """Embeds nothing: it hands out the vectors that were laid ready for a text.

    So every store takes our vectors through the interface that all of them have, texts in and texts out.

    >>> with handed.ready({"0b3c…": vector}):
    ...     store.add_texts(["0b3c…"])
    """

    def __init__(self) -> None:
        self._ready: dict[str, Vector] = {}

    @contextmanager
    def ready(self, vectors: Mapping[str, Vector]) -> Generator[None]:
        """Lays vectors ready for the block. Texts of two blocks at once must differ."""
        self._ready.update(vectors)
        try:
            yield
        finally:
            for text in vectors:
                self._ready.pop(text, None)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts that were written."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text. Raises StateError for a text that is not ours, as when a store has changed it."""
        vector = self._ready.get(text)
        if vector is None:
            raise StateError(
                "the LangChain store asks for the vector of a text that it was not given",
                found=repr(text[:60]),
                hint="It splits or rewrites texts, and cannot be used here.",
            )
        return vector.tolist()
