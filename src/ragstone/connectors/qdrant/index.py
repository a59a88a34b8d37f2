"""The lexical index that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragstone.connectors.qdrant.collection import Collection, models, point_id
from ragstone.connectors.qdrant.places import place_of
from ragstone.connectors.qdrant.weights import asked, written
from ragstone.connectors.qdrant.where import Where, stored, translate
from ragstone.protocols import FILTERS, Capabilities, LexicalIndex
from ragstone.types import Context, Entry, Filter, Scored

__all__ = ["QdrantIndex"]

TERMS = "terms"  # the name of the sparse vector in each point


class QdrantIndex(LexicalIndex):
    """On the server at `url`, in a folder under `path`, or in memory with neither.

    >>> index = QdrantIndex(url="http://localhost:6333")
    >>> await index.upsert([Entry(chunk, ["paris", "capital"])], context=context)
    >>> [scored.id for scored in await index.search(["paris"], k=1, context=context)]
    ['0b3c…']

    The scores are those of BM25 with a constant in place of the mean length (weights.py). A folder is the vendor's own
    mode without a server: slow, and open in one process at a time.
    """

    def __init__(
        self, path: Path | None = None, *, url: str = "", api_key: str = "", collection: str = "ragstone"
    ) -> None:
        self._collection = Collection(place_of(path, url=url, api_key=api_key, collection=collection), collection)
        self.capabilities = Capabilities(filters=FILTERS, local=not url)

    async def load(self) -> None:
        """Imports the vendor's package, and opens the folder or asks the server."""
        await asyncio.to_thread(self._collection.load)

    async def close(self) -> None:
        """Closes the folder or the connections. The next call opens them again; memory is given back."""
        await asyncio.to_thread(self._collection.close)

    async def upsert(self, entries: Sequence[Entry], *, context: Context) -> None:
        """Writes or replaces, by chunk id. On return the entries are on disk and can be found."""
        latest = list({entry.chunk.id: entry for entry in entries}.values())
        if latest:
            await asyncio.to_thread(self._upsert, latest, context)

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes; an unknown id is no error."""
        await asyncio.to_thread(self._collection.delete, list(dict.fromkeys(ids)), context=context)

    async def search(
        self, terms: Sequence[str], *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks that hold any of the terms, by BM25, best first; equal scores by id."""
        wanted = translate(where) if where else None
        if k < 1 or not terms:
            return []
        return await asyncio.to_thread(self._search, terms, k, wanted, context)

    async def count(self, *, context: Context) -> int:
        """How many entries it keeps."""
        return await asyncio.to_thread(self._collection.count, context=context)

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all entries."""
        return await asyncio.to_thread(self._collection.ids, context=context)

    async def drop(self, *, context: Context) -> None:
        """Removes the collection."""
        await asyncio.to_thread(self._collection.drop)

    # ── In threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _upsert(self, entries: Sequence[Entry], context: Context) -> None:
        self._collection.make(_settings, context=context)
        made = models().PointStruct
        points = [
            made(id=point_id(entry.chunk.id), vector=_vector(written(entry.terms)), payload=stored(entry.chunk))
            for entry in entries
        ]
        self._collection.upsert(points, _settings, context=context)

    def _search(self, terms: Sequence[str], k: int, where: Where | None, context: Context) -> list[Scored]:
        # A server's own count of chunks and terms includes removed ones for a while. Over a filter it counts those that
        # are there, and the empty filter costs it nothing that can be measured.
        live = models().SearchParams(idf=models().IdfCorpusParams(corpus=models().Filter()))
        return self._collection.nearest(_sparse(asked(terms)), TERMS, k, where, params=live, context=context)


def _settings() -> dict[str, Any]:
    params = models().SparseVectorParams(modifier=models().Modifier.IDF)
    return {"vectors_config": {}, "sparse_vectors_config": {TERMS: params}}


def _vector(weights: Mapping[int, float]) -> dict[str, Any]:
    return {TERMS: _sparse(weights)} if weights else {}  # a chunk without terms is kept, and never found


def _sparse(weights: Mapping[int, float]) -> Any:
    return models().SparseVector(indices=list(weights), values=list(weights.values()))
