"""Asks the vector store and the lexical index at once; the question is embedded once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ragstone.protocols import Embedder, LexicalIndex, VectorStore
from ragstone.types import Context, Filter, Scored

__all__ = ["dense", "hybrid", "lexical"]


async def dense(
    question: str, *, embedder: Embedder, store: VectorStore, k: int, where: Filter | None, context: Context
) -> Sequence[Scored]:
    """The k chunks whose vectors are nearest to the question's."""
    with context.trace.step("retrieve.embed"):
        vector = await embedder.embed_query(question, context=context)
    with context.trace.step("retrieve.dense", k=k) as step:
        found = await store.search(vector, k=k, where=where, context=context)
        step.facts["found"] = len(found)
    return found


async def lexical(
    terms: Sequence[str], *, index: LexicalIndex, k: int, where: Filter | None, context: Context
) -> Sequence[Scored]:
    """The k chunks that rank highest by BM25. Where every term vanished in analysis the trace says so."""
    with context.trace.step("retrieve.lexical", k=k, terms=list(terms)) as step:
        if not terms:
            step.facts["note"] = "no term of the question is left after analysis"
            return []
        found = await index.search(terms, k=k, where=where, context=context)
        step.facts["found"] = len(found)
    return found


async def hybrid(
    question: str,
    terms: Sequence[str],
    *,
    embedder: Embedder,
    store: VectorStore,
    index: LexicalIndex,
    k: int,
    where: Filter | None,
    context: Context,
) -> dict[str, Sequence[Scored]]:
    """Both lists by name: dense and lexical; in one question where the two share a database."""
    if terms and store.joins(index):
        with context.trace.step("retrieve.embed"):
            vector = await embedder.embed_query(question, context=context)
        with context.trace.step("retrieve.both", k=k, terms=list(terms)) as step:
            near, matching = await store.search_both(vector, terms, index=index, k=k, where=where, context=context)
            step.facts.update(dense=len(near), lexical=len(matching))
        return {"dense": near, "lexical": matching}
    near, matching = await asyncio.gather(
        dense(question, embedder=embedder, store=store, k=k, where=where, context=context),
        lexical(terms, index=index, k=k, where=where, context=context),
    )
    return {"dense": near, "lexical": matching}
