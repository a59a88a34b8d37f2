"""How long a hybrid search takes over 100,000 chunks, embedded, and what memory it needs.

    python benchmarks/search.py [CHUNKS]

The texts are made of the shared news and NPL texts: their sentences, put together anew until there are enough. Vectors
of passages are synthetic, clustered around 4,000 directions, since only their number matters for the time; questions
are embedded by the real embedder, whose time counts. Late interaction is off at this size, as it is by default.
RAGSTONE_DATA names the folder with the evaluation data.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line has it

import numpy as np

from ragstone import AsyncRag
from ragstone.connectors.chroma import ChromaStore
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.protocols import NO_VERSIONS, Embedder, Source
from ragstone.text.sentences import sentences
from ragstone.types import Context, Item

DATA = Path(os.environ.get("RAGSTONE_DATA", "../shared/data")) / "retrieval"
QUESTIONS, WARM = 400, 20
CLUSTERS = 4_000
CHARACTERS = 7_000  # of a document


class Clustered(Embedder):
    """Synthetic vectors for passages; a question takes the real embedder's time, and is near one of the clusters."""

    fingerprint, dimensions, window = "clustered-1", 384, 256

    def __init__(self) -> None:
        self.real, self.drawn = OpenVINOEmbedder(), np.random.default_rng(1)
        self.centres = np.random.default_rng(0).standard_normal((CLUSTERS, 384)).astype(np.float32)

    async def load(self) -> None:
        await self.real.load()

    def tokens(self, text: str) -> Any:
        spans = [match.span() for match in re.finditer(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]", text)]
        return [0] * len(spans), spans

    async def embed(self, texts: Sequence[str], *, context: Context, ids: Any = None) -> Any:
        return self._near(self.drawn.integers(0, CLUSTERS, len(texts)))

    async def embed_query(self, text: str, *, context: Context) -> Any:
        await self.real.embed_query(text, context=context)
        return self._near(self.drawn.integers(0, CLUSTERS, 1))[0]

    def _near(self, which: Any) -> Any:
        vectors = self.centres[which] + 0.5 * self.drawn.standard_normal((len(which), 384), dtype=np.float32)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class Made(Source):
    """Documents of some 34 chunks each, of sentences drawn with a fixed seed: half of the pool is Chinese."""

    name = "made"

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks

    async def items(self, *, context: Context, known: Any = NO_VERSIONS) -> AsyncIterator[Item]:
        drawn, pool = random.Random(0), list(_sentences())
        for number in range(self.chunks // 34):
            first = drawn.randrange(len(pool))
            own, length = list[str](), 0
            while length < CHARACTERS:
                own.append(pool[(first + drawn.randrange(400)) % len(pool)])  # of neighbouring texts: one topic
                length += len(own[-1])
            data = " ".join(own).encode()
            yield Item(
                uri=f"{number}.txt", version="1", size=len(data), read=lambda data=data: data, media_type="text/plain"
            )


def _sentences() -> Iterator[str]:
    for path in (DATA / "npl/corpus.jsonl", DATA / "crud_news_zh/distractors.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            text = json.loads(line)["text"]
            yield from (text[start:end] for start, end in sentences(text) if end - start < 700)


def _questions() -> list[str]:
    npl = [json.loads(line)["text"] for line in (DATA / "npl/queries.jsonl").read_text(encoding="utf-8").splitlines()]
    zh = (DATA / "cmrc2018/questions.jsonl").read_text(encoding="utf-8").splitlines()[: QUESTIONS // 4]
    found = npl + [json.loads(line)["question"] for line in zh]
    return [found[at % len(found)] for at in range(QUESTIONS)]


async def main(chunks: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = {"store": ChromaStore(folder / "chroma"), "lexical": TantivyIndex(folder / "lexical")}
        async with AsyncRag(embedder=Clustered(), sources=[Made(chunks)], state=folder / "project.db", **parts) as rag:
            report = await rag.ingest()
            print(f"{report.chunks:,} chunks in {report.seconds:.0f} s, {_memory():.0f} MB at the most.", flush=True)
        parts = {"store": ChromaStore(folder / "chroma"), "lexical": TantivyIndex(folder / "lexical")}
        async with AsyncRag(embedder=Clustered(), sources=[], state=folder / "project.db", **parts) as rag:
            took, stages = list[float](), defaultdict[str, list[float]](list)
            for question in _questions():
                begun = time.perf_counter()
                await rag.search(question, k=8)
                took.append(1000 * (time.perf_counter() - begun))
            for trace in await rag.traces(limit=QUESTIONS - WARM):
                for step in trace.steps:
                    stages[step.name].append(1000 * step.seconds)
        took = np.array(took[WARM:])
        p50, p95 = np.quantile(took, [0.5, 0.95])
        print(f"Hybrid, {len(took)} questions one after the other: p50 {p50:.1f} ms, p95 {p95:.1f} ms.")
        said = ", ".join(f"{name.removeprefix('retrieve.')} {np.median(times):.1f}" for name, times in stages.items())
        print(f"Medians of the stages in ms: {said}.")
        print(f"Peak memory of the whole run: {_memory():.0f} MB.")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
