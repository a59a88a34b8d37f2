"""Both halves of the connector pass the suites of their protocols, in memory and in a folder."""

from __future__ import annotations

from pathlib import Path

from ragstone.connectors.qdrant import QdrantIndex, QdrantStore
from ragstone.testing.suites import LexicalIndexSuite, VectorStoreSuite

VENDORS = ("qdrant_client", "grpc", "httpx", "portalocker", "sqlite3")


class TestStoreInMemory(VectorStoreSuite):
    vendors = VENDORS

    def make(self, tmp_path: Path) -> QdrantStore:
        return QdrantStore()


class TestStoreInAFolder(VectorStoreSuite):
    vendors = VENDORS
    persistent = True

    def make(self, tmp_path: Path) -> QdrantStore:
        return QdrantStore(tmp_path / "qdrant")


class TestIndexInMemory(LexicalIndexSuite):
    vendors = VENDORS

    def make(self, tmp_path: Path) -> QdrantIndex:
        return QdrantIndex()


class TestIndexInAFolder(LexicalIndexSuite):
    vendors = VENDORS
    persistent = True

    def make(self, tmp_path: Path) -> QdrantIndex:
        return QdrantIndex(tmp_path / "qdrant")
