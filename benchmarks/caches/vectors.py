"""One way to take vectors from a cache, timed batch by batch: `benchmarks/caching.py` starts one for each way.

    python vectors.py ragstone-sqlite|ragstone-redis|langchain-files|langchain-redis|redisvl PLACE TEXTS

It keeps the vectors of so many texts, each of 384 numbers, and then reads from its input how many batches of 1,000 to
take, and writes their seconds as one line of JSON. It ends if a text is embedded then.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

BATCH = 1_000
DIMENSIONS = 384
FILLER = "The harbour opens at six in the morning, and at eight in winter. " * 10

Embed = Callable[[list[str]], Awaitable[Any]]

filling: list[bool] = [True]


def text(number: int) -> str:
    return f"{number}. {FILLER}"


def made(texts: list[str]) -> list[list[float]]:
    """Vectors that cost next to nothing, while the cache is filled."""
    if not filling:
        raise RuntimeError("a text that was to be kept is embedded again")
    chance = random.Random(texts[0])
    row = [chance.uniform(-0.1, 0.1) for _ in range(DIMENSIONS)]
    return [row for _ in texts]


def by_ragstone(cache: Any) -> Embed:
    import numpy as np

    from ragstone.caching.embeddings import CachedEmbedder
    from ragstone.caching.spared import SparedCache
    from ragstone.protocols import Embedder
    from ragstone.types import Context

    class Free(Embedder):
        fingerprint, dimensions, window = "free-1", DIMENSIONS, 512

        async def embed(self, texts: Any, *, context: Any, ids: Any = None) -> Any:
            return np.array(made(texts), np.float32)

    patient = CachedEmbedder(Free(), cache)  # spared, it would drop what comes too fast
    embedder, context = CachedEmbedder(Free(), SparedCache(cache, patience=2.0)), Context()

    async def embed(texts: list[str]) -> Any:
        return await (patient if filling else embedder).embed(texts, context=context)

    return embed


def ragstone_sqlite(place: str) -> Embed:
    from ragstone.connectors.sqlite_cache import SqliteCache

    return by_ragstone(SqliteCache(Path(place) / "vectors.db", size=2_000))


def ragstone_redis(place: str) -> Embed:
    from ragstone.connectors.redis import RedisCache

    return by_ragstone(RedisCache(place))


def by_langchain(store: Any) -> Embed:
    from langchain_classic.embeddings import CacheBackedEmbeddings
    from langchain_core.embeddings import Embeddings

    class Free(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return made(texts)

        def embed_query(self, text: str) -> list[float]:
            return made([text])[0]

    embeddings = CacheBackedEmbeddings.from_bytes_store(Free(), store, namespace="free", key_encoder="blake2b")

    async def embed(texts: list[str]) -> Any:
        return embeddings.embed_documents(texts)

    return embed


def langchain_files(place: str) -> Embed:
    from langchain_classic.storage import LocalFileStore

    return by_langchain(LocalFileStore(Path(place) / "files"))


def langchain_redis(place: str) -> Embed:
    from langchain_community.storage import RedisStore

    return by_langchain(RedisStore(redis_url=place))


def redisvl(place: str) -> Embed:
    from redisvl.extensions.cache.embeddings import EmbeddingsCache

    cache = EmbeddingsCache(redis_url=place)

    async def embed(texts: list[str]) -> Any:
        found = cache.mget(contents=texts, model_name="free")
        new = [one for one, kept in zip(texts, found, strict=True) if kept is None]
        if new:
            rows = zip(new, made(new), strict=True)
            cache.mset([{"content": one, "model_name": "free", "embedding": row} for one, row in rows])
        return [kept["embedding"] for kept in found if kept is not None]

    return embed


async def main(name: str, place: str, texts: str) -> None:
    embed, many = WAYS[name](place), int(texts)
    begun = time.perf_counter()
    for first in range(0, many, BATCH):
        await embed([text(number) for number in range(first, first + BATCH)])
    filling.clear()
    print(json.dumps(time.perf_counter() - begun), flush=True)
    chance = random.Random(0)
    while line := await asyncio.to_thread(sys.stdin.readline):
        took: list[float] = []
        for _ in range(int(line)):
            wanted = [text(number) for number in chance.sample(range(many), BATCH)]
            begun = time.perf_counter()
            found = await embed(wanted)
            took.append(time.perf_counter() - begun)
            assert len(found) == BATCH
            assert len(found[0]) == DIMENSIONS
        print(json.dumps(took), flush=True)


WAYS: dict[str, Callable[[str], Embed]] = {
    "ragstone-sqlite": ragstone_sqlite,
    "ragstone-redis": ragstone_redis,
    "langchain-files": langchain_files,
    "langchain-redis": langchain_redis,
    "redisvl": redisvl,
}

if __name__ == "__main__":
    warnings.showwarning = lambda *_, **__: None
    asyncio.run(main(*sys.argv[1:]))
