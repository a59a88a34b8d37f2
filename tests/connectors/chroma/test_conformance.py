from __future__ import annotations

from pathlib import Path

from ragstone.connectors.chroma import ChromaStore
from ragstone.testing.suites import VectorStoreSuite


class TestInAFolder(VectorStoreSuite):
    vendors = ("chromadb", "chromadb_rust_bindings", "httpx", "sqlite3")
    persistent = True

    def make(self, tmp_path: Path) -> ChromaStore:
        return ChromaStore(tmp_path / "chroma")


class TestInMemory(VectorStoreSuite):
    vendors = ("chromadb", "chromadb_rust_bindings")

    def make(self, tmp_path: Path) -> ChromaStore:
        return ChromaStore()
