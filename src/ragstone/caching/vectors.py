"""The room of a cache in which vectors lie: float32, little-endian, one after the other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING

from ragstone.protocols import Cache
from ragstone.stored import Found, Stored
from ragstone.types import Context

if TYPE_CHECKING:
    from ragstone.types import Matrix

__all__ = ["VectorRoom", "joined"]

ROOM = "vectors"
FLUSHED = 5.0  # seconds at least between two times that figures are handed on


class VectorRoom:
    """What wrappers of embedders keep. It counts what was found there and what was not, as `vectors.hit` and `miss`.

    For a request whose `cache` is off, nothing lies there and nothing is kept.
    """

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self._figures, self._flushed = Counter[str](), 0.0

    async def get(self, keys: Iterable[bytes], *, context: Context) -> dict[bytes, Found]:
        """Those of the keys that are there, each asked for once, in one round trip. Nobody has looked at the values."""
        if context.cache == "off":
            return {}
        return dict(await self.cache.get(ROOM, list(dict.fromkeys(keys)), context=context))

    async def vectors(self, keys: Iterable[bytes], *, dimensions: int, context: Context) -> dict[bytes, Found]:
        """Those that are whole vectors: what has another length, or holds what is no number, is not there."""
        import numpy as np

        size = 4 * dimensions
        found = {key: one for key, one in (await self.get(keys, context=context)).items() if len(one.value) == size}
        whole = np.all(np.isfinite(joined(found.values(), dimensions)), axis=1)
        return found if whole.all() else dict(compress(found.items(), whole.tolist()))

    async def put(self, made: Mapping[bytes, bytes], *, seconds: float | None = None, context: Context) -> None:
        """Keeps what was made, in one round trip."""
        if context.cache == "off":
            return
        stored = {key: Stored(value=value, seconds=seconds) for key, value in made.items()}
        await self.cache.put(ROOM, stored, context=context)
        if time.monotonic() - self._flushed > FLUSHED:
            await self._flush(context)

    async def remove(self, keys: Sequence[bytes], *, context: Context) -> None:
        """Removes vectors; an unknown key is no error."""
        await self.cache.remove(ROOM, keys, context=context)

    def count(self, *, hits: int, misses: int) -> None:
        """Remembers it until the next thing is kept: nothing waits for figures."""
        self._figures.update({"vectors.hit": hits, "vectors.miss": misses})

    async def close(self) -> None:
        """Hands on the last figures. The cache may be another's too, who closes it."""
        await self._flush(Context())

    async def _flush(self, context: Context) -> None:
        figures, self._figures = +self._figures, Counter[str]()
        self._flushed = time.monotonic()
        if figures:
            await self.cache.count(figures, context=context)


def joined(found: Iterable[Found], dimensions: int) -> Matrix:
    """The vectors of entries, shape (entries, dimensions)."""
    import numpy as np

    return np.frombuffer(bytearray().join(one.value for one in found), "<f4").reshape(-1, dimensions)
