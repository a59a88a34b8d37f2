"""The three places that a collection can live in: a folder, a server, the memory of this process.

Here alone chromadb is imported, by whatever thread first needs it.
"""

from __future__ import annotations

import secrets
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragstone.connectors.chroma.generations import Generations, copy
from ragstone.connectors.chroma.session import Session
from ragstone.errors import IndexBusy

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

__all__ = ["DIMENSIONS", "Folder", "Memory", "Place", "Server"]

DIMENSIONS = "dimensions"  # the collection's own note of how long its vectors are
EF_SEARCH = 400
"""How far a search looks around. On 20,000 clustered vectors it finds 100 % of the 10 nearest, 98 % of the 100."""

UNFOLDED = 10_000  # writes in the log until it is folded; to read so many again takes about a second

_NEVER = 10**9  # writes until Chroma rewrites its index files in place
_NOW = 2  # the least that it takes


class Place(ABC):
    """Where one collection lives. `label` names it in errors; `folder` is its own, where it has one."""

    label: str
    folder: Path | None = None

    @abstractmethod
    def opened(self, dimensions: int | None) -> Session | None:
        """A new session; None where nothing was ever written and no dimensions ask for a collection."""

    def generation(self) -> Path | None:
        """Another one than before means that the collection has to be opened anew."""
        return None

    def writing(self, writes: int) -> AbstractContextManager[None]:
        """Goes around a change of that many records."""
        return nullcontext()

    def finish(self) -> None:
        """Comes after the last change."""


class Server(Place):
    """A Chroma server. It looks after its files itself."""

    def __init__(self, url: str, collection: str) -> None:
        self.label = url.rstrip("/")
        self._collection = collection

    def opened(self, dimensions: int | None) -> Session | None:
        """A session over HTTP."""
        import chromadb

        port = 8000  # would count if the host were no URL
        settings = _settings(chroma_server_host=self.label, chroma_server_http_port=port)
        client = chromadb.HttpClient(host=self.label, port=port, settings=settings)
        return _session(client, self._collection, dimensions)


class Memory(Place):
    """The memory of this process. Chroma shares it between clients, so each collection gets a name of its own."""

    label = "the vectors in memory"

    def __init__(self, collection: str) -> None:
        self._collection = f"{collection}-{secrets.token_hex(6)}"
        self._anchor: ClientAPI | None = None  # the memory is gone with its last client

    def opened(self, dimensions: int | None) -> Session | None:
        """A session in memory."""
        if self._anchor is None:
            if dimensions is None:
                return None
            self._anchor = _client(None)
        return _session(_client(None), self._collection, dimensions)

    def finish(self) -> None:
        """Frees what the collection holds, since another store may keep the memory alive."""
        client, self._anchor = self._anchor, None
        if client:
            with closing(client):
                if _found(client, self._collection):
                    client.delete_collection(self._collection)


class Folder(Place):
    """A folder of this collection's own, in generations."""

    def __init__(self, path: Path, collection: str) -> None:
        self.folder = path / collection
        self.label = str(self.folder)
        self._collection = collection
        self._generations = Generations(self.folder)
        self._unfolded = 0

    def generation(self) -> Path | None:
        """The newest one."""
        return self._generations.current()

    def opened(self, dimensions: int | None) -> Session | None:
        """A session in the newest generation. The first is published whole, so that nobody meets it half made."""
        generation = self._generations.current()
        if generation is None:
            if dimensions is None:
                return None
            generation = self._generations.publish(lambda draft: self._make(draft, dimensions))
        with _closed_on_error(_client(generation)) as client:
            collection = client.get_collection(self._collection, embedding_function=None)
            return Session(client, collection, generation)

    @contextmanager
    def writing(self, writes: int) -> Generator[None]:
        """Keeps other processes from writing, and folds the log when it has grown long."""
        with self._generations.lock():
            yield
            self._unfolded += writes
            if self._unfolded >= UNFOLDED:
                self._fold()

    def finish(self) -> None:
        """Folds what was written, so that it opens at once and readers that are open see it."""
        if self._unfolded:
            with suppress(IndexBusy), self._generations.lock():  # the busy writer folds it with its own
                self._fold()

    def _make(self, draft: Path, dimensions: int) -> None:
        with closing(_client(draft)) as client:
            _create(client, self._collection, dimensions, sync_threshold=_NEVER)

    def _fold(self) -> None:
        current = self._generations.current()
        self._unfolded = 0
        if current:
            self._generations.publish(lambda draft: self._folded(current, draft))

    def _folded(self, current: Path, draft: Path) -> None:
        """Makes Chroma write what the copy's log holds into its index files: it does, opening one that is overdue."""
        copy(current, draft)
        self._set_threshold(draft, _NOW)
        with closing(_client(draft)) as client:
            collection = client.get_collection(self._collection, embedding_function=None)
            anything = [1.0] * collection.metadata[DIMENSIONS]
            collection.query(query_embeddings=[anything], n_results=1, include=[])
        self._set_threshold(draft, _NEVER)

    def _set_threshold(self, draft: Path, writes: int) -> None:
        # What it warns of is that no embedding function is known; the vectors are our own.
        warnings.filterwarnings("ignore", "legacy embedding function config", DeprecationWarning)
        with closing(_client(draft)) as client:
            collection = client.get_collection(self._collection, embedding_function=None)
            collection.modify(configuration={"hnsw": {"sync_threshold": writes}})


# ── Chroma's clients and collections ────────────────────────────────────────────────────────────────────────────────


def _client(folder: Path | None) -> ClientAPI:
    """A client in this process, of a folder or of the memory."""
    import chromadb

    if folder is None:
        return chromadb.EphemeralClient(settings=_settings(is_persistent=False))
    return chromadb.PersistentClient(folder, settings=_settings(is_persistent=True, persist_directory=str(folder)))


def _settings(**given: Any) -> Any:
    """Settings that come from here alone, not from a `.env` in the working folder, and without telemetry."""
    from chromadb.config import Settings

    quiet = {"anonymized_telemetry": False, "chroma_otel_granularity": "none", "chroma_otel_collection_endpoint": ""}
    return Settings(_env_file=None, **quiet, **given)  # pyright: ignore


@contextmanager
def _closed_on_error(client: ClientAPI) -> Generator[ClientAPI]:
    try:
        yield client
    except BaseException:
        client.close()
        raise


def _session(client: ClientAPI, name: str, dimensions: int | None) -> Session | None:
    with _closed_on_error(client):
        collection = _found(client, name)
        if collection is None and dimensions is not None:
            collection = _create(client, name, dimensions)
    if collection is None:
        client.close()
        return None
    return Session(client, collection)


def _found(client: ClientAPI, name: str) -> Collection | None:
    from chromadb.errors import NotFoundError

    try:
        return client.get_collection(name, embedding_function=None)
    except NotFoundError:
        return None


def _create(client: ClientAPI, name: str, dimensions: int, **options: int) -> Collection:
    hnsw: Any = {"space": "cosine", "ef_search": EF_SEARCH, **options}
    # An embedding function, where none is refused, would be downloaded.
    return client.get_or_create_collection(
        name, configuration={"hnsw": hnsw}, metadata={DIMENSIONS: dimensions}, embedding_function=None
    )
