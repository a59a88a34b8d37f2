"""The three places that a collection can live in: a server, the memory of this process, a folder."""

from __future__ import annotations

import errno
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path

from ragstone.connectors.chroma import vendor
from ragstone.connectors.chroma.changes import Change, Journal
from ragstone.connectors.chroma.generations import Generations, copy
from ragstone.connectors.chroma.session import Session
from ragstone.connectors.chroma.whole import Stamp
from ragstone.errors import IndexBusy

__all__ = ["Folder", "Memory", "Place", "Server"]

AT_ONCE = 2_000  # records that are removed in one go
UNPUBLISHED = 10_000  # records until a draft is published; to write so many again takes a few seconds

_AT_ONCE = 2
"""Records until Chroma rewrites its index files, the least that it takes: it rewrites what has changed. Else it reads
all of its log again with each write."""


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

    def writing(self, change: Change) -> AbstractContextManager[None]:
        """Goes around a change."""
        return nullcontext()

    def prepare(self, length: int) -> bool:
        """Whether it has made the place for the first vectors, which are of that length."""
        return False

    def written(self) -> bool:
        """Whether there is anything to flush."""
        return False

    def overdue(self) -> bool:
        """Whether it is so much that it should be flushed although more may come."""
        return False

    def flush(self) -> bool:
        """Comes after the last change of a run, while no session is open: on return other processes see it.

        Says whether it made a generation of what the last session held, and of nothing else.
        """
        return False  # a server and the memory show every change at once

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
    """A folder of this collection's own, in generations (generations.py)."""

    def __init__(self, path: Path, collection: str) -> None:
        self.folder = path / collection
        self.label = str(self.folder)
        self._collection = collection
        self._generations = Generations(self.folder)
        self._journal = Journal(self.folder / "journal")
        self._drafting = self._generations.drafting()
        self._draft: Path | None = None
        self._base, self._noted, self._writes = "", 0, 0  # of the draft: what it is made of, and what it holds beyond
        self._length: int | None = None  # of the vectors that an empty draft was made for

    def generation(self) -> Path | None:
        """The newest one, or the draft of the one after it."""
        current = self._generations.current()
        return self._draft if self._draft and self._is_based_on(current) else current

    def stamp(self) -> Stamp | None:
        """The generation: whoever writes makes another one, and no name comes again."""
        return (self.generation(),)

    def opened(self, length: int | None) -> Session | None:
        """A session in the draft, else in the newest generation."""
        if self._draft is None:
            self._recover()
        if self.generation() is None:
            return None
        with self._generations.opening():
            generation = self.generation()
            return _read_in(generation, self._collection) if generation else None

    @contextmanager
    def writing(self, change: Change) -> Generator[None]:
        """Keeps other processes from writing. The change is on disk before the block makes it in the draft."""
        with self._generations.writing():
            current = self._generations.current()
            if current is None and change.length is None and not self._journal.waits(""):
                yield  # there is nothing to delete
                return
            self._demand_draft(change.length)
            self._journal.append(self._base, change)
            try:
                yield
            except BaseException:
                self._journal.cut(self._noted)
                self._discard()
                raise
            self._noted = self._journal.size(self._base)
            self._writes += len(change.ids)

    def prepare(self, length: int) -> bool:
        """Makes an empty draft. Where vectors of another length come, another takes its place."""
        with suppress(IndexBusy), self._generations.writing(wait=False):
            if self._generations.current() is None and not self._journal.waits(""):
                self._demand_draft(length)
                return True
        return False

    def written(self) -> bool:
        """Whether there is a draft."""
        return self._draft is not None

    def overdue(self) -> bool:
        """Whether the journal has grown long."""
        return self._writes >= UNPUBLISHED

    def flush(self) -> bool:
        """Publishes what was written, so that readers that are open see it."""
        if self._draft:
            with suppress(IndexBusy), self._generations.writing():  # the busy writer publishes it with its own
                return self._publish()
        return False

    def finish(self) -> None:
        """The same, and leaves nothing open."""
        self.flush()
        self._discard()

    def drop(self) -> None:
        """Removes every generation; the locks stay, since others may wait for them."""
        with self._generations.writing():
            self._discard()
            self._generations.remove()
            self._journal.remove()

    # ── The draft ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_based_on(self, current: Path | None) -> bool:
        return self._base == (current.name if current else "") and self._draft is not None and self._draft.exists()

    def _demand_draft(self, length: int | None) -> None:
        """Makes a draft of all that was written so far, where there is none, or another process has written since."""
        current = self._generations.current()
        base = current.name if current else ""
        fits = bool(base or self._noted) or length in (None, self._length)
        if fits and self._is_based_on(current) and self._journal.size(base) == self._noted:
            return
        self._discard()
        if not self._generations.has_room():
            raise OSError(errno.ENOSPC, "no room for a copy of the vectors")
        self._drafting.acquire()
        draft = self._generations.draft()
        try:
            if current:
                copy(current, draft)
            self._catch_up(draft, base, length)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        self._draft, self._base, self._noted, self._length = draft, base, self._journal.size(base), length

    def _catch_up(self, draft: Path, base: str, length: int | None) -> None:
        """Makes the changes that wait, in a collection that is made for the first of them, or for what comes next."""
        if base and not self._journal.waits(base):
            return
        with closing(vendor.in_folder(draft)) as client:
            collection = vendor.find(client, self._collection)
            for change in self._journal.changes(base):
                collection = collection or self._made(client, change.length)
                if collection:
                    change.apply(collection)
                    self._writes += len(change.ids)
            if collection is None:
                self._made(client, length)

    def _made(self, client: vendor.Client, length: int | None) -> vendor.Collection | None:
        return vendor.create(client, self._collection, length, sync_threshold=_AT_ONCE) if length else None

    def _publish(self) -> bool:
        """Lets the draft be the current generation. Where another process has published meanwhile, it did so for us.

        Says whether it was the draft as it stood.
        """
        current, draft, whole = self._generations.current(), self._draft, False
        if self._base == (current.name if current else "") and self._journal.waits(self._base):
            self._demand_draft(None)
            assert self._draft is not None
            whole = self._draft == draft
            self._generations.publish(self._draft)
            self._journal.remove()
            self._draft = None
        self._discard()
        return whole

    def _discard(self) -> None:
        """Takes the draft away; what it holds stands in the journal."""
        draft, self._draft, self._writes = self._draft, None, 0
        self._drafting.release()
        if draft:
            shutil.rmtree(draft, ignore_errors=True)

    def _recover(self) -> None:
        """Publishes what a dead writer has left. While one lives, or the disk is full, that waits."""
        current = self._generations.current()
        base = current.name if current else ""
        if not self._journal.waits(base) or not self._generations.has_room():
            return
        with suppress(IndexBusy), self._generations.writing(wait=False):
            with self._generations.drafting(alone=True):
                pass  # nobody has a draft; and to begin one takes the lock that is held here
            self._demand_draft(None)
            self._publish()


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
