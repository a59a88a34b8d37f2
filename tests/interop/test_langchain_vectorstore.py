"""Our vector stores as LangChain's, through the standard tests of LangChain and beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from ragstone.errors import StateError, UsageError
from ragstone.interop.langchain import RagstoneEmbeddings, RagstoneVectorStore
from ragstone.testing import HashingEmbedder, MemoryStore

FISH = {
    "1": ("cod swims in cold water", {"kind": "fish", "kg": 3}),
    "2": ("cod swims in very cold water", {"kind": "fish", "kg": 5}),
    "3": ("ferns grow in shade", {"kind": "plant", "tags": ["green"], "deep": {"kept": [1, None]}}),
}


class TestInAFolder(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:  # type: ignore[override]
        store = RagstoneVectorStore(self.get_embeddings(), path=tmp_path / "store")
        yield store
        store.close()


class TestInMemory(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:  # type: ignore[override]
        store = RagstoneVectorStore(self.get_embeddings())
        yield store
        store.close()


class TestOfAStoreThatIsGiven(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:  # type: ignore[override]
        store = RagstoneVectorStore(self.get_embeddings(), store=MemoryStore())
        yield store
        store.close()


def filled(path: Path | None = None) -> RagstoneVectorStore:
    return RagstoneVectorStore.from_texts(
        [text for text, _ in FISH.values()],
        RagstoneEmbeddings(HashingEmbedder()),
        [metadata for _, metadata in FISH.values()],
        ids=list(FISH),
        path=path,
    )


@pytest.fixture
def store() -> Iterator[RagstoneVectorStore]:
    made = filled()
    yield made
    made.close()


def names(found: list[Document]) -> list[str | None]:
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": "plant"}, {"3"}),
        ({"kg": {"$gt": 3}}, {"2"}),
        ({"$not": {"kind": "fish"}}, {"3"}),
        ({"tags": {"$contains": "green"}}, {"3"}),
        ({}, {"1", "2", "3"}),
    ],
)
def test_filters_run_in_our_language(store: RagstoneVectorStore, filters: dict[str, object], expected: set[str]):
    assert set(names(store.similarity_search("cod", filter=filters))) == expected


def test_a_filter_that_means_nothing_is_refused(store: RagstoneVectorStore):
    with pytest.raises(UsageError, match="unknown filter operator"):
        store.similarity_search("cod", filter={"kg": {"$near": 3}})
    with pytest.raises(UsageError, match="function"):
        store.similarity_search("cod", filter=lambda document: True)
    with pytest.raises(UsageError, match="expr"):
        store.similarity_search("cod", expr="kg > 3")


async def test_scores_are_cosines(store: RagstoneVectorStore):
    (best, score), *_ = store.similarity_search_with_score("cod swims in cold water")
    assert (best.id, score) == ("1", pytest.approx(1.0, abs=1e-5))
    assert await store.asimilarity_search_with_score("cod swims in cold water", k=1) == [(best, score)]
    relevant = store.similarity_search_with_relevance_scores("cod swims in cold water", score_threshold=0.9)
    assert names([one for one, _ in relevant])[0] == "1"
    assert all(0 <= one <= 1 for _, one in relevant)


async def test_what_differs_comes_before_what_repeats(store: RagstoneVectorStore):
    assert names(store.similarity_search("cod swims in cold water", k=2)) == ["1", "2"]
    assert names(store.max_marginal_relevance_search("cod swims in cold water", k=2, lambda_mult=0.1)) == ["1", "3"]
    found = await store.amax_marginal_relevance_search("cod swims in cold water", k=2, lambda_mult=0.1)
    assert names(found) == ["1", "3"]
    retriever = store.as_retriever(search_type="mmr", search_kwargs={"k": 1})
    assert names(await retriever.ainvoke("ferns")) == ["3"]


def test_everything_is_there_when_it_is_opened_again(tmp_path: Path):
    filled(tmp_path).close()
    again = RagstoneVectorStore(RagstoneEmbeddings(HashingEmbedder()), path=tmp_path)
    text, metadata = FISH["3"]
    assert again.get_by_ids(["3", "4"]) == [Document(id="3", page_content=text, metadata=metadata)]
    assert names(again.similarity_search("ferns", k=1)) == ["3"]
    again.delete()
    assert again.similarity_search("ferns") == []
    again.close()


def test_what_cannot_be_kept_is_said(store: RagstoneVectorStore):
    with pytest.raises(UsageError, match="metadata of 'x' cannot be kept"):
        store.add_texts(["x"], [{"when": object()}], ids=["x"])
    with pytest.raises(UsageError, match="one id"):
        store.add_texts(["x", "y"], ids=["x"])
    with pytest.raises(UsageError, match="its metadata"):
        store.add_texts(["x", "y"], [{}])


def test_a_file_of_another_format_is_refused(tmp_path: Path):
    import sqlite3
    from contextlib import closing

    filled(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "documents.db")) as db:
        db.execute("PRAGMA user_version = 9")
    store = RagstoneVectorStore(RagstoneEmbeddings(HashingEmbedder()), path=tmp_path)
    with pytest.raises(StateError, match="another version"):
        store.get_by_ids(["1"])
    store.close()


def test_langchains_indexing_keeps_it_in_step(store: RagstoneVectorStore):
    records = InMemoryRecordManager("fish")
    records.create_schema()
    store.delete()
    documents = [Document(page_content=text, metadata={"source": name}) for name, (text, _) in FISH.items()]
    done = index(documents, records, store, cleanup="full", source_id_key="source", key_encoder="sha256")
    assert (done["num_added"], done["num_deleted"]) == (3, 0)
    done = index(documents[1:], records, store, cleanup="full", source_id_key="source", key_encoder="sha256")
    assert (done["num_added"], done["num_skipped"], done["num_deleted"]) == (0, 2, 1)
    assert {one.metadata["source"] for one in store.similarity_search("cod")} == {"2", "3"}
