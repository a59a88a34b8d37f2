"""A question to both indexes, apart and at once."""

from __future__ import annotations

from typing import Any

import pytest

from ragstone.retrieval.search import hybrid
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore
from ragstone.testing.suites.samples import chunk
from ragstone.types import Condition, Context, Entry, Record


class Joined(MemoryStore):
    """Says that it shares a database with every index."""

    def joins(self, index: Any) -> bool:
        return True


@pytest.mark.parametrize("store", [MemoryStore(), Joined()])
async def test_both_lists_are_the_same_whichever_way_they_are_asked_for(store: MemoryStore) -> None:
    embedder, index, context = HashingEmbedder(), MemoryLexicalIndex(), Context()
    texts = {"cod": "cod swims", "eel": "eel hides", "secret": "cod hides"}
    vectors = await embedder.embed(list(texts.values()), context=context)
    chunks = [chunk(name, acl=["ana" if name == "secret" else "public"]) for name in texts]
    await store.upsert([Record(one, vector) for one, vector in zip(chunks, vectors, strict=True)], context=context)
    await index.upsert([Entry(one, texts[one.id].split()) for one in chunks], context=context)
    found = await hybrid(
        "cod swims",
        ["cod"],
        embedder=embedder,
        store=store,
        index=index,
        k=5,
        where=Condition("acl", "in", ["public"]),
        context=context,
    )
    assert [one.id for one in found["dense"]] == ["cod", "eel"]
    assert [one.id for one in found["lexical"]] == ["cod"]
    steps = {step.name for step in context.trace.steps} - {"retrieve.embed"}
    assert steps == ({"retrieve.both"} if isinstance(store, Joined) else {"retrieve.dense", "retrieve.lexical"})
