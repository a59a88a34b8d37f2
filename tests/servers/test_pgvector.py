"""The Postgres store and index against a real Postgres with pgvector."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ragstone
from postgres_entries import CONTEXT, entries, lost, parts, process, records, require_exact, write
from ragstone.cli.init import Default
from ragstone.cli.init import write as write_project
from ragstone.connectors.pgvector import PgLexicalIndex, PgVectorStore
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.errors import IndexMismatch, UsageError
from ragstone.retrieval.matching import matches
from ragstone.testing.suites import LexicalIndexSuite, VectorStoreSuite
from ragstone.testing.suites.samples import chunk
from ragstone.types import Condition, Entry, Filter, Group, Record

pytestmark = pytest.mark.servers

WRITE = """
async def main():
    for at in range(first, last, 100):
        await write(store, index, range(at, at + 100))
    await store.close()
    await index.close()
asyncio.run(main())
"""


def named(path: Path) -> str:
    """A collection of a folder's own, with a name that is too long for a table."""
    return "x" + str(path).replace("/", "-").replace("_", "-")


class TestVectors(VectorStoreSuite):
    vendors = ("psycopg", "psycopg_binary")
    persistent = True
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _at(self, postgres: str) -> None:
        type(self).url = postgres

    def make(self, tmp_path: Path) -> PgVectorStore:
        return PgVectorStore(url=self.url, collection=named(tmp_path))


class TestTerms(LexicalIndexSuite):
    vendors = ("psycopg", "psycopg_binary")
    persistent = True
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _at(self, postgres: str) -> None:
        type(self).url = postgres

    def make(self, tmp_path: Path) -> PgLexicalIndex:
        return PgLexicalIndex(url=self.url, collection=named(tmp_path))


# ── Filters ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ODD = ["", "a", "1", "true", "größe", "\0", "\x01", "\x0100", "\ud800", "'; DROP TABLE x; --", '"', "\\", "%s", "$.a"]
fields = st.sampled_from(["a", "b", *ODD, "acl", "strict $", '{"a": 1}', "x\ny"])
numbers = st.one_of(
    st.integers(-2, 2),
    st.sampled_from([0.1 + 0.2, 0.3, -0.5, 1.0, 2.0, 1e300, 1e23, 10**23, 2**53 + 1, 10**400, 5e-324, 1e-7]),
    st.sampled_from([math.inf, -math.inf]),
)
scalars = st.one_of(numbers, st.just(math.nan), st.booleans(), st.sampled_from(ODD))
documents = st.dictionaries(fields, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=4)
conditions = st.one_of(
    st.builds(Condition, fields, st.sampled_from(["eq", "ne", "contains"]), scalars),
    st.builds(Condition, fields, st.sampled_from(["in", "nin"]), st.lists(scalars, max_size=25)),
    st.builds(Condition, fields, st.sampled_from(["gt", "gte", "lt", "lte"]), numbers),
    st.builds(Condition, fields, st.just("exists"), st.booleans()),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(Group, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Group, st.just("not"), st.tuples(inner)),
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(documents, st.lists(st.sampled_from(ODD), max_size=3)), min_size=1, max_size=5),
    st.lists(filters, min_size=1, max_size=8),
)
def test_a_filter_means_what_the_language_says(
    postgres: str, written: list[tuple[dict[str, Any], list[str]]], asked: list[Filter]
) -> None:
    chunks = [chunk(f"c{at}", acl=acl, metadata=metadata) for at, (metadata, acl) in enumerate(written)]

    async def compare() -> None:
        store, index = parts(postgres, "filters")
        try:
            await ask(store, index)
        finally:
            await store.close()
            await index.close()

    async def ask(store: PgVectorStore, index: PgLexicalIndex) -> None:
        await store.drop(context=CONTEXT)
        await store.upsert([Record(one, np.ones(1, np.float32)) for one in chunks], context=CONTEXT)
        await index.delete([f"c{at}" for at in range(5)], context=CONTEXT)
        await index.upsert([Entry(one, ["word"]) for one in chunks], context=CONTEXT)
        for where in asked:
            expected = {one.id for one in chunks if matches(where, one)}
            near = await store.search(np.ones(1, np.float32), k=9, where=where, context=CONTEXT)
            matching = await index.search(["word"], k=9, where=where, context=CONTEXT)
            assert {one.id for one in near} == {one.id for one in matching} == expected, where

    asyncio.run(compare())


async def test_what_looks_like_sql_is_a_value(postgres: str) -> None:
    names = ["'; DROP SCHEMA ragstone CASCADE; --", '"; --', "%s %(v0)s", "$1", "{table}", "\\'", "\0", "\ud800x"]
    store, index = parts(postgres, "a'; --".replace("'; ", "-x"))
    chunks = [chunk(name, acl=[name], metadata={name: name, "tags": [name]}) for name in names]
    for _ in range(2):
        await store.upsert([Record(one, np.ones(4, np.float32)) for one in chunks], context=CONTEXT)
        await index.upsert([Entry(one, [one.id]) for one in chunks], context=CONTEXT)
    assert sorted(await store.ids(context=CONTEXT)) == sorted(await index.ids(context=CONTEXT)) == sorted(names)
    for name in names:
        assert list(await store.vectors([name], context=CONTEXT)) == [name]
        for where in (
            Condition(name, "eq", name),
            Condition("tags", "contains", name),
            Condition("acl", "in", [name]),
        ):
            near, matching = await store.search_both(
                np.ones(4, np.float32), [name], index=index, k=9, where=where, context=CONTEXT
            )
            assert [one.id for one in near] == [one.id for one in matching] == [name]
    await store.delete(names[1:], context=CONTEXT)
    assert await store.ids(context=CONTEXT) == names[:1]
    await store.close()
    await index.close()


# ── Scores ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_scores_are_those_of_tantivy(postgres: str) -> None:
    chance = np.random.default_rng(0)
    written = [
        Entry(chunk(f"e{at:03}"), [f"w{int(rank)}" for rank in chance.zipf(1.3, size=chance.integers(1, 39))])
        for at in range(300)
    ]
    ours, theirs = PgLexicalIndex(url=postgres, collection="bm25"), TantivyIndex()
    for index in (ours, theirs):
        await index.upsert(written, context=CONTEXT)
        await index.upsert([Entry(one.chunk, ["w1"]) for one in written[:50]], context=CONTEXT)
        await index.delete([f"e{at:03}" for at in range(30, 80)], context=CONTEXT)
    for asked in (["w1"], ["w2", "w9", "w9"], ["w3", "w4", "w1", "w40", "none"]):
        found = [
            {one.id: one.score for one in await index.search(asked, k=400, context=CONTEXT)} for index in (ours, theirs)
        ]
        assert found[0] == pytest.approx(found[1], rel=1e-5)
        assert found[0]
    ranked = await ours.search(["w1", "w2"], k=20, context=CONTEXT)
    assert list(ranked) == sorted(ranked, key=lambda one: (-one.score, one.id))
    require_exact(postgres, "bm25")
    await ours.close()


async def test_equal_scores_are_cut_by_id(postgres: str) -> None:
    index = PgLexicalIndex(url=postgres, collection="equal")
    await index.upsert([Entry(chunk(f"e{at:02}"), ["word"]) for at in reversed(range(40))], context=CONTEXT)
    assert [one.id for one in await index.search(["word"], k=3, context=CONTEXT)] == ["e00", "e01", "e02"]
    await index.close()


# ── Both at once ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_both_find_what_each_finds(postgres: str) -> None:
    store, index = parts(postgres, "both")
    vector, terms = records([7])[0].vector, ["word", "seventh3"]
    assert store.joins(index)
    assert await store.search_both(vector, terms, index=index, k=5, context=CONTEXT) == ([], [])
    await store.upsert(records(range(300)), context=CONTEXT)
    near, matching = await store.search_both(vector, terms, index=index, k=5, context=CONTEXT)
    assert (len(near), matching) == (5, [])  # the index was never written
    await index.upsert(entries(range(300)), context=CONTEXT)
    for where in (None, Condition("acl", "in", ["ana"]), Condition("at", "lt", 0)):
        both = await store.search_both(vector, terms, index=index, k=5, where=where, context=CONTEXT)
        assert both[0] == await store.search(vector, k=5, where=where, context=CONTEXT)
        assert both[1] == await index.search(terms, k=5, where=where, context=CONTEXT)
    near, matching = await store.search_both(vector, [], index=index, k=5, context=CONTEXT)
    assert (len(near), matching) == (5, [])
    with pytest.raises(IndexMismatch):
        await store.search_both(vector[:3], terms, index=index, k=5, context=CONTEXT)
    await store.close()
    await index.close()


async def test_an_id_that_is_too_long_for_an_index_is_refused(postgres: str) -> None:
    store, index = parts(postgres, "long")
    name = np.random.default_rng(0).bytes(5_000).hex()
    with pytest.raises(UsageError, match="too long"):
        await store.upsert([Record(chunk(name), np.ones(4, np.float32))], context=CONTEXT)
    with pytest.raises(UsageError, match="too long"):
        await index.upsert([Entry(chunk(name), ["word"])], context=CONTEXT)
    assert await index.count(context=CONTEXT) == 0
    await store.close()
    await index.close()


async def test_a_vector_of_another_length_is_refused_where_nothing_passes_the_filter(postgres: str) -> None:
    store, index = parts(postgres, "lengths")
    await write(store, index, range(3))
    nothing = Condition("at", "lt", 0)
    with pytest.raises(IndexMismatch):
        await store.search(np.ones(5, np.float32), k=3, where=nothing, context=CONTEXT)
    with pytest.raises(IndexMismatch):
        await store.search_both(np.ones(5, np.float32), ["word"], index=index, k=3, where=nothing, context=CONTEXT)
    await store.close()
    await index.close()


async def test_only_an_index_of_the_same_database_is_joined(postgres: str, tmp_path: Path) -> None:
    store = PgVectorStore(url=postgres)
    assert store.joins(PgLexicalIndex(url=postgres, collection="other", schema="elsewhere"))
    assert not store.joins(PgLexicalIndex(url=postgres.replace("/postgres", "/template1")))
    assert not store.joins(TantivyIndex(tmp_path))
    await store.close()


# ── Many ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_ten_thousand_chunks_get_indexes_and_are_found(postgres: str) -> None:
    store, index = parts(postgres, "many")
    for at in range(0, 10_000, 2_500):
        await write(store, index, range(at, at + 2_500))
    await asyncio.gather(store.flush(), index.flush())
    with psycopg.connect(postgres) as connection:
        made = connection.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'many.%.%'").fetchall()
        assert {name for (name,) in made} == {
            *(f"many.vectors.{part}" for part in ("hnsw", "acl", "metadata")),
            *(f"many.entries.{part}" for part in ("acl", "metadata")),
        }
    assert await store.count(context=CONTEXT) == await index.count(context=CONTEXT) == 10_000
    assert await lost(store, index, range(0, 10_000, 500)) == []
    asked = records([1])[0].vector
    for where, passing in (
        (Condition("acl", "in", ["ana"]), 1_000),
        (Condition("at", "lt", 100), 100),
        (Condition("at", "in", [5, 9_999]), 2),
    ):
        assert len(await store.search(asked, k=100, where=where, context=CONTEXT)) == min(100, passing)
    await store.delete([f"c{at}" for at in range(9_990)], context=CONTEXT)
    await index.delete([f"c{at}" for at in range(9_990)], context=CONTEXT)
    assert await lost(store, index, range(9_990, 10_000)) == []
    require_exact(postgres, "many")
    await store.close()
    await index.close()


async def test_two_processes_write_at_once_and_both_make_the_tables(postgres: str) -> None:
    writers = [process(WRITE, postgres, "shared", first, first + 1_200) for first in (0, 1_000)]
    said = [await asyncio.to_thread(writer.communicate) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said
    store, index = parts(postgres, "shared")
    assert await store.count(context=CONTEXT) == await index.count(context=CONTEXT) == 2_200
    assert await lost(store, index, range(0, 2_200, 100)) == []
    require_exact(postgres, "shared")
    await store.close()
    await index.close()


async def test_collections_never_mix(postgres: str) -> None:
    names = ["tenant-a", "tenant-b", "x" * 90, "x" * 91]
    pairs = [parts(postgres, name) for name in names]
    for at, (store, index) in enumerate(pairs):
        await write(store, index, range(at * 10, at * 10 + 10))
    await pairs[0][0].drop(context=CONTEXT)
    await pairs[0][1].drop(context=CONTEXT)
    longer = np.ones(20, np.float32)
    await pairs[0][0].upsert([Record(chunk("longer"), longer)], context=CONTEXT)  # of another embedder
    assert [one.id for one in await pairs[0][0].search(longer, k=9, context=CONTEXT)] == ["longer"]
    for at, (store, index) in enumerate(pairs[1:], start=1):
        own = {f"c{one}" for one in range(at * 10, at * 10 + 10)}
        assert set(await store.ids(context=CONTEXT)) == set(await index.ids(context=CONTEXT)) == own
        assert {one.id for one in await index.search(["word"], k=99, context=CONTEXT)} == own
    for store, index in pairs:
        await store.close()
        await index.close()


# ── A project ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_project_keeps_its_whole_index_in_postgres(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, model=Default.extractive)
    (tmp_path / "documents/halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    (tmp_path / "documents/cod.md").write_text("# Cod\n\nThe cod project was cancelled. Part number ZX-81.\n")
    for kind in ("store", "lexical"):
        text = f"kind: {kind}\ntype: pgvector\nurl: ${{env:RAGSTONE_POSTGRES_URL:}}\nschema: mine\n"
        (tmp_path / f"connectors/postgres-{kind}.yaml").write_text(text)
    pipeline = tmp_path / "pipelines/ingest.yaml"
    pipeline.write_text(
        pipeline.read_text().replace("store: chroma", "store: postgres-store\nlexical: postgres-lexical")
    )
    monkeypatch.setenv("RAGSTONE_POSTGRES_URL", postgres)
    async with ragstone.aopen(tmp_path) as rag:
        assert (await rag.ingest()).added == 2
        hits = await rag.search("When does the halibut project ship?")
        assert [hit.chunk.uri for hit in hits] == ["documents/halibut.md", "documents/cod.md"]
        assert hits[0].scores["lexical"] > 0
        answer = await rag.ask("When does the halibut project ship?")
        assert "3 May 2031" in answer.text
        trace = await rag.trace(answer.trace_id)
        assert trace is not None
        assert {"retrieve.both"} == {step.name for step in trace.steps} & {"retrieve.both", "retrieve.dense"}
        assert await rag.index().verify() == []
        (tmp_path / "documents/cod.md").unlink()
        assert (await rag.ingest()).removed == 1
        assert [hit.chunk.uri for hit in await rag.search("ZX-81")] == ["documents/halibut.md"]
    assert not (tmp_path / ".ragstone/chroma").exists()
    assert not (tmp_path / ".ragstone/lexical").exists()
