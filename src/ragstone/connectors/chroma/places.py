"""The three places that a collection can live in: a server, the memory of this process, a folder."""

from __future__ import annotations

import secrets
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path

from ragstone.connectors.chroma import vendor
from ragstone.connectors.chroma.generations import Generations, copy
from ragstone.connectors.chroma.session import Session
from ragstone.connectors.chroma.whole import Stamp
from ragstone.errors import IndexBusy

__all__ = ["Folder", "Memory", "Place", "Server"]

AT_ONCE = 2_000  # records that are removed in one go
UNFOLDED = 10_000  # writes in the log until it is folded; to read so many again takes about a second

_NEVER = 10**9  # writes until Chroma rewrites its index files in place
_NOW = 2  # the least that it takes


class Place(ABC):
    """Where one collection lives. `label` names it in errors; `folder` is its own, where it has one."""

    label: str
    folder: Path | None = None
    pauses: tuple[float, ...] = ()  # seconds before a question that was not answered is asked again

    @abstractmethod
    def opened(self, length: int | None) -> Session | None:
        """A new session; None where nothing was ever written and no length of vectors asks for a collection."""

    def generation(self) -> Path | None:
        """Another one than before means that the collection has to be opened anew."""
        return None

    def stamp(self) -> Stamp | None:
        """Another one than before means that somebody else may have written; None where nobody can say."""
        return None

    def writing(self, writes: int) -> AbstractContextManager[None]:
        """Goes around a change of that many records."""
        return nullcontext()

    def flush(self) -> None:  # noqa: B027 - a server and the memory show every change at once
        """Comes after the last change of a run: on return other processes see it."""

    def finish(self) -> None:
        """Comes after the last change of all."""
        self.flush()

    @abstractmethod
    def drop(self) -> None:
        """Removes the collection, whatever state it is in."""


class Server(Place):
    """A Chroma server. It looks after its files itself."""

    pauses = (0.05, 0.2, 0.6)

    def __init__(self, url: str, collection: str) -> None:
        self.label = url.rstrip("/")
        self._collection = collection

    def opened(self, length: int | None) -> Session | None:
        """A session over HTTP."""
        return _session(vendor.on_server(self.label), self._collection, length)

    def drop(self) -> None:
        """Asks the server to."""
        client = vendor.on_server(self.label)
        try:
            _delete(client, self._collection)
        finally:
            vendor.close(client)  # its own `close` leaves the connections open


class Memory(Place):
    """The memory of this process. Chroma shares it between clients, so each collection gets a name of its own."""

    label = "the vectors in memory"

    def __init__(self, collection: str) -> None:
        self._collection = f"{collection}-{secrets.token_hex(6)}"
        self._anchor: vendor.Client | None = None  # the memory is gone with its last client

    def opened(self, length: int | None) -> Session | None:
        """A session in memory."""
        if self._anchor is None:
            if length is None:
                return None
            self._anchor = vendor.in_memory()
        return _session(vendor.in_memory(), self._collection, length)

    def stamp(self) -> Stamp | None:
        """Nobody else knows the collection's name."""
        return ()

    def finish(self) -> None:
        """Frees what the collection holds, since another store may keep the memory alive."""
        self.drop()

    def drop(self) -> None:
        """Deletes the collection and lets the memory go."""
        client, self._anchor = self._anchor, None
        if client:
            with closing(client):
                _delete(client, self._collection)


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

    def stamp(self) -> Stamp | None:
        """That of the newest generation's database."""
        return self._generations.stamp()

    def opened(self, length: int | None) -> Session | None:
        """A session in the newest generation. The first is published whole, so that nobody meets it half made."""
        if self._generations.current() is None:
            if length is None:
                return None
            self._generations.publish(lambda draft: self._make(draft, length))
        with self._generations.opening():
            generation = self._generations.current()
            return _read_in(generation, self._collection) if generation else None

    @contextmanager
    def writing(self, writes: int) -> Generator[None]:
        """Keeps other processes from writing, and folds the log when it has grown long."""
        with self._generations.writing():
            yield
            self._unfolded += writes
            if self._unfolded >= UNFOLDED:
                self._fold()

    def flush(self) -> None:
        """Folds what was written, so that it opens at once and readers that are open see it."""
        if self._unfolded:
            with suppress(IndexBusy), self._generations.writing():  # the busy writer folds it with its own
                self._fold()

    def drop(self) -> None:
        """Removes every generation; the locks stay, since others may wait for them."""
        with self._generations.writing():
            self._generations.remove()
            self._unfolded = 0

    def _make(self, draft: Path, length: int) -> None:
        with closing(vendor.in_folder(draft)) as client:
            vendor.create(client, self._collection, length, sync_threshold=_NEVER)

    def _fold(self) -> None:
        current = self._generations.current()
        self._unfolded = 0
        if current and self._generations.has_room():  # without room it waits: the log holds everything
            self._generations.publish(lambda draft: self._folded(current, draft))

    def _folded(self, current: Path, draft: Path) -> None:
        """Makes Chroma write what the copy's log holds into its index files: it does, opening one that is overdue."""
        copy(current, draft)
        self._set_threshold(draft, _NOW)
        with closing(vendor.in_folder(draft)) as client:
            vendor.touch(client.get_collection(self._collection, embedding_function=None))
        self._set_threshold(draft, _NEVER)

    def _set_threshold(self, draft: Path, writes: int) -> None:
        # What it warns of is that it knows no embedding function; the vectors are our own.
        warnings.filterwarnings("ignore", "legacy embedding function config", DeprecationWarning)
        with closing(vendor.in_folder(draft)) as client:
            collection = client.get_collection(self._collection, embedding_function=None)
            collection.modify(configuration={"hnsw": {"sync_threshold": writes}})


def _read_in(generation: Path, name: str) -> Session:
    """A session with everything in memory, so that the files may go."""
    with vendor.closed_on_error(vendor.in_folder(generation)) as client:
        collection = client.get_collection(name, embedding_function=None)
        vendor.touch(collection)
        return Session(client, collection, generation)


def _delete(client: vendor.Client, name: str) -> None:
    """Removes a collection, its records first.

    With the collection alone the lists of their metadata stay behind in Chroma 1.5, by the numbers of their rows, and
    belong to the next records that get these: then a chunk for nobody would pass a filter for everyone.
    """
    collection = vendor.find(client, name)
    if collection is None:
        return
    while ids := collection.get(include=[], limit=AT_ONCE)["ids"]:
        collection.delete(ids=ids)
    client.delete_collection(name)


def _session(client: vendor.Client, name: str, length: int | None) -> Session | None:
    with vendor.closed_on_error(client):
        collection = vendor.find(client, name)
        if collection is None and length is not None:
            collection = vendor.create(client, name, length)
    if collection is None:
        vendor.close(client)
        return None
    return Session(client, collection)
