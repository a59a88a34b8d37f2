"""A small collection is searched in memory, and nobody can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragstone.connectors.chroma import ChromaStore, whole
from ragstone.testing.suites import VectorStoreSuite
from ragstone.testing.suites.samples import chunk
from ragstone.types import Context, Record

CONTEXT = Context()
LENGTH = 24


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question already is answered in memory."""
    monkeypatch.setattr(whole, "ASKED", 1)


@pytest.mark.usefixtures("at_once")
class TestInAFolder(VectorStoreSuite):
    vendors = ("chromadb", "chromadb_rust_bindings", "httpx", "sqlite3")
    persistent = True

    def make(self, tmp_path: Path) -> ChromaStore:
        return ChromaStore(tmp_path / "chroma")


@pytest.mark.usefixtures("at_once")
class TestInMemory(VectorStoreSuite):
    vendors = ("chromadb", "chromadb_rust_bindings")

    def make(self, tmp_path: Path) -> ChromaStore:
        return ChromaStore()


def records(first: int, last: int) -> list[Record]:
    rows = np.random.default_rng(first).normal(size=(last - first, LENGTH)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [Record(chunk(f"c{at:03}"), row) for at, row in zip(range(first, last), rows, strict=True)]


async def asked(store: ChromaStore, record: Record, *, k: int = 5) -> dict[str, float]:
    return {one.id: round(one.score, 5) for one in await store.search(record.vector, k=k, context=CONTEXT)}


async def test_memory_finds_what_the_collection_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = ChromaStore(tmp_path / "chroma")
    written = records(0, 200)
    await store.upsert(written, context=CONTEXT)
    before = [await asked(store, one, k=20) for one in written[: whole.ASKED - 1]]
    reads: list[int] = []
    made = whole._Vectors.nearest

    def nearest(self: whole._Vectors, vector: np.ndarray, k: int):
        reads.append(k)
        return made(self, vector, k)

    monkeypatch.setattr(whole._Vectors, "nearest", nearest)
    assert [await asked(store, one, k=20) for one in written[: whole.ASKED - 1]] == before
    assert len(reads) == whole.ASKED - 1, "read once it was asked so often, and used from then on"
    await store.close()


@pytest.mark.usefixtures("at_once")
async def test_what_any_store_writes_is_found(tmp_path: Path):
    reader, writer = (ChromaStore(tmp_path / "chroma") for _ in range(2))
    first, second, third = records(0, 10), records(10, 12), records(12, 14)
    await writer.upsert(first, context=CONTEXT)
    await writer.flush()
    assert "c003" in await asked(reader, first[3])
    await reader.upsert(second, context=CONTEXT)
    assert (await asked(reader, second[0]))["c010"] == 1
    await writer.upsert(third, context=CONTEXT)
    await writer.flush()
    assert (await asked(reader, third[1]))["c013"] == 1
    await writer.delete(["c013"], context=CONTEXT)
    await writer.flush()
    assert "c013" not in await asked(reader, third[1])
    await reader.delete(["c003"], context=CONTEXT)
    assert "c003" not in await asked(reader, first[3])
    await reader.drop(context=CONTEXT)
    assert await asked(reader, first[3]) == {}
    await reader.close()
    await writer.close()


@pytest.mark.usefixtures("at_once")
async def test_a_large_collection_is_asked_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(whole, "MOST_NUMBERS", 10 * LENGTH)
    monkeypatch.setattr(whole._Vectors, "nearest", lambda *given: pytest.fail("it was read"))
    store = ChromaStore(tmp_path / "chroma")
    written = records(0, 11)
    await store.upsert(written, context=CONTEXT)
    assert (await asked(store, written[7]))["c007"] == 1
    await store.close()
