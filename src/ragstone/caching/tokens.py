"""Token vectors of chunks, kept in their compact form for late interaction and trimming."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragstone.caching.embeddings import VectorCache
from ragstone.caching.key import vector_keys
from ragstone.compact import WIDTH, Projection
from ragstone.protocols import Embedder
from ragstone.recent import Recent
from ragstone.types import Context
from ragstone.wrapped import WrappedEmbedder

if TYPE_CHECKING:
    from ragstone.compact import Compact
    from ragstone.types import Matrix, Vector

__all__ = ["Kept", "TokenKeeper"]

MAX_ROWS = 100_000  # texts; the oldest make room. A chunk of 200 tokens takes 13 kB, so all of them 1.3 GB
AT_ONCE = 64  # texts that are read again together
IN_MEMORY = 20_000_000  # bytes of those that were asked for last: all of a small index

_ROWS, _PROJECTIONS = "tokens_2", "projections_1"


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

    They lie in a file of their own, or in memory without one, by fingerprint and text. The file may be deleted at any
    time: what is missing is made again when a question needs it. Those that questions asked for last stay in memory.
    """

    def __init__(self, embedder: Embedder, path: Path | None) -> None:
        super().__init__(embedder)
        self._rows = VectorCache(path, table=_ROWS, max_rows=MAX_ROWS)
        self._projections = VectorCache(path, table=_PROJECTIONS)
        self._recent = Recent[str, Kept](
            IN_MEMORY, weigh=lambda text, own: len(text) + own.vector.nbytes + own.rows.nbytes
        )
        self._fitting = asyncio.Lock()
        self._by: Projection | None = None

    async def close(self) -> None:
        """Closes the files and the wrapped embedder."""
        self._recent.clear()
        await asyncio.to_thread(self._rows.close)
        await asyncio.to_thread(self._projections.close)
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

    async def question(self, text: str, *, context: Context) -> tuple[Vector, Compact]:
        """A question's vector and the rows of its tokens. It is not kept."""
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
        await asyncio.to_thread(self._rows.forget, vector_keys(self.fingerprint, texts))
        await super().forget(texts)

    async def _read(self, texts: Sequence[str], context: Context) -> list[Kept]:
        wanted = vector_keys(self.fingerprint, texts)
        found = await asyncio.to_thread(self._rows.get, wanted)
        missing = [at for at, key in enumerate(wanted) if key not in found]
        for first in range(0, len(missing), AT_ONCE):
            part = missing[first : first + AT_ONCE]
            # Not read back: a file that cannot be written keeps nothing, and must not stand in the way.
            found |= (await self._made([texts[at] for at in part], context=context))[1]
        return Kept.all_of([found[key] for key in wanted], self.dimensions)

    async def _made(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> tuple[Matrix, dict[bytes, bytes]]:
        """The texts' vectors, and by key what is now kept of them."""
        vectors, rows = await self.embedder.embed_compact(texts, by=await self.projection(), context=context, ids=ids)
        made = zip(vector_keys(self.fingerprint, texts), vectors, rows, strict=True)
        packed = {key: Kept(vector, own).packed() for key, vector, own in made}
        await asyncio.to_thread(self._rows.put, packed)
        return vectors, packed

    async def _found(self) -> Projection | None:
        import numpy as np

        kept = await asyncio.to_thread(self._projections.get, [self.fingerprint.encode()])
        if not kept:
            return None
        numbers = np.frombuffer(next(iter(kept.values())), "<f4").reshape(-1, self.dimensions)
        return Projection(numbers[0], np.ascontiguousarray(numbers[1:].T))

    async def _fitted(self) -> Projection:
        """A new one. Where another process was faster, it is the other's that counts."""
        import numpy as np

        made = await self.embedder.projection()
        numbers = np.concatenate([made.mean[None], made.basis.T]).astype("<f4")
        await asyncio.to_thread(self._projections.put, {self.fingerprint.encode(): numbers.tobytes()})
        return await self._found() or made
