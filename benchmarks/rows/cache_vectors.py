"""How fast vectors come out of a cache."""

from __future__ import annotations

from bench.row import Measure, Row, Side

VECTORS = "rows.caches.vectors"


def _side(name: str, way: str, packages: tuple[str, ...], *, ours: bool = False) -> Side:
    environment = "ours" if ours else "peers"
    return Side(name=name, environment=environment, command=("-m", VECTORS, way), packages=packages, ours=ours)


ROW = Row(
    name="cache-vectors",
    title="Cache of embeddings",
    what=(
        "A thousand texts out of 50,000 (10,000 in a quick run) are embedded again, and every vector of 384 numbers "
        "must come from the cache: LangChain's CacheBackedEmbeddings over files and over Redis, RedisVL's "
        "EmbeddingsCache, and Ragstone's cache of embeddings in SQLite, which is its default, and in Redis."
    ),
    measures=(
        Measure(name="vectors", unit="1/s", better="higher", digits=0),
        Measure(name="batch p50", unit="ms", better="lower", digits=1),
    ),
    sides=(
        _side("ragstone, SQLite", "ragstone-sqlite", ("ragstone",), ours=True),
        _side("ragstone, Redis", "ragstone-redis", ("ragstone", "redis"), ours=True),
        _side("langchain, files", "langchain-files", ("langchain-classic",)),
        _side("langchain, Redis", "langchain-redis", ("langchain-classic", "langchain-community", "redis")),
        _side("redisvl, Redis", "redisvl", ("redisvl", "redis")),
    ),
    needs=("redis",),
)
