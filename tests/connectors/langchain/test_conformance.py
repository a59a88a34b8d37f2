"""LangChain's stores, real ones, behind the suite of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.connectors.langchain import LangChainStore
from ragstone.testing.suites import VectorStoreSuite

FAISS = "langchain_community.vectorstores.FAISS"
MEMORY = "langchain_core.vectorstores.InMemoryVectorStore"
THEIRS = ("langchain_core", "langchain_community", "faiss", "sqlite3")


class TestFaiss(VectorStoreSuite):
    """Squared distances, filters after the nearest were taken, no replacing, ids that must be there to be removed."""

    vendors, persistent = THEIRS, True

    def make(self, tmp_path: Path) -> LangChainStore:
        return LangChainStore(tmp_path, vectorstore=FAISS, memory=True, filters="callable")


class TestFaissByInnerProduct(VectorStoreSuite):
    vendors = THEIRS

    def make(self, tmp_path: Path) -> LangChainStore:
        arguments = {"distance_strategy": "MAX_INNER_PRODUCT"}
        return LangChainStore(vectorstore=FAISS, memory=True, filters="callable", arguments=arguments)


class TestInMemory(VectorStoreSuite):
    """Cosines, filters that see documents."""

    vendors, persistent = THEIRS, True

    def make(self, tmp_path: Path) -> LangChainStore:
        return LangChainStore(tmp_path, vectorstore=MEMORY, memory=True, filters="callable")


class TestWithoutFilters(VectorStoreSuite):
    vendors, persistent = THEIRS, True

    def make(self, tmp_path: Path) -> LangChainStore:
        return LangChainStore(tmp_path, vectorstore=MEMORY, memory=True)


@pytest.mark.slow
class TestChroma(VectorStoreSuite):
    """Lasts by itself, is opened by its constructor, and takes a mapping."""

    vendors, persistent = (*THEIRS, "langchain_chroma", "chromadb"), True

    def make(self, tmp_path: Path) -> LangChainStore:
        arguments = {
            "collection_name": "{collection}",
            "persist_directory": str(tmp_path / "theirs"),
            "collection_configuration": {"hnsw": {"space": "cosine", "ef_search": 400}},
        }
        return LangChainStore(tmp_path, vectorstore="langchain_chroma.Chroma", arguments=arguments, filters="mapping")
