"""Vectors that were made before, by the embedder's fingerprint and the text.

`CachedEmbedder` stands in place of the embedder that it wraps. What it keeps lies in `cache.db`, which may be deleted
at any time: then the next texts are embedded again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ragstone.caching.key import vector_keys
from ragstone.protocols import Embedder
from ragstone.state import batches
from ragstone.state.database import Database
from ragstone.types import Context
from ragstone.wrapped import WrappedEmbedder

if TYPE_CHECKING:
    from ragstone.types import Matrix, Vector

__all__ = ["SENTENCES", "CachedEmbedder", "VectorCache"]

log = logging.getLogger("ragstone")

MAX_BYTES = 2_000_000_000  # of vectors; the oldest make room
BATCH = 500  # SQLite's older builds allow 999 variables in a statement

# A number is the format's: another one begins with a table of its own.
VECTORS, SENTENCES = "vectors_1", "sentences_1"


class VectorCache:
    """Vectors, or other bytes that were dear to make, by key in a file, or in memory without one. Its methods block.

    A cache never stands in the way: what cannot be read counts as not there, what cannot be written is not kept, and
    the log says so. It holds `max_rows`, or where these are of one length, `max_bytes`.
    """

    def __init__(
        self, path: Path | None, *, max_bytes: int = MAX_BYTES, max_rows: int | None = None, table: str = VECTORS
    ) -> None:
        self.path, self.max_bytes, self.max_rows, self._table = path, max_bytes, max_rows, table
        # After a power cut vectors are made again.
        self._file = Database(path, self._create, synchronous="OFF", mapped=max_bytes)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that are there."""
        found: dict[bytes, bytes] = {}
        with self._spared(), self._file.reading() as db:
            for first in range(0, len(keys), BATCH):
                part = keys[first : first + BATCH]
                marks = ",".join("?" * len(part))
                found.update(db.execute(f"SELECT key, vector FROM {self._table} WHERE key IN ({marks})", part))  # noqa: S608
        return found

    def held(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys that are there."""
        return set(self.get(keys))

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Keeps vectors, and drops the oldest beyond the limit."""
        if not vectors:
            return
        with self._spared(), self._file.writing() as db:
            batches.insert(db, f"INSERT OR IGNORE INTO {self._table}", list(vectors.items()))
            most = self.max_rows or max(1, self.max_bytes // len(next(iter(vectors.values()))))
            newest = f"(SELECT max(rowid) FROM {self._table})"  # noqa: S608 - a name of ours
            db.execute(f"DELETE FROM {self._table} WHERE rowid <= {newest} - ?", (most,))  # noqa: S608

    def forget(self, keys: Sequence[bytes]) -> None:
        """Removes vectors; an unknown key is no error."""
        with self._spared(), self._file.writing() as db:
            db.executemany(f"DELETE FROM {self._table} WHERE key=?", [(key,) for key in keys])  # noqa: S608

    def clear(self) -> None:
        """Removes everything."""
        with self._spared(), self._file.writing() as db:
            db.execute(f"DELETE FROM {self._table}")  # noqa: S608 - a name of ours

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    def _create(self, db: sqlite3.Connection) -> None:
        db.execute(f"CREATE TABLE IF NOT EXISTS {self._table} (key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)")

    @contextmanager
    def _spared(self) -> Generator[None]:
        """What goes wrong here is said, and nothing more: the next call opens the file anew."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            log.warning("%s: the cache of vectors cannot be used: %s", self.path or "memory", error)
            self._file.close()


class CachedEmbedder(WrappedEmbedder):
    """Asks the cache first. Questions are not kept: they rarely come twice, and are nobody's business later.

    >>> embedder = CachedEmbedder(OpenVINOEmbedder(), VectorCache(Path(".ragstone/cache.db")))
    >>> await embedder.known(["one", "two"], context=context)
    [True, False]
    """

    def __init__(self, embedder: Embedder, cache: VectorCache) -> None:
        super().__init__(embedder)
        self.cache = cache

    async def close(self) -> None:
        """Closes the cache and the wrapped embedder."""
        await asyncio.to_thread(self.cache.close)
        await super().close()

    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """Vectors of passages, shape (len(texts), dimensions); a text that stands there twice is embedded once."""
        import numpy as np

        keys = vector_keys(self.fingerprint, texts)
        found = await asyncio.to_thread(self.cache.get, list(dict.fromkeys(keys)))
        kept: dict[bytes, Vector] = {key: np.frombuffer(vector, dtype="<f4") for key, vector in found.items()}
        first: dict[bytes, int] = {}
        for at, key in enumerate(keys):
            first.setdefault(key, at)
        new = [at for key, at in first.items() if key not in kept]
        if new:
            made = await self.embedder.embed(
                [texts[at] for at in new], context=context, ids=[ids[at] for at in new] if ids is not None else None
            )
            kept |= {keys[at]: vector for at, vector in zip(new, made, strict=True)}
            rows = {keys[at]: np.asarray(kept[keys[at]], dtype="<f4").tobytes() for at in new}
            await asyncio.to_thread(self.cache.put, rows)
        if not texts:
            return await self.embedder.embed(texts, context=context)
        return np.stack([kept[key] for key in keys])

    async def known(self, texts: Sequence[str], *, context: Context) -> Sequence[bool]:
        """For each text whether its vector is kept, or made once with an equal one before it."""
        keys = vector_keys(self.fingerprint, texts)
        held = await asyncio.to_thread(self.cache.held, list(dict.fromkeys(keys)))
        seen: set[bytes] = set(held)
        answer: list[bool] = []
        for key in keys:
            answer.append(key in seen)
            seen.add(key)
        return answer

    async def forget(self, texts: Sequence[str]) -> None:
        """Removes the vectors of texts from the cache."""
        await asyncio.to_thread(self.cache.forget, vector_keys(self.fingerprint, texts))
        await super().forget(texts)
