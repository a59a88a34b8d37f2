"""What a server would find: both suites once more, on the server's own engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from qdrant_engine import EnginePlace
from ragstone.connectors.qdrant import QdrantIndex, QdrantStore
from ragstone.testing.suites import LexicalIndexSuite, VectorStoreSuite

pytestmark = pytest.mark.slow


class TestStore(VectorStoreSuite):
    vendors = ("qdrant_edge",)
    persistent = True

    def make(self, tmp_path: Path) -> QdrantStore:
        store = QdrantStore()
        store._collection.place = EnginePlace(tmp_path / "store")
        return store


class TestIndex(LexicalIndexSuite):
    vendors = ("qdrant_edge",)
    persistent = True

    def make(self, tmp_path: Path) -> QdrantIndex:
        index = QdrantIndex()
        index._collection.place = EnginePlace(tmp_path / "index")
        return index
