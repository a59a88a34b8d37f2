"""What a constant mean length costs: BM25 in Qdrant beside BM25 in tantivy, and how fast Qdrant is without a server.

    RAGSTONE_DATA=../shared/data python benchmarks/qdrant.py

nDCG@10 × 100 on the judged collections that benchmarks/analyzer.py reads, and m, the mean number of terms of a text.
How many of the true hundred nearest a server's graph finds, by how wide it searches: NPL on the server's own engine.
Then chunks per second written and milliseconds per search, in a folder, for 10,000 chunks of 384 dimensions.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import qdrant_edge as edge
from analyzer import CONTEXT, JUDGED, chunk, judged, ndcg

from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.connectors.qdrant import QdrantIndex, QdrantStore
from ragstone.connectors.qdrant.store import EF
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.protocols import LexicalIndex
from ragstone.text.analyzer import query_terms, terms
from ragstone.types import Condition, Entry, Filter, Record

CHUNKS, DIMENSIONS = 10_000, 384


async def quality(index: LexicalIndex, entries: Sequence[Entry], asked: dict[str, list[str]], gains: dict) -> float:
    """The mean nDCG@10 over the questions."""
    await index.upsert(entries, context=CONTEXT)
    found = {name: await index.search(words, k=10, context=CONTEXT) for name, words in asked.items()}
    await index.close()
    return 100 * statistics.mean(ndcg([one.id for one in found[name]], gains[name]) for name in asked)


async def constant_length() -> None:
    print(f"{'':10} {'m':>5} {'tantivy':>8} {'qdrant':>8}")
    for name in JUDGED:
        of = judged(name)
        entries = [Entry(chunk(one), terms(text, language=of.language)) for one, text in of.texts.items()]
        asked = {one: query_terms(text, languages=[of.language]) for one, text in of.questions.items()}
        mean = statistics.mean(len(entry.terms) for entry in entries)
        scores = [await quality(index, entries, asked, dict(of.gains)) for index in (TantivyIndex(), QdrantIndex())]
        print(f"{name:10} {mean:5.0f} {scores[0]:8.1f} {scores[1]:8.1f}")


async def recall(folder: Path) -> None:
    of, embedder = judged("npl"), OpenVINOEmbedder(download=False)
    texts, asked = [text[:600] for text in of.texts.values()], list(of.questions.values())  # what the window holds
    parts = [await embedder.embed(texts[at : at + 512], context=CONTEXT) for at in range(0, len(texts), 512)]
    rows, questions = np.concatenate(parts), await embedder.embed(asked, context=CONTEXT)
    nearest = np.argsort(-(questions @ rows.T), axis=1)[:, :100]
    graph = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=1000)  # as a server has it, but always
    config = edge.EdgeConfig({"dense": edge.EdgeVectorParams(rows.shape[1], edge.Distance.Cosine)}, hnsw_config=graph)
    shard = edge.EdgeShard.create(str(folder), config)
    points = [edge.Point(at, {"dense": row.tolist()}) for at, row in enumerate(rows)]
    shard.update(edge.UpdateOperation.upsert_points(points))
    shard.optimize()
    print(f"\nNPL, {len(rows)} texts, {shard.info().indexed_vectors_count} in the graph")
    for width in (100, 200, EF):
        begun, found = time.perf_counter(), 0
        for question, wanted in zip(questions, nearest, strict=True):
            query = edge.Query.Nearest(question.tolist(), using="dense")
            hits = shard.search(edge.SearchRequest(query, 100, params=edge.SearchParams(hnsw_ef=width)))
            found += len({hit.id for hit in hits} & set(wanted.tolist()))
        each = 1000 * (time.perf_counter() - begun) / len(questions)
        print(f"hnsw_ef {width}: {found / len(questions):.2f} of 100, {each:.2f} ms a search")
    shard.close()
    print()


async def milliseconds(searches: Sequence) -> float:
    begun = time.perf_counter()
    for search in searches:
        await search()
    return 1000 * (time.perf_counter() - begun) / len(searches)


async def speed(folder: Path) -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(CHUNKS, DIMENSIONS)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    chunks = [chunk(f"c{at}") for at in range(CHUNKS)]
    records = [Record(one, row) for one, row in zip(chunks, rows, strict=True)]
    entries = [Entry(one, [f"w{word}" for word in draw.zipf(1.3, size=120) % 20_000]) for one in chunks]
    public = Condition("acl", "in", ["public"])
    store, index = QdrantStore(folder), QdrantIndex(folder / "words")
    for name, write in (
        ("vectors", store.upsert(records, context=CONTEXT)),
        ("words", index.upsert(entries, context=CONTEXT)),
    ):
        begun = time.perf_counter()
        await write
        print(f"{name}: {CHUNKS / (time.perf_counter() - begun):.0f} chunks/s written")
    for label, where in (("", None), (", filtered by permission", public)):
        print(f"vectors{label}: {await milliseconds(near(store, rows, where)):.0f} ms a search")
        print(f"words{label}: {await milliseconds(matching(index, where)):.0f} ms a search")
    await store.close()
    await index.close()


def near(store: QdrantStore, rows: np.ndarray, where: Filter | None) -> list:
    return [lambda row=row: store.search(row, k=100, where=where, context=CONTEXT) for row in rows[:10]]


def matching(index: QdrantIndex, where: Filter | None) -> list:
    return [lambda at=at: index.search([f"w{at}", "w1"], k=100, where=where, context=CONTEXT) for at in range(2, 12)]


if __name__ == "__main__":
    asyncio.run(constant_length())
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(recall(Path(made) / "engine"))
        asyncio.run(speed(Path(made)))
