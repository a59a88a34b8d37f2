"""The import of chromadb, its settings, and the three ways to reach it: in memory, in a folder, on a server."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

__all__ = ["create", "fold", "in_folder", "in_memory", "on_server", "opened"]

SPACE = "cosine"
EF_SEARCH = 400
"""How far a search looks around: recall@10 1.00 and recall@100 0.98 of 20,000 clustered vectors (`benchmarks/`)."""

DIMENSIONS = "dimensions"  # the collection's own note of its vectors' length
_NEVER = 10**9  # writes until the index files are rewritten in place
_NOW = 2  # the least that Chroma takes


def in_memory() -> ClientAPI:
    """A client of this process's own memory, which all of its clients share."""
    import chromadb

    return chromadb.EphemeralClient(settings=_settings(is_persistent=False))


def in_folder(folder: Path) -> ClientAPI:
    """A client of a folder, made where it is not there."""
    import chromadb

    return chromadb.PersistentClient(path=folder, settings=_settings(is_persistent=True, persist_directory=str(folder)))


def on_server(url: str) -> ClientAPI:
    """A client of the server at a URL."""
    import chromadb

    settings = _settings(chroma_server_host=url, chroma_server_http_port=8000)  # the port counts only without a URL
    return chromadb.HttpClient(host=url, port=8000, settings=settings)


def _settings(**given: Any) -> Any:
    """Settings that come from here alone: not from a `.env` in the working folder, and without telemetry."""
    from chromadb.config import Settings

    quiet = {"anonymized_telemetry": False, "chroma_otel_granularity": "none", "chroma_otel_collection_endpoint": ""}
    return Settings(_env_file=None, **quiet, **given)


def opened(client: ClientAPI, name: str) -> Collection | None:
    """A collection; None where there is none of that name."""
    from chromadb.errors import NotFoundError

    try:
        return client.get_collection(name, embedding_function=None)
    except NotFoundError:
        return None


def create(client: ClientAPI, name: str, dimensions: int, *, folded_by_us: bool) -> Collection:
    """A collection for vectors of that length, or the one that another process has just made."""
    hnsw: dict[str, Any] = {"space": SPACE, "ef_search": EF_SEARCH}
    if folded_by_us:
        hnsw["sync_threshold"] = _NEVER
    return client.get_or_create_collection(
        name,
        configuration={"hnsw": hnsw},  # pyright: ignore[reportArgumentType]
        metadata={DIMENSIONS: dimensions},
        embedding_function=None,  # else Chroma downloads one
    )


def fold(folder: Path, name: str) -> None:
    """Makes Chroma write what its log holds into its index files: it does so when it opens a collection that is due."""
    warnings.filterwarnings("ignore", "legacy embedding function config", DeprecationWarning)  # it means: we embed
    _set_threshold(folder, name, _NOW)
    client = in_folder(folder)
    try:
        collection = client.get_collection(name, embedding_function=None)
        collection.query(query_embeddings=[[1.0] * collection.metadata[DIMENSIONS]], n_results=1, include=[])
    finally:
        client.close()
    _set_threshold(folder, name, _NEVER)


def _set_threshold(folder: Path, name: str, writes: int) -> None:
    client = in_folder(folder)
    try:
        collection = client.get_collection(name, embedding_function=None)
        collection.modify(configuration={"hnsw": {"sync_threshold": writes}})
    finally:
        client.close()
