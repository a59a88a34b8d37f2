"""Vectors that were made before, by the embedder's fingerprint and the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragstone.caching.key import vector_keys
from ragstone.caching.questions import CachedQuestions
from ragstone.caching.vectors import VectorRoom, joined
from ragstone.protocols import Cache, Embedder
from ragstone.stored import Found
from ragstone.types import Context
from ragstone.wrapped import WrappedEmbedder

if TYPE_CHECKING:
    from ragstone.types import Matrix

__all__ = ["CachedEmbedder"]


class CachedEmbedder(WrappedEmbedder):
    """Asks the cache first, of passages and of questions: passages are kept while there is room, questions for 30 days.

    >>> embedder = CachedEmbedder(OpenVINOEmbedder(), SqliteCache(Path(".ragstone/cache.db")))
    >>> await embedder.known(["one", "two"], context=context)
    [True, False]
    """

    def __init__(self, embedder: Embedder, cache: Cache) -> None:
        super().__init__(embedder if _keeps_questions(embedder) else CachedQuestions(embedder, cache))
        self.cache, self._room = cache, VectorRoom(cache)

    async def close(self) -> None:
        """Closes the wrapped embedder and the cache."""
        await self._room.close()
        await super().close()
        await self.cache.close()

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """Vectors of passages, shape (len(texts), dimensions); a text that stands there twice is embedded once."""
        import numpy as np

        if not texts:
            return await self.embedder.embed(texts, context=context)
        keys = vector_keys(self.fingerprint, texts)
        places = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))  # of each, the first
        found = await self._room.vectors(places, dimensions=self.dimensions, context=context)
        new = sorted(at for key, at in places.items() if key not in found)
        self._room.count(hits=len(found), misses=len(new))
        if new:
            made = await self.embedder.embed(
                [texts[at] for at in new], context=context, ids=[ids[at] for at in new] if ids is not None else None
            )
            rows = {keys[at]: row.tobytes() for at, row in zip(new, np.asarray(made, "<f4"), strict=True)}
            await self._room.put(rows, context=context)
            found |= {key: Found(row, 0.0) for key, row in rows.items()}
        return joined((found[key] for key in keys), self.dimensions)

    async def known(self, texts: Sequence[str], *, context: Context) -> Sequence[bool]:
        """For each text whether its vector is kept, or made once with an equal one before it."""
        keys = vector_keys(self.fingerprint, texts)
        seen = set(await self._room.vectors(keys, dimensions=self.dimensions, context=context))
        answer: list[bool] = []
        for key in keys:
            answer.append(key in seen)
            seen.add(key)
        return answer

    async def forget(self, texts: Sequence[str]) -> None:
        """Removes the vectors of passages from the cache."""
        await self._room.remove(vector_keys(self.fingerprint, texts), context=Context())
        await super().forget(texts)


def _keeps_questions(embedder: Embedder) -> bool:
    """Whether a wrapper below does so: what keeps token vectors stands between, and asks for questions too."""
    while isinstance(embedder, WrappedEmbedder):
        if isinstance(embedder, CachedQuestions):
            return True
        embedder = embedder.embedder
    return False
