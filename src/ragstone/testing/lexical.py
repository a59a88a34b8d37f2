"""A lexical index without a file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ragstone.protocols import FILTERS, Capabilities, LexicalIndex
from ragstone.retrieval.matching import matches
from ragstone.types import Context, Entry, Filter, Scored

__all__ = ["MemoryLexicalIndex"]

K1, B = 1.2, 0.75  # Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), as Lucene sets them


class MemoryLexicalIndex(LexicalIndex):
    """BM25 over a dictionary, and the whole filter language.

    >>> index = MemoryLexicalIndex()
    >>> await index.upsert([Entry(chunk, ["paris", "capital"])], context=context)
    >>> [scored.id for scored in await index.search(["paris"], k=1, context=context)]
    ['c1']
    """

    capabilities = Capabilities(filters=FILTERS, local=True)

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    async def upsert(self, entries: Sequence[Entry], *, context: Context) -> None:
        """Keeps or replaces, by chunk id."""
        self._entries.update({entry.chunk.id: entry for entry in entries})

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Forgets; an unknown id is no error."""
        for chunk_id in ids:
            self._entries.pop(chunk_id, None)

    async def search(
        self, terms: Sequence[str], *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks that hold any of the terms, by BM25, best first; equal scores by id."""
        counts = {chunk_id: Counter(entry.terms) for chunk_id, entry in self._entries.items()}
        mean = sum(count.total() for count in counts.values()) / max(len(counts), 1)
        weights = {term: _weight(len(counts), sum(term in count for count in counts.values())) for term in terms}
        scored: list[Scored] = []
        for chunk_id, count in counts.items():
            if matches(where, self._entries[chunk_id].chunk) and not count.keys().isdisjoint(terms):
                norm = K1 * (1 - B + B * count.total() / mean)
                score = sum(weights[term] * count[term] * (K1 + 1) / (count[term] + norm) for term in terms)
                scored.append(Scored(chunk_id, score))
        return sorted(scored, key=lambda one: (-one.score, one.id))[: max(k, 0)]

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all entries."""
        return list(self._entries)

    async def drop(self, *, context: Context) -> None:
        """Forgets everything."""
        self._entries.clear()


def _weight(total: int, holding: int) -> float:
    """The inverse document frequency, never below 0."""
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))
