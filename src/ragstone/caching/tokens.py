"""Token vectors of chunks, kept in their compact form for late interaction and trimming."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragstone.caching.key import projection_key, row_keys
from ragstone.caching.questions import CachedQuestions
from ragstone.compact import WIDTH, Projection
from ragstone.protocols import Cache, Embedder
from ragstone.recent import Recent
from ragstone.stored import Stored
from ragstone.types import Context
from ragstone.wrapped import WrappedEmbedder

if TYPE_CHECKING:
    from ragstone.compact import Compact
    from ragstone.types import Matrix, Vector

__all__ = ["Kept", "TokenKeeper"]

AT_ONCE = 64  # texts that are read again together
IN_MEMORY = 20_000_000  # bytes of those that were asked for last: all of a small index

ROWS, PROJECTIONS = "tokens", "projections"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a text: its vector, and the compact rows of its tokens, shape (tokens, at most WIDTH)."""

    vector: Vector
    rows: Compact

    @classmethod
    def all_of(cls, packed: Sequence[bytes], dimensions: int) -> list[Kept]:
        """From the bytes that `packed` made of each."""
        import numpy as np

        halves, width = 2 * dimensions, min(WIDTH, dimensions)
        return [
            cls(
                np.frombuffer(one, "<f2", dimensions).astype(np.float32),
                np.frombuffer(one, np.int8, offset=halves).reshape(-1, width),
            )
            for one in packed
        ]

    def packed(self) -> bytes:
        """The vector in half precision, then the rows."""
        import numpy as np

        return np.asarray(self.vector, "<f2").tobytes() + self.rows.tobytes()


class TokenKeeper(WrappedEmbedder):
    """Wraps an embedder: whatever it embeds leaves its token vectors here, made in the same pass.

    They lie in the cache by fingerprint, projection and text: some 13 kB of a passage. They may be lost at any time:
    what is missing is made again when a question needs it. Those that questions asked for last stay in memory.
    """

    def __init__(self, embedder: Embedder, cache: Cache) -> None:
        super().__init__(embedder)
        self.cache = cache
        self._recent = Recent[str, Kept](
            IN_MEMORY, weigh=lambda text, own: len(text) + own.vector.nbytes + own.rows.nbytes
        )
        self._fitting = asyncio.Lock()
        self._by: Projection | None = None

    async def close(self) -> None:
        """Closes the cache and the wrapped embedder."""
        self._recent.clear()
        await self.cache.close()
        await super().close()

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """The wrapped embedder's vectors; they and the rows of the texts' tokens are kept."""
        return (await self._made(texts, context=context, ids=ids))[0]

    async def projection(self) -> Projection:
        """That with which the kept rows were made; fitted when there are none."""
        async with self._fitting:
            if self._by is None:
                self._by = await self._found() or await self._fitted()
            return self._by

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        """The wrapped embedder's; where it keeps questions, made as `question` makes it, so that both share it."""
        if isinstance(self.embedder, CachedQuestions):
            return (await self.question(text, context=context))[0]
        return await super().embed_query(text, context=context)

    async def question(self, text: str, *, context: Context) -> tuple[Vector, Compact]:
        """A question's vector and the rows of its tokens. Here it is not kept; the wrapped embedder may keep it."""
        return await self.embedder.embed_query_compact(text, by=await self.projection(), context=context)

    async def kept(self, texts: Sequence[str], *, context: Context) -> list[Kept]:
        """What is kept of each text; what is missing is made and kept now."""
        recent = self._recent.get(texts)
        others = [text for text in dict.fromkeys(texts) if text not in recent]
        if others:
            read = dict(zip(others, await self._read(others, context), strict=True))
            self._recent.put(read)
            recent |= read
        return [recent[text] for text in texts]

    async def forget(self, texts: Sequence[str]) -> None:
        """Removes the rows of texts."""
        self._recent.clear()
        await self.cache.remove(ROWS, await self._keys(texts), context=Context())
        await super().forget(texts)

    async def _keys(self, texts: Sequence[str]) -> list[bytes]:
        return row_keys(self.fingerprint, (await self.projection()).digest, texts)

    async def _read(self, texts: Sequence[str], context: Context) -> list[Kept]:
        wanted = await self._keys(texts)
        read = await self.cache.get(ROWS, wanted, context=context)
        found = {key: one.value for key, one in read.items() if self._whole(one.value)}
        missing = [at for at, key in enumerate(wanted) if key not in found]
        for first in range(0, len(missing), AT_ONCE):
            part = missing[first : first + AT_ONCE]
            # Not read back: a cache that cannot be written keeps nothing, and must not stand in the way.
            found |= (await self._made([texts[at] for at in part], context=context))[1]
        return Kept.all_of([found[key] for key in wanted], self.dimensions)

    def _whole(self, value: bytes) -> bool:
        """Whether the cache has given what `packed` makes."""
        rows = len(value) - 2 * self.dimensions
        return rows >= 0 and rows % min(WIDTH, self.dimensions) == 0

    async def _made(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> tuple[Matrix, dict[bytes, bytes]]:
        """The texts' vectors, and by key what is now kept of them."""
        vectors, rows = await self.embedder.embed_compact(texts, by=await self.projection(), context=context, ids=ids)
        made = zip(await self._keys(texts), vectors, rows, strict=True)
        packed = {key: Kept(vector, own).packed() for key, vector, own in made}
        await self.cache.put(ROWS, {key: Stored(value=value) for key, value in packed.items()}, context=context)
        return vectors, packed

    async def _found(self) -> Projection | None:
        import numpy as np

        key = projection_key(self.fingerprint)
        found = (await self.cache.get(PROJECTIONS, [key], context=Context())).get(key)
        size = 4 * self.dimensions * (1 + min(WIDTH, self.dimensions))
        if found is None or len(found.value) != size:
            return None
        numbers = np.frombuffer(found.value, "<f4").reshape(-1, self.dimensions)
        return Projection(numbers[0], np.ascontiguousarray(numbers[1:].T)) if np.isfinite(numbers).all() else None

    async def _fitted(self) -> Projection:
        """A new one. Where another process was faster, it is the other's that counts."""
        import numpy as np

        made = await self.embedder.projection()
        if (theirs := await self._found()) is not None:
            return theirs
        numbers = np.concatenate([made.mean[None], made.basis.T]).astype("<f4")
        entry = Stored(value=numbers.tobytes())
        await self.cache.put(PROJECTIONS, {projection_key(self.fingerprint): entry}, context=Context())
        return await self._found() or made
