"""A vector store without an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ragstone.errors import IndexMismatch
from ragstone.protocols import FILTERS, Capabilities, VectorStore
from ragstone.retrieval.matching import matches
from ragstone.types import Context, Filter, Record, Scored

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["MemoryStore"]


class MemoryStore(VectorStore):
    """Compares the question with every vector: exact, and the whole filter language.

    >>> store = MemoryStore()
    >>> await store.upsert([Record(chunk, vector)], context=context)
    >>> await store.search(vector, k=1, context=context)
    [Scored(id='c1', score=1.0)]
    """

    capabilities = Capabilities(filters=FILTERS, local=True)

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    async def upsert(self, records: Sequence[Record], *, context: Context) -> None:
        """Keeps or replaces, by chunk id. Raises IndexMismatch for a vector of another length."""
        for record in records:
            self._demand_length(record.vector)
            self._records[record.chunk.id] = record

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Forgets; an unknown id is no error."""
        for chunk_id in ids:
            self._records.pop(chunk_id, None)

    async def search(
        self, vector: Vector, *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks, by cosine similarity, best first; equal scores by id."""
        self._demand_length(vector)
        passing = [record for record in self._records.values() if matches(where, record.chunk)]
        scored = [Scored(record.chunk.id, float(record.vector @ vector)) for record in passing]
        return sorted(scored, key=lambda one: (-one.score, one.id))[: max(k, 0)]

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all records."""
        return list(self._records)

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Mapping[str, Vector]:
        """The vectors of those that it keeps."""
        return {name: self._records[name].vector for name in ids if name in self._records}

    async def drop(self, *, context: Context) -> None:
        """Forgets everything."""
        self._records.clear()

    def _demand_length(self, vector: Vector) -> None:
        for record in self._records.values():
            if len(record.vector) != len(vector):
                raise IndexMismatch(
                    "the vectors are of two lengths", expected=str(len(record.vector)), found=str(len(vector))
                )
            return
