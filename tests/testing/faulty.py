"""Connectors with one fault each, and the suites over them. `test_suites.py` runs this file and looks at what fails."""

from __future__ import annotations

import asyncio
import dataclasses
import json

from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.protocols import FILTERS, Capabilities
from ragstone.testing import (
    HashingEmbedder,
    MemoryCache,
    MemoryLexicalIndex,
    MemoryStore,
    OverlapReranker,
    ScriptedModel,
    matches,
)
from ragstone.testing.suites import (
    CacheSuite,
    EmbedderSuite,
    LexicalIndexSuite,
    ModelSuite,
    RerankerSuite,
    SplitterSuite,
    VectorStoreSuite,
)
from ragstone.types import Delta, Entry, Piece, Record, Scored
from ragstone.usage import Usage


class Forgetful(MemoryStore):
    async def upsert(self, records, *, context):
        await super().upsert([record for record in records if record.chunk.id not in self._records], context=context)


class Merging(MemoryStore):
    async def upsert(self, records, *, context):
        def merged(new):
            old = self._records.get(new.chunk.id, new)
            acl = tuple({*old.chunk.acl, *new.chunk.acl})
            metadata = {**old.chunk.metadata, **new.chunk.metadata}
            return Record(dataclasses.replace(new.chunk, metadata=metadata, acl=acl), new.vector)

        await super().upsert([merged(record) for record in records], context=context)


class Afterwards(MemoryStore):
    async def search(self, vector, *, k, where=None, context):
        found = await super().search(vector, k=k, context=context)
        return [one for one in found if matches(where, self._records[one.id].chunk)]


class Ignoring(MemoryStore):
    async def search(self, vector, *, k, where=None, context):
        return await super().search(vector, k=k, context=context)


class Undeclared(MemoryStore):
    capabilities = Capabilities(filters=FILTERS - {"exists"})


class Backwards(MemoryStore):
    async def search(self, vector, *, k, where=None, context):
        return (await super().search(vector, k=k, where=where, context=context))[::-1]


class Distances(MemoryStore):
    async def search(self, vector, *, k, where=None, context):
        found = await super().search(vector, k=k, where=where, context=context)
        return [Scored(one.id, 1 - one.score) for one in found]


class Positional(MemoryStore):
    async def count(self, context):
        return await super().count(context=context)


class Blocking(MemoryStore):
    async def count(self, *, context):
        json.loads("{}")
        return await super().count(context=context)


class Undying(MemoryStore):
    closed = False

    async def close(self):
        assert not self.closed
        self.closed = True


class Shortened(MemoryStore):
    async def upsert(self, records, *, context):
        await super().upsert(records[:1000], context=context)


class Lengthless(MemoryStore):
    def _demand_length(self, vector):
        pass


class Unsized(HashingEmbedder):
    async def embed(self, texts, *, context, ids=None):
        return 2 * await super().embed(texts, context=context, ids=ids)


class Cutting(HashingEmbedder):
    async def embed(self, texts, *, context, ids=None):
        return await super().embed([" ".join(text.split()[:100]) for text in texts], context=context)


class Shuffled(HashingEmbedder):
    async def embed(self, texts, *, context, ids=None):
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        return await super().embed([texts[at] for at in order], context=context)


class Framed(HashingEmbedder):
    async def embed_compact(self, texts, *, by, context, ids=None):
        vectors, rows = await super().embed_compact(texts, by=by, context=context, ids=ids)
        return vectors, [own[[0, *range(len(own)), -1]] for own in rows]


class Counting(MemoryLexicalIndex):
    async def search(self, terms, *, k, where=None, context):
        counts = [(sum(e.terms.count(t) for t in terms), name) for name, e in self._entries.items()]
        return [Scored(name, float(n)) for n, name in sorted(counts, reverse=True)[:k] if n]


class Lingering(MemoryLexicalIndex):
    def __init__(self):
        super().__init__()
        self.seen = 0

    async def upsert(self, entries, *, context):
        self.seen += len(entries)
        await super().upsert(entries, context=context)

    async def search(self, terms, *, k, where=None, context):
        found = await super().search(terms, k=k, where=where, context=context)
        return [Scored(one.id, one.score * (1 + self.seen)) for one in found]


class Folding(MemoryLexicalIndex):
    async def upsert(self, entries, *, context):
        await super().upsert([Entry(e.chunk, [t.lower() for t in e.terms]) for e in entries], context=context)

    async def search(self, terms, *, k, where=None, context):
        return await super().search([t.lower() for t in terms], k=k, where=where, context=context)


class Silent(ScriptedModel):
    async def stream(self, prompt, *, context):
        async for delta in super().stream(prompt, context=context):
            yield Delta(delta.text)


class Stripping(ScriptedModel):
    async def stream(self, prompt, *, context):
        async for delta in super().stream(prompt, context=context):
            yield Delta(delta.text.strip(), delta.completion)


class Patient(ScriptedModel):
    async def generate(self, prompt, *, context):
        return await super().generate(prompt, context=dataclasses.replace(context, deadline=None))


class Scanty(ScriptedModel):
    async def sample(self, prompt, *, n, context):
        return (await super().sample(prompt, n=n, context=context))[:3]


class Repeating(ScriptedModel):
    """Gives the usage of the whole request with every sample."""

    async def sample(self, prompt, *, n, context):
        found = await super().sample(prompt, n=n, context=context)
        whole = sum(one.usage.input_tokens for one in found)
        return [dataclasses.replace(one, usage=Usage(input_tokens=whole)) for one in found]


class BestFirst(OverlapReranker):
    async def scores(self, question, texts, *, context):
        return sorted(await super().scores(question, texts, context=context), reverse=True)


class Relative(OverlapReranker):
    async def scores(self, question, texts, *, context):
        found = await super().scores(question, texts, context=context)
        return [score / max(map(abs, found)) for score in found]


class Blanking(OverlapReranker):
    async def scores(self, question, texts, *, context):
        return await super().scores(question, [text for text in texts if text.strip()], context=context)


class Windowed(OverlapReranker):
    async def scores(self, question, texts, *, context):
        assert all(len(text) < 50_000 for text in texts)
        return await super().scores(question, texts, context=context)


class Sharing(OverlapReranker):
    async def scores(self, question, texts, *, context):
        self.question = question
        await asyncio.sleep(0)
        return await super().scores(self.question, texts, context=context)


class Distant(OverlapReranker):
    async def scores(self, question, texts, *, context):
        return [-score for score in await super().scores(question, texts, context=context)]


class Splitting(TokenSplitter):
    def __init__(self):
        super().__init__(embedder=HashingEmbedder())


class Dropping(Splitting):
    def split(self, document):
        return super().split(document)[:-1]


class Overlong(Splitting):
    def split(self, document):
        return [Piece(0, len(document.text))] if document.text.strip() else []


class Restless(Splitting):
    @property
    def fingerprint(self):
        return str(id(self))


class Roomless(MemoryCache):
    async def get(self, room, keys, *, context):
        return await super().get("all", keys, context=context)

    async def put(self, room, entries, *, lease=None, context):
        await super().put("all", entries, lease=lease, context=context)


class Textual(MemoryCache):
    """Ends a key where a string of C ends."""

    async def put(self, room, entries, *, lease=None, context):
        cut = {key.split(b"\x00")[0] or key: stored for key, stored in entries.items()}
        await super().put(room, cut, lease=lease, context=context)


class Keeping(MemoryCache):
    """Keeps the first value."""

    async def put(self, room, entries, *, lease=None, context):
        new = {key: stored for key, stored in entries.items() if (room, key) not in self._entries}
        await super().put(room, new, lease=lease, context=context)


class Gathering(MemoryCache):
    """Keeps the tags of the value before."""

    async def put(self, room, entries, *, lease=None, context):
        def tagged(key, stored):
            old = self._entries.get((room, key))
            return dataclasses.replace(stored, tags=(*stored.tags, *(old.stored.tags if old else ())))

        await super().put(room, {k: tagged(k, one) for k, one in entries.items()}, lease=lease, context=context)


class Prefixed(MemoryCache):
    """Takes a tag for all that begin with it."""

    async def forget(self, tags, *, context):
        every = {tag for entry in self._entries.values() for tag in entry.stored.tags}
        return await super().forget([one for one in every if one.startswith(tuple(tags))], context=context)


class Unordered(MemoryCache):
    async def tagged(self, room, tag, *, context):
        return sorted(await super().tagged(room, tag, context=context))


class Everlasting(MemoryCache):
    async def put(self, room, entries, *, lease=None, context):
        endless = {key: dataclasses.replace(stored, seconds=None) for key, stored in entries.items()}
        await super().put(room, endless, lease=lease, context=context)


class Foreseeing(MemoryCache):
    """Has what was made by a clock that was put back since."""

    def _begin(self, verb):
        now, self.clock.now = self.clock.now, max([self.clock.now, *(one.made for one in self._entries.values())])
        super()._begin(verb)
        self.clock.now = now


class Generous(MemoryCache):
    """Gives everyone a lease."""

    async def claim(self, key, *, owner, seconds, context):
        self._leases.pop(key, None)
        return await super().claim(key, owner=owner, seconds=seconds, context=context)


class Fenceless(MemoryCache):
    """Keeps what comes from a lease that another one has followed."""

    async def put(self, room, entries, *, lease=None, context):
        await super().put(room, entries, context=context)


class Strict(MemoryCache):
    """Keeps nothing of a lease that has ended, though nobody has followed."""

    async def put(self, room, entries, *, lease=None, context):
        _, _, until = self._leases.get(lease.key, ("", 0, 0)) if lease else ("", 0, self.clock() + 1)
        if until > self.clock():
            await super().put(room, entries, lease=lease, context=context)


class Releasing(MemoryCache):
    """Lets anyone give back a key of another."""

    async def release(self, lease, *, context):
        self._leases.pop(lease.key, None)


class Undead(MemoryCache):
    """Never takes a key from an owner who died."""

    async def claim(self, key, *, owner, seconds, context):
        return await super().claim(key, owner=owner, seconds=1e9, context=context)


class FirstIn(MemoryCache):
    """What came first makes room."""

    def _last_use(self, name):
        return self._entries[name].order


class Bulging(MemoryCache):
    def _bytes(self):
        return 0


class Counted(MemoryCache):
    """Remembers the last figure only."""

    async def count(self, figures, *, context):
        self._figures |= figures


def suite(base, faulty, **settings):
    script = [lambda prompt: "Two words"] if base is ModelSuite else []
    return type(f"Test{faulty.__name__}", (base,), {"make": lambda self, tmp_path: faulty(*script), **settings})


STORES = (Forgetful, Merging, Afterwards, Ignoring, Undeclared, Backwards, Distances, Positional, Undying, Shortened)
for store in (*STORES, Lengthless):
    globals()[f"Test{store.__name__}"] = suite(VectorStoreSuite, store)
TestBlocking = suite(VectorStoreSuite, Blocking, vendors=("json",))
TestLosing = suite(VectorStoreSuite, type("Losing", (MemoryStore,), {}), persistent=True)
for embedder in (Unsized, Cutting, Shuffled, Framed):
    globals()[f"Test{embedder.__name__}"] = suite(EmbedderSuite, embedder)
for index in (Counting, Lingering, Folding):
    globals()[f"Test{index.__name__}"] = suite(LexicalIndexSuite, index)
for reranker in (BestFirst, Relative, Blanking, Windowed, Sharing, Distant):
    globals()[f"Test{reranker.__name__}"] = suite(RerankerSuite, reranker)
for splitter in (Dropping, Overlong, Restless):
    globals()[f"Test{splitter.__name__}"] = suite(SplitterSuite, splitter)
for model in (Silent, Stripping, Patient, Scanty, Repeating):
    globals()[f"Test{model.__name__}"] = suite(ModelSuite, model, deadlines=True)
CACHES = (Roomless, Textual, Keeping, Gathering, Prefixed, Unordered, Everlasting, Foreseeing, Generous, Fenceless)
for cache in (*CACHES, Strict, Releasing, Undead, FirstIn, Bulging, Counted):
    made = {
        "make": lambda self, tmp_path, cache=cache: cache(clock=self.clock),
        "small": lambda self, tmp_path, size, cache=cache: cache(size=size, clock=self.clock),
    }
    globals()[f"Test{cache.__name__}"] = type(f"Test{cache.__name__}", (CacheSuite,), {**made, "timed": True})
