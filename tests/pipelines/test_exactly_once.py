"""Whatever happens to sources, settings and process: after a run that ends, the index is that of a first run.

A Hypothesis state machine edits, removes, packs and hides documents, changes permissions and the splitter, loses an
index, and lets runs die at any write. The model is a fresh index of what there is now.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ragstone.caching.embeddings import CachedEmbedder
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.ingestion.workers import Here
from ragstone.pipelines import upkeep
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.state.sqlite import ProjectState
from ragstone.testing import HashingEmbedder, MemoryCache, MemoryLexicalIndex, MemorySource, MemoryStore
from ragstone.types import Chunk, Context

pytestmark = pytest.mark.long

NAMES = st.sampled_from(["a.md", "b.md", "c.txt", "d.zip", "e.zip"])
WORDS = st.sampled_from(["cod", "eel", "ray", "dab"])
TEXTS = st.lists(WORDS, min_size=1, max_size=30).map(lambda words: "# Fish\n\n" + ". ".join(words) + ".")
READERS = st.sampled_from([("public",), ("anna",), (), ("anna", "group:hr")])
SIZES = st.sampled_from([8, 12, 40])
DAMAGED = b"\0\1\2\3" * 9

WRITES = (
    "state.begin", "state.settle", "state.remove", "state.relabel", "state.forget_orphans", "state.touch", "state.fail",
    "store.upsert", "store.delete", "lexical.upsert", "lexical.delete", "embedder.embed", "cache.put",
)  # fmt: skip

DEATHS = st.lists(st.tuples(st.sampled_from(WRITES), st.integers(0, 1), st.booleans()), min_size=1, max_size=3)
"""Of each run: at which write, at the how manieth call, and whether the write was done first."""


class Broken(Exception):
    """The process died here."""


class Ingestion(RuleBasedStateMachine):
    """One index through its life."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.acl: dict[str, tuple[str, ...]] = {}
        self.size = 12
        self.forgotten: set[str] = set()
        self.state = ProjectState(None)
        self.store, self.lexical, self.cache = MemoryStore(), MemoryLexicalIndex(), MemoryCache()
        self.settled = True

    # ── What happens ─────────────────────────────────────────────────────────────────────────────────────────────────

    @initialize(name=NAMES, text=TEXTS)
    def begin(self, name: str, text: str) -> None:
        self.write(name, text)
        self.run()

    @rule(name=NAMES, text=TEXTS)
    def write(self, name: str, text: str) -> None:
        self._put(name, packed(one=text) if name.endswith(".zip") else text.encode())

    @rule(name=st.sampled_from(["d.zip", "e.zip"]), texts=st.dictionaries(WORDS, TEXTS, max_size=3))
    def pack(self, name: str, texts: dict[str, str]) -> None:
        if texts:
            self._put(name, packed(**texts))

    @precondition(lambda self: len(self.files) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        del self.files[data.draw(st.sampled_from(sorted(self.files)))]
        self.settled = False

    @precondition(lambda self: self.files)
    @rule(data=st.data(), readers=READERS)
    def permit(self, data: st.DataObject, readers: tuple[str, ...]) -> None:
        self.acl[data.draw(st.sampled_from(sorted(self.files)))] = readers
        self.settled = False

    @rule(size=SIZES)
    def cut_otherwise(self, size: int) -> None:
        self.size = size
        self.settled = False

    @precondition(lambda self: len(self.files) > 1)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        uri = data.draw(st.sampled_from(sorted(self.files)))
        self.forgotten.add(uri)
        self.state.forget(uri, tenant="default")
        asyncio.run(upkeep.forget(self._index(), uri, context=Context()))
        self.settled = False

    @rule()
    def lose_the_vectors(self) -> None:
        asyncio.run(self.store.drop(context=Context()))
        self.settled = False

    @rule()
    def lose_the_cache(self) -> None:
        self.cache = MemoryCache()

    @rule()
    def run(self) -> None:
        asyncio.run(self._ingest(self._index()))
        self.settled = True

    @rule()
    def repair(self) -> None:
        index = self._index()
        asyncio.run(upkeep.repair(index, context=Context()))

    @rule(deaths=DEATHS, name=NAMES, text=TEXTS)
    def die_and_run_again(self, deaths: list[tuple[str, int, bool]], name: str, text: str) -> None:
        self.write(name, text)
        for write, at, after in deaths:
            self._run_and_die(write, at, after)
        self.run()

    def _run_and_die(self, write: str, at: int, after: bool) -> None:
        index = self._index()
        room, method = write.split(".")
        part: Any = self.cache if room == "cache" else getattr(index, room)
        real, calls = getattr(part, method), [0]

        def now() -> bool:
            calls[0] += 1
            return calls[0] > at

        def blocking(*args: Any, **keys: Any) -> Any:
            due = now()
            if due and not after:
                raise Broken
            result = real(*args, **keys)
            if due:
                raise Broken
            return result

        async def waiting(*args: Any, **keys: Any) -> Any:
            due = now()
            if due and not after:
                raise Broken
            result = await real(*args, **keys)
            if due:
                raise Broken
            return result

        setattr(part, method, blocking if room == "state" else waiting)
        try:
            asyncio.run(self._ingest(index))
        except Broken:
            pass
        finally:
            delattr(part, method)

    # ── What must hold ───────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_index_is_that_of_a_first_run(self) -> None:
        if not self.settled or not self.files:
            return
        fresh = self._fresh()
        assert everything(self._index()) == everything(fresh)
        assert asyncio.run(upkeep.verify(self._index(), context=Context())) == []

    @invariant()
    def a_run_with_nothing_new_embeds_nothing(self) -> None:
        if self.settled and self.files:
            report = asyncio.run(self._ingest(self._index()))
            assert (report.added, report.changed, report.removed, report.embedded) == (0, 0, 0, 0)

    def _put(self, name: str, data: bytes) -> None:
        self.files[name] = data
        self.settled = False

    def _index(self) -> Index:
        embedder = CachedEmbedder(HashingEmbedder(), self.cache)
        return index(self.size, state=self.state, store=self.store, lexical=self.lexical, embedder=embedder)

    def _fresh(self) -> Index:
        state = ProjectState(None)
        for uri in self.forgotten:
            state.forget(uri, tenant="default")
        made = index(
            self.size, state=state, store=MemoryStore(), lexical=MemoryLexicalIndex(), embedder=HashingEmbedder()
        )
        asyncio.run(self._ingest(made))
        return made

    async def _ingest(self, found: Index) -> Any:
        source = MemorySource(self.files, name="documents", acl=self.acl)
        return await IngestPipeline(found, [source]).run(context=Context(), allow_empty=True)


def index(size: int, **parts: Any) -> Index:
    splitter = TokenSplitter(embedder=parts["embedder"], size=size)
    return Index(name="ingest", tenant="default", splitter=splitter, reader=Here(), **parts)


def packed(**members: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(f"{name}.md"), members[name])
    return target.getvalue()


def everything(found: Index) -> tuple[Any, ...]:
    """What the state and both indexes hold, versions left out."""
    store: Any = found.store
    lexical: Any = found.lexical
    documents = sorted(
        (row.uri, row.state, row.acl, row.parent, row.content_hash)
        for row in found.state.manifest("ingest", tenant="default", source="documents").values()
    )
    vectors = {name: (plain(record.chunk), record.vector.tobytes()) for name, record in store._records.items()}
    terms = {name: (plain(entry.chunk), tuple(entry.terms)) for name, entry in lexical._entries.items()}
    return documents, vectors, terms, found.state.orphans("ingest", tenant="default")


def plain(chunk: Chunk) -> Chunk:
    return replace(chunk, acl=tuple(sorted(chunk.acl)))


SHORT = settings(max_examples=25, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(SHORT, max_examples=150)


class TestIngestion(Ingestion.TestCase):
    settings = SHORT


@pytest.mark.slow
class TestIngestionAtLength(Ingestion.TestCase):
    settings = LONG
