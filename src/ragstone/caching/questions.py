"""What was made of questions: asked again, one is not embedded again."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ragstone.caching.key import compact_keys, question_keys
from ragstone.caching.vectors import VectorRoom, joined
from ragstone.protocols import Cache, Embedder
from ragstone.recent import Recent
from ragstone.stored import Found
from ragstone.types import Context
from ragstone.wrapped import WrappedEmbedder

if TYPE_CHECKING:
    from ragstone.compact import Compact, Projection
    from ragstone.types import Matrix, Vector

__all__ = ["KEPT", "CachedQuestions"]

KEPT = 30 * 86_400.0  # seconds: what people ask is nobody's business later
IN_MEMORY = 4_000_000  # bytes of those that were asked last: more than a thousand questions
_COUNT = struct.Struct("<I")  # of rows, so that a value that was cut short is known


class CachedQuestions(WrappedEmbedder):
    """Asks the cache first, of questions alone; with their token vectors, where those are asked for.

    What is kept is exact: a hit is the same to the bit as a miss. Those that were asked last stay in memory too: all
    who need a question's vector on the way to its answer share it. That memory is not the cache: a context whose
    `cache` is "off" shares it as well. Who asks at the same time, on the same event loop, waits for the first.
    """

    def __init__(self, embedder: Embedder, cache: Cache) -> None:
        super().__init__(embedder)
        self._room = VectorRoom(cache)
        self._recent = Recent[bytes, Found](IN_MEMORY, weigh=lambda key, found: len(key) + len(found.value))
        self._making = WeakValueDictionary[tuple[asyncio.AbstractEventLoop, bytes], asyncio.Lock]()

    async def close(self) -> None:
        """Closes the wrapped embedder. The cache may be another's too, who closes it."""
        self._recent.clear()
        await self._room.close()
        await super().close()

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """The wrapped embedder's."""
        return await self.embedder.embed(texts, context=context, ids=ids)

    async def embed_compact(
        self, texts: Sequence[str], *, by: Projection, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> tuple[Matrix, Sequence[Compact]]:
        """The wrapped embedder's."""
        return await self.embedder.embed_compact(texts, by=by, context=context, ids=ids)

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        """The wrapped embedder's, made once."""
        (key,) = question_keys(self.fingerprint, [text])
        async with self._alone(key):
            vectors = await self._vectors([key], [text], context)
        return vectors[0]

    async def embed_queries(self, texts: Sequence[str], *, context: Context) -> Sequence[Vector]:
        """The wrapped embedder's, each made once; all that is missing in one pass."""
        return list(await self._vectors(question_keys(self.fingerprint, texts), texts, context))

    async def embed_query_compact(self, text: str, *, by: Projection, context: Context) -> tuple[Vector, Compact]:
        """The wrapped embedder's, made once with that projection."""
        (key,) = compact_keys(self.fingerprint, by.digest, [text])
        width = by.basis.shape[1]
        async with self._alone(key):
            found = self._remembered([key])
            if not found:
                read = await self._room.get([key], context=context)
                found = {name: one for name, one in read.items() if _whole(one.value, self.dimensions, width)}
                self._room.count(hits=len(found), misses=1 - len(found))
            if not found:
                value = _packed(*await self.embedder.embed_query_compact(text, by=by, context=context))
                found = await self._keep({key: value}, context)
            self._recent.put(found)
        return _unpacked(found[key].value, self.dimensions, width)

    async def _vectors(self, keys: Sequence[bytes], texts: Sequence[str], context: Context) -> Matrix:
        import numpy as np

        found = self._remembered(keys)
        others = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}  # each once
        if others:
            found |= await self._room.vectors(others, dimensions=self.dimensions, context=context)
            missing = [key for key in others if key not in found]
            self._room.count(hits=len(others) - len(missing), misses=len(missing))
            if missing:
                vectors = await self._made([others[key] for key in missing], context)
                made = {key: np.asarray(one, "<f4").tobytes() for key, one in zip(missing, vectors, strict=True)}
                found |= await self._keep(made, context)
            self._recent.put({key: found[key] for key in others})
        return joined((found[key] for key in keys), self.dimensions)

    async def _made(self, texts: Sequence[str], context: Context) -> Sequence[Vector]:
        if len(texts) == 1:
            return [await self.embedder.embed_query(texts[0], context=context)]
        return await self.embedder.embed_queries(texts, context=context)

    async def _keep(self, made: Mapping[bytes, bytes], context: Context) -> dict[bytes, Found]:
        await self._room.put(made, seconds=KEPT, context=context)
        now = time.time()
        return {key: Found(value, now) for key, value in made.items()}

    @asynccontextmanager
    async def _alone(self, key: bytes) -> AsyncGenerator[None]:
        """Of those who ask for one thing at once, the first makes it; if it fails or leaves, the next one does."""
        name = asyncio.get_running_loop(), key  # a lock serves one event loop alone
        lock = self._making.get(name) or asyncio.Lock()
        self._making[name] = lock
        async with lock:
            yield

    def _remembered(self, keys: Sequence[bytes]) -> dict[bytes, Found]:
        oldest = time.time() - KEPT
        return {key: found for key, found in self._recent.get(keys).items() if found.made > oldest}


def _packed(vector: Vector, rows: Compact) -> bytes:
    import numpy as np

    return _COUNT.pack(len(rows)) + np.asarray(vector, "<f4").tobytes() + rows.tobytes()


def _whole(value: bytes, dimensions: int, width: int) -> bool:
    """Whether that is what `_packed` makes, whoever has written it."""
    import numpy as np

    begins = _COUNT.size + 4 * dimensions
    if len(value) < begins or len(value) != begins + width * _COUNT.unpack_from(value)[0]:
        return False
    return bool(np.isfinite(np.frombuffer(value, "<f4", dimensions, _COUNT.size)).all())


def _unpacked(value: bytes, dimensions: int, width: int) -> tuple[Vector, Compact]:
    import numpy as np

    vector = np.frombuffer(value, "<f4", dimensions, _COUNT.size)
    rows = np.frombuffer(value, np.int8, offset=_COUNT.size + 4 * dimensions)
    return vector.copy(), rows.reshape(-1, width).copy()
