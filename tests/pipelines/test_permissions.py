"""Nobody gets out what is not for them, from any store that runs here, by any way in which passages are found."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from permissions import (
    Backend,
    Text,
    World,
    in_memory,
    ingested,
    require_indifference,
    require_no_rights_left,
    require_secrecy,
    worlds,
)
from ragstone.connectors.chroma import ChromaStore
from ragstone.connectors.langchain import LangChainStore
from ragstone.connectors.qdrant import QdrantIndex, QdrantStore
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.protocols import VectorStore

pytestmark = pytest.mark.long

with warnings.catch_warnings():  # of being sunset
    warnings.simplefilter("ignore")
    import langchain_community.vectorstores.faiss  # noqa: F401

PRIVATE = Text(0, "The halibut project ships in May, says ask7x0 secret7x0.", ("group:hr",), None)
OPEN = Text(1, "The turbot project has no date yet.", ("public",), None)


def beside_tantivy(make: Callable[[], VectorStore]) -> Backend:
    return lambda collection: (make(), TantivyIndex())


def langchain(vectorstore: str) -> Backend:
    return beside_tantivy(lambda: LangChainStore(vectorstore=vectorstore, memory=True, filters="callable"))


BACKENDS: dict[str, tuple[Backend, int]] = {
    "memory": (in_memory, 20),
    "chroma and tantivy": (beside_tantivy(ChromaStore), 5),
    "qdrant": (lambda collection: (QdrantStore(), QdrantIndex()), 5),
    "langchain": (langchain("langchain_core.vectorstores.InMemoryVectorStore"), 5),
    "faiss": (langchain("langchain_community.vectorstores.FAISS"), 5),
}

SLOW = ("qdrant", "langchain", "faiss")


@pytest.mark.parametrize(
    "name",
    ["memory", "chroma and tantivy", *(pytest.param(one, marks=pytest.mark.slow) for one in SLOW)],
)
def test_nothing_of_what_is_forbidden_is_shown(name: str):
    backend, examples = BACKENDS[name]

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds())
    def check(world: World) -> None:
        asyncio.run(require_secrecy(world, backend))

    check()


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(revoked=False))
def test_what_is_forbidden_changes_nothing(world: World):
    asyncio.run(require_indifference(world))


# ── One by one ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_dropped_collection_leaves_no_rights_behind(tmp_path: Path):
    await require_no_rights_left(lambda name: ChromaStore(collection=name))
    await require_no_rights_left(lambda name: ChromaStore(tmp_path, collection=name))
    await require_no_rights_left(lambda name: QdrantStore(tmp_path / "qdrant", collection=name))


async def test_a_revocation_counts_before_the_indexes_know_of_it():
    revoked = Text(0, PRIVATE.body, ("public",), ("group:hr",))
    async with ingested(World((revoked, OPEN), False, 40, ()), in_memory) as rag:
        strangers = await rag.search("When does the halibut project ship?")
        (trace,) = await rag.traces()
        people = await rag.search("When does the halibut project ship?", principals=["group:hr"])
    assert [hit.chunk.uri for hit in strangers] == [OPEN.uri]
    assert strangers[0].scores["final"] == 1.0  # stretched over what the caller may see
    assert [hit.chunk.uri for hit in people] == [revoked.uri, OPEN.uri]
    assert people[0].chunk.id not in json.dumps(asdict(trace))


async def test_a_trace_is_shown_to_who_may_see_all_that_its_caller_may():
    async with ingested(World((PRIVATE, OPEN), False, 40, ()), in_memory) as rag:
        answer = await rag.ask("When does halibut ship?", principals=["group:hr", "user:ana"])
        for principals in ((), ["group:hr"], ["group:it", "user:ana"], "group:hr"):
            assert await rag.trace(answer.trace_id, principals=principals) is None
            assert await rag.traces(principals=principals) == []
        for principals in (["user:ana", "group:hr"], ["group:hr", "user:ana", "group:it"], None):
            assert await rag.trace(answer.trace_id[:6], principals=principals) is not None
            assert answer.trace_id in {trace.id for trace in await rag.traces(principals=principals)}


async def test_an_ingestion_is_the_operators_to_look_at():
    broken = Text(7, "\0\0\0", ("group:hr",), None)
    async with ingested(World((OPEN,), False, 40, ()), in_memory) as rag:
        rag._parts._sources[0].texts = (OPEN, broken)  # pyright: ignore
        report = await rag.ingest()
        assert [failure.uri for failure in report.failed] == [broken.uri]
        assert await rag.traces(principals=["group:hr"]) == []
        assert broken.uri in json.dumps([asdict(trace) for trace in await rag.traces(principals=None)], default=str)


async def test_a_forbidden_duplicate_takes_no_allowed_ones_place():
    """The better one of two alike is forbidden, and so are the best of a document's, by every way to drop hits."""
    twin = Text(2, f"{PRIVATE.body} Indeed.", ("public",), None)
    world = World((PRIVATE, twin, OPEN), False, 40, ())
    for diversify in ({"duplicates": 0.3}, {"mmr": 1.0}, {"per_document": 1}):
        async with ingested(world, in_memory) as rag:
            rag._parts.spec = RetrieveSpec.model_validate({"diversify": diversify, "candidates": 2})  # pyright: ignore
            hits = await rag.search(PRIVATE.body)
            assert [hit.chunk.uri for hit in hits] == [twin.uri, OPEN.uri]


async def test_who_sees_nothing_is_told_what_an_empty_index_would_say_of_a_document():
    async with ingested(World((PRIVATE,), False, 40, ()), in_memory) as rag:
        assert await rag.document(PRIVATE.id) is None
        assert await rag.document("unknown") is None
        answer = await rag.ask("When does the halibut project ship?")
    assert answer.abstained
    assert answer.hits == ()
