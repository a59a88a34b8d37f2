"""The vector store that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ragstone.connectors.chroma import client as chroma
from ragstone.connectors.chroma.faults import is_chromas, translated
from ragstone.connectors.chroma.generations import Generations, copied
from ragstone.connectors.chroma.where import Where, stored, translate
from ragstone.errors import ConfigError, IndexBusy, IndexMismatch
from ragstone.protocols import FILTERS, Capabilities, VectorStore
from ragstone.types import Context, Filter, Record, Scored

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

    from ragstone.types import Vector

__all__ = ["ChromaStore"]

T = TypeVar("T")

BATCH = 2_000  # records in one write; Chroma takes 5,461 at most
UNFOLDED = 10_000  # writes in the log until it is folded: reading so many again takes about a second
MOST = 2**31 - 1  # the largest k that Chroma takes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,200}[A-Za-z0-9]")


@dataclass(slots=True)
class _Session:
    """An open client with the collection. It closes once it is retired and nobody uses it any more."""

    client: ClientAPI
    collection: Collection
    folder: Path | None
    users: int = 0
    retired: bool = False


class ChromaStore(VectorStore):
    """Embedded in `path`, on the server at `url` when that is given, or in memory with neither.

    >>> store = ChromaStore(Path(".ragstone/chroma"))
    >>> await store.upsert([Record(chunk, vector)], context=context)
    >>> await store.search(vector, k=8, where=Condition("lang", "eq", "en"), context=context)
    [Scored(id='0b3c…', score=1.0)]
    >>> await store.close()  # other processes, and those that are open already, now see what was written

    It keeps ids, vectors and what filters look at, never the text. Embedded, one process may write while others read,
    and neither a kill nor a full disk harms what was acknowledged (generations.py).
    """

    def __init__(self, path: Path | None = None, *, url: str = "", collection: str = "ragstone") -> None:
        if not _NAME.fullmatch(collection):
            raise ConfigError(
                "the collection's name does not suit Chroma",
                expected="3 to 202 letters, digits, '.', '_' and '-', the first and the last a letter or digit",
                found=repr(collection),
            )
        if url and not url.startswith(("http://", "https://")):
            raise ConfigError("the URL of the Chroma server", expected="http://… or https://…", found=repr(url))
        self.capabilities = Capabilities(filters=FILTERS, local=not url)
        self._url = url.rstrip("/")
        self._generations = Generations(path / collection) if path and not url else None
        # All clients in memory share one: a name of its own keeps two stores apart.
        self._name = collection if path or url else f"{collection}-{secrets.token_hex(6)}"
        self._session: _Session | None = None
        self._opening, self._writing = threading.Lock(), threading.Lock()
        self._unfolded = 0

    async def load(self) -> None:
        """Imports chromadb and reads the index, where there is one, into memory."""
        await asyncio.to_thread(self._load)

    async def close(self) -> None:
        """Folds the log, if this store has written, and gives everything back. The next call opens it again."""
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
        return await asyncio.to_thread(self._read, partial(_nearest, vector, k, condition), [])

    async def count(self, *, context: Context) -> int:
        """How many records it keeps."""
        return await asyncio.to_thread(self._read, lambda collection: collection.count(), 0)

    # ── Reading and writing, in threads ─────────────────────────────────────────────────────────────────────────────

    def _load(self) -> None:
        with self._translated():
            import chromadb as chromadb

        self._read(lambda collection: collection.query(query_embeddings=[chroma.some_vector(collection)], n_results=1), None)

    def _read(self, ask: Callable[[Collection], T], nothing: T) -> T:
        with self._translated():
            found = self._attempted(ask)
            return nothing if found is None else found

    def _upsert(self, records: Sequence[Record]) -> None:
        for at in range(0, len(records), BATCH):
            batch = records[at : at + BATCH]
            self._write(partial(_replace, batch), len(batch), dimensions=len(batch[0].vector))

    def _delete(self, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), BATCH):
            batch = list(ids[at : at + BATCH])
            self._write(lambda collection, batch=batch: collection.delete(ids=batch), len(batch))

    def _write(self, change: Callable[[Collection], Any], writes: int, *, dimensions: int | None = None) -> None:
        """Changes the collection; the vectors' length says that it may be made."""
        with self._translated(), self._writing:
            if self._generations is None:
                self._attempted(change, dimensions)
                return
            if dimensions is None and self._generations.current() is None:
                return
            with self._generations.writing():
                self._attempted(change, dimensions)
                self._unfolded += writes
                if self._unfolded >= UNFOLDED:
                    self._fold()

    def _attempted(self, act: Callable[[Collection], T], dimensions: int | None = None) -> T | None:
        """What `act` makes of the collection; None where there is none.

        When Chroma stumbles over what another process wrote meanwhile, it gets a fresh look at it, once.
        """
        for last in (False, True):
            try:
                with self._leased(dimensions) as session:
                    return act(session.collection) if session else None
            except Exception as error:
                self._retire()
                if last or not is_chromas(error):
                    raise
        raise AssertionError("unreachable")

    def _fold(self) -> None:
        """Makes the next generation, with the log folded into its index. The caller keeps other writers out."""
        assert self._generations is not None
        current = self._generations.current()
        self._unfolded = 0
        self._retire()
        if current is None:
            return

        def build(draft: Path) -> None:
            copied(current, draft)
            chroma.fold(draft, self._name)

        self._generations.publish(build)

    def _close(self) -> None:
        with self._translated(), self._writing:
            if self._unfolded and self._generations is not None:
                with suppress(IndexBusy), self._generations.writing():  # a busy writer will fold it
                    self._fold()
            if self._session and not self._url and self._generations is None:
                self._session.client.delete_collection(self._name)
            self._retire()

    # ── The open client ─────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _leased(self, dimensions: int | None) -> Generator[_Session | None]:
        """The session, kept open for the block; None where there is no collection, and none may be made."""
        with self._opening:
            session = self._current(dimensions)
            if session:
                session.users += 1
        try:
            yield session
        finally:
            if session:
                with self._opening:
                    session.users -= 1
                    _close_unused(session)

    def _current(self, dimensions: int | None) -> _Session | None:
        folder = self._generations.current() if self._generations else None
        if self._session and self._session.folder != folder:
            self._drop()  # another process has published a generation, or the folder was deleted
        if self._session is None:
            self._session = self._opened(folder, dimensions)
        return self._session

    def _opened(self, folder: Path | None, dimensions: int | None) -> _Session | None:
        if self._generations:
            if folder is None and dimensions is None:
                return None
            folder = folder or self._generations.publish(partial(self._make, dimensions))
        client = self._client(folder)
        collection = chroma.opened(client, self._name)
        if collection is None and dimensions is not None:
            collection = chroma.create(client, self._name, dimensions, folded_by_us=folder is not None)
        if collection is None:
            client.close()
            return None
        return _Session(client, collection, folder)

    def _client(self, folder: Path | None) -> ClientAPI:
        if folder:
            return chroma.in_folder(folder)
        return chroma.on_server(self._url) if self._url else chroma.in_memory()

    def _retire(self) -> None:
        with self._opening:
            self._drop()

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session:
            session.retired = True
            _close_unused(session)

    def _translated(self) -> Any:
        return translated(self._url, self._generations.folder if self._generations else None)
