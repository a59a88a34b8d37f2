"""Searches for a question and, at the same time, for other words that were made of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ragstone.errors import EmbedderError, RagstoneError
from ragstone.protocols import Embedder
from ragstone.retrieval.fuse import Fused
from ragstone.retrieval.pack import CHARACTERS
from ragstone.retrieval.rewrite import merged
from ragstone.retrieval.search import SHOWN, note
from ragstone.types import Context, Scored

if TYPE_CHECKING:
    from ragstone.pipelines.retrieve import Asked

__all__ = ["together"]

log = logging.getLogger("ragstone")

ASKED = "asked"  # a hit's score for the words of the person, where a model has put them anew
SAID = 300  # characters of a query that a trace keeps
SPECIAL = 2  # tokens that an embedder puts around a text


async def together(
    asked: Asked, ranked: Callable[[Asked], Awaitable[Fused]], embedder: Embedder, context: Context
) -> Fused:
    """What a question and the queries beside it find, as one ranking. `ranked` says what one of them finds.

    Where only the others cannot be searched for, the question stands alone.
    """
    own, rankings = await asyncio.gather(ranked(asked), _others(asked, ranked, embedder, context))
    queries = [one.query for one in asked.others if one.query is not None][: len(rankings)]
    with context.trace.step("retrieve.merge", asked=asked.text[:SAID]) as step:
        step.facts["queries"] = [
            {"way": query.way or ASKED, "text": query.text[:SAID], "found": len(ranking)}
            for query, ranking in zip(queries, rankings, strict=True)
        ]
        found = merged([own, *rankings], ways=[query.way or ASKED for query in queries])
        note(step, [Scored(id_, scores["fused"]) for id_, scores in found[:SHOWN]], len(found))
    return found


async def _others(
    asked: Asked, ranked: Callable[[Asked], Awaitable[Fused]], embedder: Embedder, context: Context
) -> list[Fused]:
    try:
        await _embed(asked.others, embedder, context)
        return list(await asyncio.gather(*map(ranked, asked.others)))
    except RagstoneError as error:
        log.warning("a question was searched for in its own words alone: %s", error)
        return []


async def _embed(others: Sequence[Asked], embedder: Embedder, context: Context) -> None:
    """Makes the vectors of the others, in one pass for questions and in one for passages."""
    wanted = [one for one in others if one.query is not None and one.semantic]
    asking = [one for one in wanted if one.query and not one.query.passage]
    passages = [one for one in wanted if one.query and one.query.passage]
    if not wanted:
        return
    with context.trace.step("retrieve.embed", queries=len(wanted)):
        if asking:
            vectors = await embedder.embed_queries([one.text for one in asking], context=context)
            for one, vector in zip(asking, vectors, strict=True):
                one.vector = vector
        if passages:
            texts = await asyncio.to_thread(lambda: [_fitting(one.text, embedder) for one in passages])
            for one, vector in zip(passages, await embedder.embed_once(texts, context=context), strict=True):
                one.vector = vector


def _fitting(passage: str, embedder: Embedder) -> str:
    """As much of a passage as the embedder's window has room for."""
    room = embedder.window - SPECIAL
    try:
        _, ranges = embedder.tokens(passage)
    except EmbedderError:  # it has no tokenizer
        return passage[: room * CHARACTERS]
    return passage[: ranges[room - 1][1]] if len(ranges) > room else passage
