"""What is kept of what an embedder reads, as a pipeline says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.caching.embeddings import CachedEmbedder
from ragstone.caching.spared import SparedCache
from ragstone.cli.init import Default, write
from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.pipelines.build import Builder
from ragstone.pipelines.embedders import Embedders, Reading
from ragstone.pipelines.spec import IngestSpec
from ragstone.project import Project
from ragstone.testing import HashingEmbedder, MemoryCache
from ragstone.types import Context

CONTEXT = Context()
TEXT = "where the cod hides"


def spec(**given: object) -> IngestSpec:
    return IngestSpec.model_validate({"sources": ["s"], "embed": "e", "store": "v", **given})


async def read(reading: Reading) -> None:
    """As an ingestion and a question do."""
    await reading.embedder.embed([TEXT], context=CONTEXT)
    await reading.embedder.embed_query(TEXT, context=CONTEXT)
    if reading.tokens is not None:
        await reading.tokens.question(TEXT, context=CONTEXT)


async def rooms(cache: MemoryCache) -> dict[str, int]:
    return dict((await cache.stats(context=CONTEXT)).entries)


async def test_passages_questions_and_rows_are_kept_where_they_belong():
    vectors, rows = MemoryCache(), MemoryCache()
    embedders = Embedders(lambda: rows)
    reading = embedders.of(spec(), HashingEmbedder(), cache=vectors)
    await read(reading)
    assert await rooms(vectors) == {"vectors": 2}, "a passage and a question of the same words"
    assert await rooms(rows) == {"projections": 1, "tokens": 1}
    await embedders.close()
    assert (await vectors.stats(context=CONTEXT)).figures == {"vectors.miss": 2}


async def test_without_a_cache_neither_passages_nor_questions_are_kept():
    rows = MemoryCache()
    reading = Embedders(lambda: rows).of(spec(cache=False), HashingEmbedder(), cache=None)
    await read(reading)
    assert await rooms(rows) == {"projections": 1, "tokens": 1}
    assert await reading.embedder.known([TEXT], context=CONTEXT) == [False]
    plain = Embedders(MemoryCache).of(spec(cache=False, tokens=False), HashingEmbedder(), cache=None)
    assert isinstance(plain.embedder, HashingEmbedder)
    assert plain.tokens is None


def test_pipelines_that_say_the_same_share_an_embedder():
    cache, embedder = MemoryCache(), HashingEmbedder()
    embedders = Embedders(MemoryCache)
    one, other, third = (
        embedders.of(wanted, embedder, cache=cache) for wanted in (spec(), spec(sources=["t"]), spec(cache="redis"))
    )
    assert one is other
    assert one is not third


def connectors(folder: Path, cache: str) -> Builder:
    write(folder, model=Default.extractive)
    (folder / "connectors/shared.yaml").write_text("kind: cache\ntype: sqlite\npath: shared/vectors.db\n")
    path = folder / "pipelines/ingest.yaml"
    path.write_text(f"{path.read_text()}cache: {cache}\n")
    project = Project(folder)
    return Builder(project.root, project.connectors)


@pytest.mark.parametrize(
    ("cache", "path"), [("true", ".ragstone/cache.db"), ("shared", "shared/vectors.db"), ("false", None)]
)
async def test_a_pipeline_names_where_its_vectors_lie(tmp_path: Path, cache: str, path: str | None):
    builder = connectors(tmp_path, cache)
    project = Project(tmp_path)
    embedder = builder.reading(project.ingest_spec("ingest"), project.pipeline("ingest")).embedder
    if path is None:
        assert not isinstance(embedder, CachedEmbedder)
    else:
        assert isinstance(embedder, CachedEmbedder)
        assert isinstance(embedder.cache, SparedCache)
        assert isinstance(embedder.cache.cache, SqliteCache)
        await embedder.cache.stats(context=CONTEXT)
        assert (tmp_path / path).exists()
    assert [str(fault) for fault in project.faults()] == []
    await builder.close()


@pytest.mark.parametrize(
    ("cache", "expected"), [("redys", "there is no connector 'redys'"), ("minilm", "'minilm' is of kind embedder")]
)
def test_a_cache_that_is_none_is_refused_with_its_place(tmp_path: Path, cache: str, expected: str):
    connectors(tmp_path, cache)
    line = len((tmp_path / "pipelines/ingest.yaml").read_text().splitlines())
    (fault,) = Project(tmp_path).faults()
    assert f"pipelines/ingest.yaml:{line}:1: {expected}" in str(fault)


async def test_a_damaged_file_stands_in_nobodys_way(tmp_path: Path):
    path = tmp_path / "cache.db"
    path.write_bytes(b"no database " * 1000)
    cache = SparedCache(SqliteCache(path), patience=10.0)
    embedder = CachedEmbedder(HashingEmbedder(), cache)
    for _ in range(2):
        assert (await embedder.embed([TEXT], context=CONTEXT)).shape == (1, 256)
        assert (await embedder.embed_query(TEXT, context=CONTEXT)).shape == (256,)
    await embedder.close()
