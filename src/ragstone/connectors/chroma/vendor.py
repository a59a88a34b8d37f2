"""chromadb itself: what we use of it, its import, its settings, and its three kinds of client."""

# ruff: noqa: D102 - the protocols name what Chroma documents

from __future__ import annotations

import ctypes
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

__all__ = [
    "Client",
    "Collection",
    "close",
    "closed_on_error",
    "create",
    "find",
    "in_folder",
    "in_memory",
    "load",
    "on_server",
]

_DIMENSIONS = "dimensions"  # the collection's own note of how long its vectors are
HNSW = {"space": "cosine", "max_neighbors": 32, "ef_construction": 100, "ef_search": 400}
# Wider than Chroma's own (16, 100, 100): fusion reads the hundred nearest, not only the ten that are shown.


class Collection(Protocol):
    """Records under one name."""

    name: str
    metadata: Mapping[str, Any]

    def count(self) -> int: ...
    def get(
        self, ids: Sequence[str] | None = None, *, include: Sequence[str], limit: int | None = None
    ) -> Mapping[str, Any]: ...
    def upsert(
        self, ids: Sequence[str], *, embeddings: Sequence[Any], metadatas: Sequence[Mapping[str, Any]]
    ) -> None: ...
    def delete(self, ids: Sequence[str]) -> Any: ...
    def modify(self, *, configuration: Mapping[str, Any]) -> None: ...
    def query(
        self,
        *,
        query_embeddings: Sequence[Any],
        n_results: int,
        where: Mapping[str, Any] | None = None,
        include: Sequence[str] = (),
    ) -> Mapping[str, Any]: ...


class Client(Protocol):
    """A way to collections. Those of one folder share a system, which stops with the last of them."""

    def get_collection(self, name: str, *, embedding_function: None) -> Collection: ...
    def get_or_create_collection(
        self, name: str, *, configuration: Any, metadata: Mapping[str, Any], embedding_function: None
    ) -> Collection: ...
    def delete_collection(self, name: str) -> None: ...
    def close(self) -> None: ...


def load() -> Any:
    """The package. Its import takes half a second, nearly all of what a first call takes."""
    return import_module("chromadb")


def in_memory() -> Client:
    """A client of this process's memory, which all such clients share."""
    return load().EphemeralClient(settings=_settings(is_persistent=False))


def in_folder(folder: Path) -> Client:
    """A client of a folder."""
    try:
        settings = _settings(is_persistent=True, persist_directory=str(folder))
        return load().PersistentClient(str(folder), settings=settings)
    except AttributeError as error:
        # Chroma keeps a system that failed to start, and hands it out when it is asked again.
        raise OSError("it could not be opened before") from error


def on_server(url: str) -> Client:
    """A client of a server."""
    port = 8000  # would count if the host were no URL
    settings = _settings(chroma_server_host=url, chroma_server_http_port=port)
    return load().HttpClient(host=url, port=port, settings=settings)


def _settings(**given: Any) -> Any:
    """Settings that come from here alone, not from a `.env` in the working folder, and without telemetry."""
    return _plain_settings().model_copy(update=given)


@cache
def _plain_settings() -> Any:
    """Made once: it takes 12 ms."""
    quiet = {"anonymized_telemetry": False, "chroma_otel_granularity": "none", "chroma_otel_collection_endpoint": ""}
    return import_module("chromadb.config").Settings(_env_file=None, **quiet)


def trim() -> None:
    """Gives the memory back that Chroma has freed: glibc keeps it in pieces, 10 KB and more for each record written."""
    if sys.platform == "linux":
        release = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if release is not None:
            release(0)


def close(client: Client) -> None:
    """Gives the client back. Chroma leaves the connections to a server open, its own and those of its admin client."""
    client.close()
    for part in (client, getattr(client, "_admin_client", None)):
        connections = getattr(getattr(part, "_server", None), "_session", None)
        if connections is not None:
            connections.close()


@contextmanager
def closed_on_error(client: Client) -> Generator[Client]:
    """Gives the client back if the block fails."""
    try:
        yield client
    except BaseException:
        close(client)
        raise


def find(client: Client, name: str) -> Collection | None:
    """The collection of that name, where there is one."""
    try:
        return client.get_collection(name, embedding_function=None)
    except import_module("chromadb.errors").NotFoundError:
        return None


def create(client: Client, name: str, length: int, **options: int) -> Collection:
    """A collection for vectors of that length, or the one that somebody has made meanwhile."""
    return client.get_or_create_collection(
        name,
        configuration={"hnsw": {**HNSW, **options}},
        metadata={_DIMENSIONS: length},
        embedding_function=None,  # another value would download one
    )


def dimensions(collection: Collection) -> int:
    """How long its vectors are."""
    return int(collection.metadata[_DIMENSIONS])


def touch(collection: Collection) -> None:
    """Searches for anything: Chroma reads its index with the first search."""
    collection.query(query_embeddings=[[1.0] * dimensions(collection)], n_results=1)
