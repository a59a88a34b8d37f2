"""Where a collection can live: on a server, in the memory of this process, in a folder."""

from __future__ import annotations

import atexit
import importlib.util
import re
import shutil
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from ragstone.connectors.qdrant.faults import of_folder, of_server
from ragstone.connectors.qdrant.pickles import demand_harmless
from ragstone.errors import ConfigError, MissingExtra, RagstoneError
from ragstone.state.lock import FileLock

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

__all__ = ["Place", "Server", "place_of"]

TIMEOUT = 60  # seconds for one request; the vendor's own 5 are too few for a large write
WAIT = 5.0  # seconds for another process to close a folder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class Place(ABC):
    """Where one collection lives. `label` names it in errors."""

    label: str
    shared: ClassVar[bool] = False  # whether other processes may change the collection while we have it open

    @abstractmethod
    def client(self) -> Any:
        """A context that lends an open client."""

    def durable(self, client: Any, name: str) -> AbstractContextManager[None]:
        """Goes around a change of the collection: after it, the change is on disk."""
        return nullcontext()

    @abstractmethod
    def close(self) -> None:
        """Gives the client back. The next use opens it again."""

    def drop(self, name: str) -> None:
        """Removes the collection, whatever state it is in."""
        with self.client() as client:
            client.delete_collection(name)

    @abstractmethod
    def translated(self, error: Exception) -> RagstoneError | None:
        """Our error for one that came out of a client."""


def place_of(path: Path | None, *, url: str, api_key: str, collection: str) -> Place:
    """The place that the keys of a connector name. Raises ConfigError for what names none."""
    if importlib.util.find_spec("qdrant_client") is None:
        raise MissingExtra("this needs the package 'qdrant-client'", hint="Run: pip install 'ragstone[qdrant]'")
    if not _NAME.fullmatch(collection):
        raise ConfigError(
            "the collection's name does not suit Qdrant",
            expected="1 to 200 letters, digits, '.', '_' and '-', a letter or digit first",
            found=repr(collection),
        )
    if not url:
        return Folder(path / collection) if path else Memory()
    parts = urlsplit(url)
    if "@" in parts.netloc:  # the vendor's client would leave it out, and say nothing
        raise ConfigError(
            "the URL of the Qdrant server names a user", expected="http://host:port", hint="Set `api_key`."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("is no URL of a Qdrant server", expected="http://… or https://…")
    if parts.query or parts.fragment:
        hint = "A key goes under `api_key`."
        raise ConfigError("the URL of the Qdrant server holds more than an address", hint=hint)
    return Server(url.rstrip("/"), api_key)


def _opened(**where: Any) -> QdrantClient:
    return import_module("qdrant_client").QdrantClient(**where)


class Server(Place):
    """A Qdrant server, asked over HTTP by as many threads as there are."""

    shared = True

    def __init__(self, url: str, api_key: str) -> None:
        self.label, self._key = url, api_key
        self._client: QdrantClient | None = None
        self._lock = threading.Lock()

    @contextmanager
    def client(self) -> Generator[QdrantClient]:
        """The one client, which keeps its connections."""
        with self._lock:
            if self._client is None:
                # The check of the server's version would ask it before anybody has, and warn where it does not answer.
                self._client = _opened(
                    url=self.label, api_key=self._key or None, timeout=TIMEOUT, check_compatibility=False
                )
            client = self._client
        yield client

    def close(self) -> None:
        """Closes the connections."""
        with self._lock:
            client, self._client = self._client, None
        if client:
            client.close()

    def translated(self, error: Exception) -> RagstoneError | None:
        """What the server said, or why it could not be asked."""
        return of_server(error, self.label)


class Memory(Place):
    """The memory of this process, until it is closed."""

    label = "the index in memory"

    def __init__(self) -> None:
        self._client: QdrantClient | None = None
        self._lock = threading.Lock()

    @contextmanager
    def client(self) -> Generator[QdrantClient]:
        """One thread at a time: the vendor's own collections are plain lists."""
        with self._lock:
            if self._client is None:
                self._client = _opened(location=":memory:")
            yield self._client

    def close(self) -> None:
        """Forgets everything."""
        with self._lock:
            client, self._client = self._client, None
            if client:
                client.close()

    def translated(self, error: Exception) -> RagstoneError | None:
        """There is none: what goes wrong in memory is a bug."""
        return None


@dataclass(slots=True)
class _Open:
    """A folder that this process has open, for all that use it."""

    client: QdrantClient
    held: FileLock
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Folder(Place):
    """A folder of this collection's own. One process has it open at a time, reader or writer."""

    _all: ClassVar[dict[Path, _Open]] = {}  # one process may not open a folder twice either
    _opening: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, folder: Path) -> None:
        self.label = str(folder)
        self._folder = folder.absolute()
        self._mine: _Open | None = None

    @contextmanager
    def client(self) -> Generator[QdrantClient]:
        """The client of all who have the folder open here, for one thread at a time."""
        with self._opening:
            mine = self._mine = self._mine or self._joined()
            mine.users += 1  # so that it stays open for the block, whoever closes meanwhile
        try:
            with mine.lock:
                yield mine.client
        finally:
            self._leave(mine)

    @contextmanager
    def durable(self, client: QdrantClient, name: str) -> Generator[None]:
        """Lets the disk be reached once for the whole change: the vendor commits each point, at 10 ms apiece."""
        database = _database(client, name)
        if database:
            database.execute("PRAGMA journal_mode=WAL").fetchall()
            database.execute("PRAGMA synchronous=NORMAL")
        yield
        if database:
            database.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def close(self) -> None:
        """The last one closes the folder, so that another process may open it."""
        with self._opening:
            mine, self._mine = self._mine, None
        if mine:
            self._leave(mine)

    def drop(self, name: str) -> None:
        """Removes the files, also those that cannot be read. Who has them open here goes on with an empty folder."""
        with self._opening:
            mine = self._all.get(self._folder)
            if mine is None:
                with self._held():
                    shutil.rmtree(self._data, ignore_errors=True)
                return
            with mine.lock:
                mine.client.close()
                shutil.rmtree(self._data, ignore_errors=True)
                mine.client = self._client_of_data()

    @classmethod
    def close_all(cls) -> None:
        """Closes what a program has left open: the vendor's own attempt comes too late, and prints a traceback."""
        while cls._all:
            _, mine = cls._all.popitem()
            mine.client.close()
            mine.held.release()

    def translated(self, error: Exception) -> RagstoneError | None:
        """Why the folder cannot be used."""
        return of_folder(error, self.label)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _held(self) -> FileLock:
        return FileLock(self._folder / "open.lock", purpose="Ragstone", wait=WAIT)

    def _client_of_data(self) -> QdrantClient:
        about = self._data / "meta.json"
        if about.exists() and not about.stat().st_size:  # killed while it made the folder, the vendor leaves it empty
            about.unlink()
        return _opened(path=str(self._data), force_disable_check_same_thread=True)  # `lock` lets one in at a time

    def _joined(self) -> _Open:
        mine = self._all.get(self._folder)
        if mine is None:
            held = self._held()
            held.acquire()
            try:
                demand_harmless(self._data)
                mine = self._all[self._folder] = _Open(self._client_of_data(), held)
            except BaseException:
                held.release()
                raise
        mine.users += 1
        return mine

    def _leave(self, mine: _Open) -> None:
        with self._opening:
            mine.users -= 1
            if mine.users:
                return
            self._all.pop(self._folder, None)
            try:
                mine.client.close()
            finally:
                mine.held.release()


atexit.register(Folder.close_all)


def _database(client: Any, name: str) -> sqlite3.Connection | None:
    """What the vendor keeps a collection in. Without it everything works, and slowly."""
    collections: dict[str, Any] = getattr(getattr(client, "_client", None), "collections", {})
    found = getattr(getattr(collections.get(name), "storage", None), "storage", None)
    return found if isinstance(found, sqlite3.Connection) else None
