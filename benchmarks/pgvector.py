"""Postgres with 300,000 chunks: building, dense, BM25 and both in one statement, with and without permissions.

The data are made up, the same ones for the same seed. Vectors (384 numbers) come from a mixture of 4,000 clusters: a
centre on the unit sphere, plus noise of length 0.7, scaled to length 1; so two of one cluster have a cosine of about
0.67, and questions are new draws from the same mixture. A chunk has 20 to 60 terms from a vocabulary of 100,000, whose
frequencies fall as 1/(rank + 20)^1.05: the most frequent stands in a quarter of all chunks, as content words do once
the stop words are gone. A question has six terms of one chunk. Half of the chunks are public, the others belong to one
of 200 groups. "public + 1" asks as a member of one group, "1 group" for what that group alone may see (1 in 400).

Recall counts the cosines that an exact search over the same chunks reaches. A cluster has 75 chunks, so the last of 100
hits lie outside, where all are about equally far: recall@100 is harder here than with real texts. The server is started
and stopped here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
import psutil
import psycopg

from ragstone.connectors.pgvector import PgLexicalIndex, PgVectorStore
from ragstone.testing.suites.samples import chunk
from ragstone.types import Chunk, Condition, Context, Entry, Filter, Record

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from postgres import Postgres

DIMENSIONS, CLUSTERS, NOISE = 384, 4_000, 0.7
VOCABULARY, GROUPS, ASKED = 100_000, 200, 6
BATCH, K = 2_000, 100
SERVER = ("shared_buffers=2GB", "max_wal_size=8GB", "log_min_duration_statement=10s")
CONTEXT = Context()
FILTERS: dict[str, Filter | None] = {
    "all": None,
    "public + 1": Condition("acl", "in", ("public", "group:7")),
    "1 group": Condition("acl", "in", ("group:7",)),
}


class Data:
    """Everything that is written and asked."""

    def __init__(self, count: int, questions: int, seed: int) -> None:
        chance = np.random.default_rng(seed)
        self._chance = chance
        self.centres = _unit(chance.normal(size=(CLUSTERS, DIMENSIONS)).astype(np.float32))
        self.vectors = self._drawn(count)
        self.near = self._drawn(questions)
        weights = 1 / (np.arange(VOCABULARY) + 20) ** 1.05
        self._sums = np.cumsum(weights / weights.sum())
        self.terms = [self._words(size) for size in chance.integers(20, 61, size=count)]
        self.asked = [self._asked(self.terms[at]) for at in chance.integers(0, count, size=questions)]
        self.public = chance.random(count) < 0.5
        self.groups = chance.integers(0, GROUPS, size=count)

    def chunk(self, at: int) -> Chunk:
        """One chunk, with the metadata that every ingested one has."""
        facts = {"source": "made up", "uri": f"{at // 30}.md", "media_type": "text/markdown", "lang": "en"}
        acl = "public" if self.public[at] else f"group:{self.groups[at]}"
        return chunk(f"{at:032x}", acl=[acl], metadata=facts)

    def passing(self, name: str) -> np.ndarray:
        """Which chunks a filter lets through."""
        group = ~self.public & (self.groups == 7)
        return {"all": np.ones(len(group), bool), "public + 1": self.public | group, "1 group": group}[name]

    def _drawn(self, count: int) -> np.ndarray:
        rows = self._chance.normal(size=(count, DIMENSIONS)).astype(np.float32)
        rows *= NOISE / np.sqrt(DIMENSIONS)
        rows += self.centres[self._chance.integers(0, CLUSTERS, size=count)]
        return _unit(rows)

    def _words(self, size: int) -> list[str]:
        return [f"w{rank}" for rank in np.searchsorted(self._sums, self._chance.random(size))]

    def _asked(self, terms: Sequence[str]) -> list[str]:
        return [terms[at] for at in self._chance.integers(0, len(terms), size=ASKED)]


def _unit(rows: np.ndarray) -> np.ndarray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=300_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    data = Data(asked.chunks, asked.questions, asked.seed)
    print(f"{asked.chunks:,} chunks, {os.cpu_count()} cores, Python {sys.version.split()[0]}, {', '.join(SERVER)}")
    server = Postgres(*SERVER)
    try:
        store, index = PgVectorStore(url=server.url()), PgLexicalIndex(url=server.url())
        await build(data, store, index)
        await measure(data, store, index)
        await again(data, store, index)
        sizes(server)
        await store.close()
        await index.close()
    finally:
        server.remove()


async def build(data: Data, store: PgVectorStore, index: PgLexicalIndex) -> None:
    count = len(data.vectors)
    dense = lexical = 0.0
    for first in range(0, count, BATCH):
        chunks = [data.chunk(at) for at in range(first, min(first + BATCH, count))]
        records = [Record(each, data.vectors[first + at]) for at, each in enumerate(chunks)]
        entries = [Entry(each, data.terms[first + at]) for at, each in enumerate(chunks)]
        dense += await timed(lambda records=records: store.upsert(records, context=CONTEXT))
        lexical += await timed(lambda entries=entries: index.upsert(entries, context=CONTEXT))
    print(f"vectors  written {dense:7.1f} s, indexed {await timed(store.flush):7.1f} s", flush=True)
    print(f"terms    written {lexical:7.1f} s, indexed {await timed(index.flush):7.1f} s", flush=True)


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await act()
    return time.perf_counter() - begun


async def measure(data: Data, store: PgVectorStore, index: PgLexicalIndex) -> None:
    print(f"\nk = {K}              p50      p95 ms   recall@10  recall@{K}")
    for name, where in FILTERS.items():
        passing = np.flatnonzero(data.passing(name))
        ways: dict[str, Callable[[int], Awaitable[object]]] = {
            "dense": lambda at, where=where: store.search(data.near[at], k=K, where=where, context=CONTEXT),
            "lexical": lambda at, where=where: index.search(data.asked[at], k=K, where=where, context=CONTEXT),
            "both": lambda at, where=where: store.search_both(
                data.near[at], data.asked[at], index=index, k=K, where=where, context=CONTEXT
            ),
        }
        for way, ask in ways.items():
            for at in range(min(20, len(data.near))):  # what is asked first reads the disk
                await ask(at)
            taken = [await timed(lambda at=at, ask=ask: ask(at)) * 1000 for at in range(len(data.near))]
            p50, p95 = np.percentile(taken, [50, 95])
            shares = [await recall(data, store, where, passing, k=k) for k in (10, K)] if way == "dense" else []
            found = "".join(f"{share:12.3f}" for share in shares)
            print(f"{name:12}{way:8}{p50:8.1f} {p95:8.1f}{found}", flush=True)


async def recall(data: Data, store: PgVectorStore, where: Filter | None, passing: np.ndarray, *, k: int) -> float:
    """The share of the k best that a search finds, by their cosines: equal ones are equally good."""
    shares: list[float] = []
    for near in data.near:
        exact = np.sort(data.vectors[passing] @ near)[::-1][:k]
        found = await store.search(near, k=k, where=where, context=CONTEXT)
        shares.append(sum(one.score >= exact[-1] - 1e-5 for one in found) / len(exact))
    return float(np.mean(shares))


async def again(data: Data, store: PgVectorStore, index: PgLexicalIndex) -> None:
    """What replacing chunks takes, now that the indexes grow with each."""
    chunks = [data.chunk(at) for at in range(BATCH)]
    records = [Record(each, data.vectors[at]) for at, each in enumerate(chunks)]
    entries = [Entry(each, data.terms[at]) for at, each in enumerate(chunks)]
    dense = await timed(lambda: store.upsert(records, context=CONTEXT))
    lexical = await timed(lambda: index.upsert(entries, context=CONTEXT))
    print(f"\n{BATCH:,} chunks replaced: vectors {dense:.1f} s, terms {lexical:.1f} s")


def sizes(server: Postgres) -> None:
    query = "SELECT relname, pg_relation_size(c.oid) FROM pg_class c WHERE relnamespace = 'ragstone'::regnamespace"
    toast = "SELECT 'ragstone.vectors beside', pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = %s"
    with psycopg.connect(server.url()) as connection:
        found = connection.execute(query).fetchall() + connection.execute(toast, ["ragstone.vectors"]).fetchall()
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        main = psutil.Process(pid)
        used = sum(process.memory_full_info().pss for process in (main, *main.children(recursive=True)))
    print()
    for name, size in sorted(found, key=lambda one: -one[1]):
        if size > 1 << 20:
            print(f"{name:32}{size / 1e6:9.0f} MB on disk")
    print(f"{'the server':32}{used / 1e6:9.0f} MB of memory, its shared buffers included")
    print(f"{'this program':32}{psutil.Process().memory_info().rss / 1e6:9.0f} MB of memory, its data included")


if __name__ == "__main__":
    asyncio.run(main())
