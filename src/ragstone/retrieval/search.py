"""Asks the vector store and the lexical index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragstone.protocols import LexicalIndex, VectorStore
from ragstone.trace import Step
from ragstone.types import Context, Filter, Scored

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["SHOWN", "both", "dense", "lexical", "note"]

SHOWN = 10  # candidates that a trace names for each stage
NO_TERMS = "no term of the question is left after analysis"


async def dense(
    vector: Vector, *, store: VectorStore, k: int, where: Filter | None, context: Context
) -> Sequence[Scored]:
    """The k chunks whose vectors are nearest to the question's."""
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
            step.facts["note"] = NO_TERMS
            return []
        found = await index.search(terms, k=k, where=where, context=context)
        step.facts["found"] = len(found)
    return found


async def both(
    vector: Vector,
    terms: Sequence[str],
    *,
    store: VectorStore,
    index: LexicalIndex,
    k: int,
    where: Filter | None,
    context: Context,
) -> tuple[Sequence[Scored], Sequence[Scored]]:
    """What `dense` and `lexical` find, in one call to a store that joins the index."""
    with context.trace.step("retrieve.both", k=k, terms=list(terms)) as step:
        near, matching = await store.search_both(vector, terms, index=index, k=k, where=where, context=context)
        step.facts.update(dense=len(near), lexical=len(matching), **({} if terms else {"note": NO_TERMS}))
    return near, matching


def note(step: Step, best: Sequence[Scored], found: int) -> None:
    """Writes into a trace how many were found, and the best of them with their scores."""
    step.facts["found"] = found
    step.facts["best"] = [[one.id, round(one.score, 4)] for one in best[:SHOWN]]
