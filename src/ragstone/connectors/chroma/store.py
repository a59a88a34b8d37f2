"""The vector store that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ragstone.connectors.chroma import vendor
from ragstone.connectors.chroma.changes import Change
from ragstone.connectors.chroma.faults import is_of_chroma, translated
from ragstone.connectors.chroma.places import Folder, Memory, Place, Server
from ragstone.connectors.chroma.session import Sessions
from ragstone.connectors.chroma.vendor import Collection, dimensions, touch
from ragstone.connectors.chroma.where import Where, translate
from ragstone.connectors.chroma.whole import Stamp, Whole
from ragstone.errors import ConfigError, IndexMismatch, StoreUnavailable
from ragstone.protocols import FILTERS, Capabilities, VectorStore
from ragstone.types import Context, Filter, Record, Scored

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["ChromaStore"]

T = TypeVar("T")

BATCH = 2_000  # records in one write; Chroma takes 5,461 at most
MOST = 2**31 - 1  # the largest k that Chroma takes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,200}[A-Za-z0-9]")


class ChromaStore(VectorStore):
    """Embedded in a folder under `path`, on the server at `url` when that is given, or in memory with neither.

    >>> store = ChromaStore(Path(".ragstone/chroma"))
    >>> await store.upsert([Record(chunk, vector)], context=context)
    >>> await store.search(vector, k=8, where=Condition("lang", "eq", "en"), context=context)
    [Scored(id='0b3c…', score=1.0)]
    >>> await store.close()  # from now on readers that are open see it, too

    It keeps ids, vectors and what filters look at, never the text. In a folder, one process may write while others
    read, and neither a kill nor a full disk harms what was acknowledged (generations.py).
    """

    def __init__(self, path: Path | None = None, *, url: str = "", collection: str = "ragstone") -> None:
        if not _NAME.fullmatch(collection):
            raise ConfigError(
                "the collection's name does not suit Chroma",
                expected="3 to 202 letters, digits, '.', '_' and '-', a letter or digit at both ends",
                found=repr(collection),
            )
        if url and not url.startswith(("http://", "https://")):
            raise ConfigError("the URL of the Chroma server", expected="http://… or https://…", found=repr(url))
        self._place: Place = (
            Server(url, collection) if url else Folder(path, collection) if path else Memory(collection)
        )
        self._sessions = Sessions(self._place)
        self._writing = threading.Lock()
        self._published: tuple[Path | None, int] = None, 0  # a generation, and how many records it keeps
        self._whole, self._written = Whole(), 0
        self.capabilities = Capabilities(filters=FILTERS, local=not url)

    async def load(self) -> None:
        """Imports chromadb, and reads the index into memory where there is one."""
        await asyncio.to_thread(self._load)

    async def prepare(self, dimensions: int) -> None:
        """Makes the first draft of a folder in which nothing was written yet."""
        await asyncio.to_thread(self._prepare, dimensions)

    async def flush(self) -> None:
        """Publishes what this store has written, so that other processes see it."""
        await asyncio.to_thread(self._flush)

    async def close(self) -> None:
        """Publishes what this store has written, and gives everything back. The next call opens it again."""
        await asyncio.to_thread(self._close)

    async def upsert(self, records: Sequence[Record], *, context: Context) -> None:
        """Writes or replaces, by chunk id. On return the records are on disk."""
        latest = list({record.chunk.id: record for record in records}.values())
        await asyncio.to_thread(self._upsert, latest)

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes; an unknown id is no error."""
        await asyncio.to_thread(self._delete, list(dict.fromkeys(ids)))

    async def search(
        self, vector: Vector, *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks, by cosine similarity in [-1, 1], best first; equal scores by id."""
        condition = translate(where) if where else None
        if k < 1:
            return []
        return await asyncio.to_thread(self._search, vector, k, condition)

    async def count(self, *, context: Context) -> int:
        """How many records it keeps. What this store has published last is not opened for that."""
        place, count = self._published
        if place is not None and place == self._place.generation():
            return count
        return await asyncio.to_thread(self._read, _count) or 0

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all records."""
        return await asyncio.to_thread(self._read, _ids) or []

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Mapping[str, Vector]:
        """The vectors of those that it keeps, as float32."""
        found: dict[str, Vector] = {}
        for at in range(0, len(ids), BATCH):
            found |= await asyncio.to_thread(self._read, partial(_vectors, list(ids[at : at + BATCH]))) or {}
        return found

    async def drop(self, *, context: Context) -> None:
        """Removes the collection; its next upsert may bring vectors of another length."""
        await asyncio.to_thread(self._drop)

    # ── In threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _load(self) -> None:
        with self._translated():
            vendor.load()
        self._read(touch)

    def _prepare(self, dimensions: int) -> None:
        with self._translated(), self._writing:
            if self._place.prepare(dimensions):
                self._done(_count, dimensions)

    def _flush(self) -> None:
        if self._place.written():
            with self._translated(), self._writing:
                count = self._done(_count)
                with self._sessions.paused():
                    whole = self._place.flush()
                if whole:
                    self._published = self._place.generation(), count or 0
            vendor.trim()

    def _close(self) -> None:
        with self._translated(), self._writing, self._sessions.paused():
            self._place.finish()

    def _drop(self) -> None:
        with self._translated(), self._writing, self._sessions.paused():
            try:
                self._place.drop()
            finally:
                self._written += 1

    def _upsert(self, records: Sequence[Record]) -> None:
        for at in range(0, len(records), BATCH):
            batch = records[at : at + BATCH]
            _demand_one_length(batch)
            self._write(Change.of(batch))

    def _delete(self, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), BATCH):
            batch = list(ids[at : at + BATCH])
            self._write(Change(batch))

    def _search(self, vector: Vector, k: int, where: Where | None) -> list[Scored]:
        with self._translated():
            stamp = None if where else self._stamp()  # before the collection is opened: an older stamp does no harm

        def ask(collection: Collection) -> list[Scored]:
            _demand_length(collection, vector)
            found = self._whole.nearest(vector, k, collection, stamp) if stamp else None
            return _nearest(vector, k, where, collection) if found is None else found

        return self._read(ask) or []

    def _stamp(self) -> Stamp | None:
        """What changes with every write, of this process or another; None where nobody says when there was one."""
        stamp = self._place.stamp()
        return None if stamp is None else (self._written, *stamp)

    def _read(self, ask: Callable[[Collection], T]) -> T | None:
        for pause in self._place.pauses:
            with suppress(StoreUnavailable):  # a server may be about to start again
                return self._read_once(ask)
            time.sleep(pause)
        return self._read_once(ask)

    def _read_once(self, ask: Callable[[Collection], T]) -> T | None:
        with self._translated():
            try:
                return self._done(ask)
            except BaseException as error:
                if not is_of_chroma(error):
                    raise
            with self._writing:  # a filter may meet a record that another thread has written by half
                return self._done(ask)

    def _write(self, change: Change) -> None:
        with self._translated(), self._writing:
            with self._place.writing(change):
                try:
                    self._done(partial(_make, change), change.length)
                finally:
                    self._written += 1
            if self._place.overdue():
                with self._sessions.paused():
                    self._place.flush()
        vendor.trim()

    def _done(self, act: Callable[[Collection], T], length: int | None = None) -> T | None:
        """What `act` makes of the collection; None where there is none, and no length of vectors asks for one.

        When Chroma stumbles, over what another process has written perhaps, it is opened anew and tried again.
        """
        try:
            return self._done_once(act, length)
        except BaseException as error:
            if not is_of_chroma(error):
                raise
        return self._done_once(act, length)

    def _done_once(self, act: Callable[[Collection], T], length: int | None) -> T | None:
        try:
            with self._sessions.use(length) as collection:
                return None if collection is None else act(collection)
        except BaseException:
            self._sessions.retire()
            raise

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._place.label, self._place.folder, server=isinstance(self._place, Server))


# ── What is done with a collection ──────────────────────────────────────────────────────────────────────────────────


def _count(collection: Collection) -> int:
    return collection.count()


def _ids(collection: Collection) -> list[str]:
    return list(collection.get(include=[])["ids"])


def _vectors(ids: list[str], collection: Collection) -> dict[str, Vector]:
    found = collection.get(ids=ids, include=["embeddings"])
    return dict(zip(found["ids"], found["embeddings"], strict=True))


def _make(change: Change, collection: Collection) -> None:
    if change.vectors is not None:
        _demand_length(collection, change.vectors[0])
    change.apply(collection)


def _nearest(vector: Vector, k: int, where: Where | None, collection: Collection) -> list[Scored]:
    found = collection.query(query_embeddings=[vector], n_results=min(k, MOST), where=where, include=["distances"])
    pairs = zip(found["ids"][0], found["distances"][0], strict=True)
    scored = [Scored(name, max(-1.0, min(1.0, 1.0 - distance))) for name, distance in pairs]
    return sorted(scored, key=lambda one: (-one.score, one.id))


def _demand_length(collection: Collection, vector: Vector) -> None:
    if len(vector) != dimensions(collection):
        raise IndexMismatch(
            "the vectors in the index were made by another embedder",
            where=collection.name,
            expected=f"{dimensions(collection)} dimensions",
            found=str(len(vector)),
            hint="Run: ragstone ingest",
        )


def _demand_one_length(records: Sequence[Record]) -> None:
    lengths = {len(record.vector) for record in records}
    if len(lengths) > 1:
        raise IndexMismatch(
            "the vectors were made by several embedders",
            where="the vector store",
            expected="vectors of one length",
            found=" and ".join(f"{length} dimensions" for length in sorted(lengths)),
            hint="Run: ragstone ingest",
        )
