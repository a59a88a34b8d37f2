"""The vector store that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragstone.connectors.qdrant.collection import BATCH, Collection, models, point_id
from ragstone.connectors.qdrant.places import place_of
from ragstone.connectors.qdrant.where import Where, stored, translate
from ragstone.errors import IndexMismatch, StateError
from ragstone.protocols import FILTERS, Capabilities, VectorStore
from ragstone.types import Context, Filter, Record, Scored

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from ragstone.types import Vector

__all__ = ["QdrantStore"]

DENSE = "dense"  # the name of the vector in each point
EF = 400  # how wide a server searches its graph, for fusion reads the hundred nearest (benchmarks/qdrant.py)


class QdrantStore(VectorStore):
    """On the server at `url`, in a folder under `path`, or in memory with neither.

    >>> store = QdrantStore(url="http://localhost:6333")
    >>> await store.upsert([Record(chunk, vector)], context=context)
    >>> await store.search(vector, k=8, where=Condition("lang", "eq", "en"), context=context)
    [Scored(id='0b3c…', score=1.0)]

    A folder is the vendor's own mode without a server: it compares the question with every vector, in Python, and one
    process at a time has it open. It is for trying out and for some ten thousand chunks; `chroma` takes more.
    """

    def __init__(
        self, path: Path | None = None, *, url: str = "", api_key: str = "", collection: str = "ragstone"
    ) -> None:
        self._collection = Collection(place_of(path, url=url, api_key=api_key, collection=collection), collection)
        self._length: int | None = None
        self.capabilities = Capabilities(filters=FILTERS, local=not url)

    async def load(self) -> None:
        """Imports the vendor's package, and opens the folder or asks the server."""
        await asyncio.to_thread(self._collection.load)

    async def close(self) -> None:
        """Closes the folder or the connections. The next call opens them again; memory is given back."""
        self._length = None
        await asyncio.to_thread(self._collection.close)

    async def upsert(self, records: Sequence[Record], *, context: Context) -> None:
        """Writes or replaces, by chunk id. On return the records are on disk."""
        latest = list({record.chunk.id: record for record in records}.values())
        if latest:
            await asyncio.to_thread(self._upsert, latest, context)

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes; an unknown id is no error."""
        await asyncio.to_thread(self._collection.delete, list(dict.fromkeys(ids)), context=context)

    async def search(
        self, vector: Vector, *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks, by cosine similarity in [-1, 1], best first; equal scores by id."""
        wanted = translate(where) if where else None
        if k < 1:
            return []
        return await asyncio.to_thread(self._search, vector, k, wanted, context)

    async def count(self, *, context: Context) -> int:
        """How many records it keeps."""
        return await asyncio.to_thread(self._collection.count, context=context)

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all records."""
        return await asyncio.to_thread(self._collection.ids, context=context)

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Mapping[str, Vector]:
        """The vectors of those that it keeps, as float32."""
        return await asyncio.to_thread(self._vectors, list(ids), context)

    async def drop(self, *, context: Context) -> None:
        """Removes the collection; its next upsert may bring vectors of another length."""
        self._length = None
        await asyncio.to_thread(self._collection.drop)

    # ── In threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _upsert(self, records: Sequence[Record], context: Context) -> None:
        length = len(records[0].vector)

        def settings() -> dict[str, Any]:
            params = models().VectorParams(size=length, distance=models().Distance.COSINE)
            return {"vectors_config": {DENSE: params}}

        self._collection.make(settings, context=context)
        for record in records:
            self._demand_length(record.vector, context)
        made = models().PointStruct
        points = [
            made(
                id=point_id(record.chunk.id),
                vector={DENSE: [float(number) for number in record.vector]},
                payload=stored(record.chunk),
            )
            for record in records
        ]
        self._collection.upsert(points, settings, context=context)

    def _search(self, vector: Vector, k: int, where: Where | None, context: Context) -> list[Scored]:
        if not self._demand_length(vector, context):
            return []
        query = [float(number) for number in vector]
        wide = models().SearchParams(hnsw_ef=EF)
        found = self._collection.nearest(query, DENSE, k, where, params=wide, context=context)
        return [Scored(one.id, max(-1.0, min(1.0, one.score))) for one in found]

    def _vectors(self, ids: Sequence[str], context: Context) -> dict[str, Vector]:
        import numpy as np

        found: dict[str, Vector] = {}
        names = {point_id(one): one for one in ids}
        points = list(names)
        for at in range(0, len(points), BATCH):
            batch = points[at : at + BATCH]
            records = self._collection.asked(
                lambda client, batch=batch: client.retrieve(
                    self._collection.name, batch, with_payload=False, with_vectors=[DENSE]
                ),
                context=context,
            )
            for record in records or ():
                vectors: Any = record.vector
                found[names[str(record.id)]] = np.asarray(vectors[DENSE], np.float32)
        return found

    def _demand_length(self, vector: Vector, context: Context) -> bool:
        """Whether there is a collection. Raises IndexMismatch where its vectors are of another length."""
        if self._length != len(vector):  # so another process may have begun a new one
            self._length = self._collection.asked(self._length_of, context=context)
        if self._length is not None and self._length != len(vector):
            raise IndexMismatch(
                "the vectors in the index were made by another embedder",
                where=self._collection.name,
                expected=f"{self._length} dimensions",
                found=str(len(vector)),
                hint="Run: ragstone ingest",
            )
        return self._length is not None

    def _length_of(self, client: QdrantClient) -> int:
        vectors: Any = client.get_collection(self._collection.name).config.params.vectors
        try:
            return int(vectors[DENSE].size)
        except (KeyError, TypeError, AttributeError):
            raise StateError(
                "this collection is not one of Ragstone's vectors",
                where=f"{self._collection.place.label}, {self._collection.name}",
                expected=f"a vector named {DENSE!r}",
            ) from None
