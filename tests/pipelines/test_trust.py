"""How far a text is trusted is for its source to say, and for nothing that stands in the text."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragstone.config import parse_yaml
from ragstone.connectors.loaders import LangChainSource
from ragstone.connectors.sql import SqlSource
from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.labels import labelled, trust_of
from ragstone.pipelines.build import Builder
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.reports import IngestReport
from ragstone.state.sqlite import ProjectState
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore
from ragstone.types import Context, Item, Trust

CONTEXT = Context()
COD = {"cod.md": "---\ntrust: author\nallow: [anna]\n---\n# Cod\n\nCod swims.", "eel.md": "# Eel\n\nEels too."}


def index() -> Index:
    embedder = HashingEmbedder()
    return Index(
        name="ingest",
        tenant="default",
        state=ProjectState(None),
        splitter=TokenSplitter(embedder=embedder, size=40),
        embedder=embedder,
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
    )


async def ingest(found: Index, source: Source, trust: Trust = "retrieved", **options: Any) -> IngestReport:
    source.name, source.trust = "documents", trust
    return await IngestPipeline(found, [source]).run(context=CONTEXT, **options)


def trusts(found: Index) -> dict[str, str]:
    rows = found.state.manifest(found.key, tenant="default", source="documents")
    read = {uri: found.state.chunks_of(found.key, row.id, tenant="default")[0].metadata for uri, row in rows.items()}
    assert {uri: trust_of(metadata) for uri, metadata in read.items()} == {uri: row.trust for uri, row in rows.items()}
    return {uri: row.trust for uri, row in rows.items()}


async def test_a_source_labels_its_documents_whatever_their_front_matter_says() -> None:
    found = index()
    await ingest(found, MemorySource(COD))
    assert trusts(found) == {"cod.md": "retrieved", "eel.md": "retrieved"}


async def test_another_label_is_put_on_without_reading_or_embedding_anything() -> None:
    found = index()
    first = await ingest(found, MemorySource(COD))

    class Unread(MemorySource):
        async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
            async for item in super().items(context=context, known=known):
                yield replace(item, read=lambda: pytest.fail("nothing has changed"))

    report = await ingest(found, Unread(COD), "author")
    assert (first.embedded, report.embedded, report.changed, report.unchanged) == (2, 0, 0, 2)
    assert trusts(found) == {"cod.md": "author", "eel.md": "author"}
    assert {trust_of(one.chunk.metadata) for one in found.store._records.values()} == {"author"}  # type: ignore[attr-defined]
    assert (await ingest(found, Unread(COD), "author")).embedded == 0
    await ingest(found, Unread(COD))
    assert trusts(found) == {"cod.md": "retrieved", "eel.md": "retrieved"}
    assert {trust_of(one.chunk.metadata) for one in found.store._records.values()} == {"retrieved"}  # type: ignore[attr-defined]


async def test_a_change_of_readers_leaves_the_label() -> None:
    found = index()
    await ingest(found, MemorySource(COD), "author")
    await ingest(found, MemorySource(COD, acl={"cod.md": ("anna",)}), "author")
    assert trusts(found) == {"cod.md": "author", "eel.md": "author"}


async def test_a_row_of_a_database_cannot_raise_its_own_trust(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.execute("CREATE TABLE fish (id INTEGER, name TEXT, trust TEXT)")
        db.execute("INSERT INTO fish VALUES (1, 'Cod', 'author'), (2, 'Eel', 'author')")
    db.close()
    source = SqlSource(
        url="sqlite:///shop.db",
        query="SELECT id, name, trust FROM fish",
        key="id",
        text=["name"],
        metadata=["name", "trust"],
        root=tmp_path,
    )
    found = index()
    report = await ingest(found, source)
    assert set(trusts(found).values()) == {"retrieved"}
    (warning,) = report.warnings
    assert warning.uri == "documents"
    assert warning.reason.startswith("documents/1 and 1 more say in the metadata how far to trust it")
    kept = found.state.chunks_of(
        found.key, next(iter(found.state.chunk_ids("ingest", tenant="default").values())), tenant="default"
    )
    assert set(kept[0].metadata) >= {"name"}, "the rest of what a source says stays"


async def test_nor_can_what_a_loader_has_found() -> None:
    class Loaded(LangChainSource):
        def _make(self) -> Any:
            return None

        def _load(self, loader: Any) -> Any:
            yield "Cod swims.", {"source": "cod", "trust": "author", "page": 3}

    found = index()
    await ingest(found, Loaded(loader="some.Loader"), "tool")
    assert trusts(found) == {"cod": "tool"}


@pytest.mark.parametrize(
    "keys",
    [
        "type: files\npath: .",
        "type: web\nurls: ['https://docs.example.org/']",
        "type: sql\nurl: sqlite:///a.db\nquery: select 1\nkey: id\ntext: [id]",
        "type: table\npath: a.csv\ntemplate: '{id}'",
        "type: langchain\nloader: some.Loader",
        "type: llamaindex\nreader: some.Reader",
    ],
    ids=lambda keys: keys.split()[1],
)
def test_every_source_has_the_same_key(tmp_path: Path, keys: str) -> None:
    (tmp_path / "a.csv").write_text("id")

    def built(said: str) -> Source:
        located = parse_yaml(f"kind: source\n{keys}\n{said}", tmp_path / "connectors/fish.yaml")
        builder = Builder(tmp_path, {"fish": located}, plugins=True)
        builder.check("fish", located)
        found = builder.connector("source", "fish", root=tmp_path)
        assert isinstance(found, Source)
        return found

    assert built("").trust == "retrieved"
    assert built("trust: author").trust == "author"
    with pytest.raises(ConfigError, match=r"fish\.yaml:\d+:"):
        built("trust: blind")


def test_a_label_is_put_in_place_of_any_other() -> None:
    assert labelled({"trust": "author", "page": 3}, "retrieved") == {"page": 3}
    assert labelled({"trust": "blind"}, "user") == {"trust": "user"}
    assert [trust_of({"trust": said}) for said in ("user", "tool", "blind", "", ["author"], None)] == [
        "user", "tool", "retrieved", "retrieved", "retrieved", "retrieved"
    ]  # fmt: skip
