"""A question to both indexes, apart and at once."""

from __future__ import annotations

from ragstone.retrieval.search import both, dense, lexical
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore
from ragstone.testing.suites.samples import chunk
from ragstone.types import Condition, Context, Entry, Record


async def test_both_lists_are_the_same_whichever_way_they_are_asked_for() -> None:
    embedder, store, index, context = HashingEmbedder(), MemoryStore(), MemoryLexicalIndex(), Context()
    texts = {"cod": "cod swims", "eel": "eel hides", "secret": "cod hides"}
    vectors = await embedder.embed(list(texts.values()), context=context)
    chunks = [chunk(name, acl=["ana" if name == "secret" else "public"]) for name in texts]
    await store.upsert([Record(one, vector) for one, vector in zip(chunks, vectors, strict=True)], context=context)
    await index.upsert([Entry(one, texts[one.id].split()) for one in chunks], context=context)
    vector = await embedder.embed_query("cod swims", context=context)
    where = Condition("acl", "in", ["public"])
    near = await dense(vector, store=store, k=5, where=where, context=context)
    matching = await lexical(["cod"], index=index, k=5, where=where, context=context)
    assert [one.id for one in near] == ["cod", "eel"]
    assert [one.id for one in matching] == ["cod"]
    joined = await both(vector, ["cod"], store=store, index=index, k=5, where=where, context=context)
    assert joined == (near, matching)
    steps = [step.name for step in context.trace.steps]
    assert steps == ["retrieve.dense", "retrieve.lexical", "retrieve.both"]
