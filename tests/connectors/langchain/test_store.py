"""What the suite does not ask of a store of LangChain."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from typer.testing import CliRunner

import ragstone
from ragstone.cli.app import app
from ragstone.connectors.langchain import LangChainStore
from ragstone.connectors.langchain.vendor import translated
from ragstone.errors import ConfigError, MissingExtra, StateError, StoreUnavailable, UnsupportedFilter
from ragstone.project import Project
from ragstone.testing.suites.samples import chunk
from ragstone.types import Condition, Context, Record

CONTEXT = Context()
MEMORY = "langchain_core.vectorstores.InMemoryVectorStore"
FAISS = "langchain_community.vectorstores.FAISS"
HERE = "lc_stores"


def record(name: str, angle: float, **metadata: Any) -> Record:
    vector = np.array([math.cos(angle), math.sin(angle), 0.0], np.float32)
    return Record(chunk(name, metadata=metadata), vector)


QUESTION = record("question", 0.0).vector


async def names(store: LangChainStore, **how: Any) -> list[str]:
    return [one.id for one in await store.search(QUESTION, k=10, context=CONTEXT, **how)]


class Lasting(InMemoryVectorStore):
    """Keeps what was written by collection as long as the program runs, as a server would; ids are not replaced."""

    kept: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - that of all
    down: int = 0

    def __init__(self, embedding: Any, collection_name: str) -> None:
        super().__init__(embedding)
        self.store = self.kept.setdefault(collection_name, {})

    def add_texts(self, texts: Any, metadatas: Any = None, *, ids: Any = None, **kwargs: Any) -> list[str]:
        if type(self).down:
            type(self).down -= 1
            raise ConnectionRefusedError("nobody there")
        assert not set(ids) & set(self.store)
        return super().add_texts(texts, metadatas, ids=ids, **kwargs)

    def delete(self, ids: Any = None, **kwargs: Any) -> None:
        assert set(ids) <= set(self.store)
        super().delete(ids)


class Short(Lasting):
    """Filters the three nearest only, and does not say so."""

    def similarity_search(self, query: str, k: int = 4, filter: Any = None, **kwargs: Any) -> list[Document]:  # noqa: A002
        return [one for one in super().similarity_search(query, 3) if filter is None or filter(one)][:k]


class Deaf(Lasting):
    """Swallows what it does not know, as many stores."""

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        return super().similarity_search(query, k)


class Silent(Lasting):
    """Cannot be asked for ids, as many stores."""

    get_by_ids = VectorStore.get_by_ids


class Broken(Silent):
    """Breaks off after the first text, once; removes what is there of the ids that it is given."""

    whole = True

    def add_texts(self, texts: Any, metadatas: Any = None, *, ids: Any = None, **kwargs: Any) -> list[str]:
        if not type(self).whole:
            type(self).whole = True
            super().add_texts(texts[:1], metadatas[:1], ids=ids[:1])
            raise ConnectionResetError("gone")
        return super().add_texts(texts, metadatas, ids=ids)

    def delete(self, ids: Any = None, **kwargs: Any) -> None:
        super().delete([name for name in ids if name in self.store])


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch):
    """The stores above, under a name of a module."""
    import sys

    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    Lasting.kept.clear()
    monkeypatch.setattr(Lasting, "down", 0)


def lasting(path: Path | None, kind: str = "Lasting", **how: Any) -> LangChainStore:
    arguments = {"collection_name": "{collection}"}
    return LangChainStore(path, vectorstore=f"{HERE}.{kind}", arguments=arguments, **how)


async def test_a_store_that_lasts_is_opened_by_its_constructor_and_knows_what_it_holds(tmp_path: Path):
    store = lasting(tmp_path)
    await store.upsert([record("a", 0.1), record("b", 0.2)], context=CONTEXT)
    await store.upsert([record("a", 0.3)], context=CONTEXT)
    assert list(Lasting.kept) == ["ragstone"]
    await store.close()
    again = lasting(tmp_path)
    assert await names(again) == ["b", "a"]
    vectors = await again.vectors(["a", "c"], context=CONTEXT)
    assert {name: vector.tolist() for name, vector in vectors.items()} == {"a": record("a", 0.3).vector.tolist()}
    await again.delete(["b", "unknown"], context=CONTEXT)
    assert await again.ids(context=CONTEXT) == ["a"]
    await again.drop(context=CONTEXT)
    assert (await again.ids(context=CONTEXT), Lasting.kept) == ([], {"ragstone": {}})
    await again.close()


async def test_what_such_a_store_has_lost_is_not_claimed(tmp_path: Path):
    store = lasting(tmp_path)
    await store.upsert([record("a", 0.1), record("b", 0.2)], context=CONTEXT)
    del Lasting.kept["ragstone"]["a"]
    assert await store.ids(context=CONTEXT) == ["b"]
    await store.upsert([record("a", 0.1)], context=CONTEXT)
    assert sorted(await store.ids(context=CONTEXT)) == ["a", "b"]
    await store.close()


async def test_where_a_store_cannot_be_asked_the_notes_count(tmp_path: Path):
    store = lasting(tmp_path, "Silent")
    await store.upsert([record("a", 0.1), record("b", 0.2)], context=CONTEXT)
    await store.upsert([record("a", 0.3)], context=CONTEXT)
    assert sorted(await store.ids(context=CONTEXT)) == ["a", "b"]
    await store.close()


async def test_what_another_index_wrote_into_the_same_collection_is_not_found(tmp_path: Path):
    mine, other = lasting(tmp_path / "mine"), lasting(tmp_path / "other")
    await mine.upsert([record("mine", 0.1)], context=CONTEXT)
    await other.upsert([record("other", 0.1)], context=CONTEXT)
    assert await names(mine) == ["mine"]
    await mine.close()
    await other.close()


async def test_a_server_that_is_away_for_a_moment_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.connectors.langchain.vendor.WAITS", (0.0, 0.0))
    store = lasting(tmp_path)
    Lasting.down = 2
    await store.upsert([record("a", 0.1)], context=CONTEXT)
    assert await names(store) == ["a"]
    Lasting.down = 3
    with pytest.raises(StoreUnavailable, match="does not answer") as raised:
        await store.upsert([record("a", 0.2)], context=CONTEXT)
    assert raised.value.retryable
    await store.upsert([record("a", 0.2)], context=CONTEXT)
    assert await store.ids(context=CONTEXT) == ["a"]
    await store.close()


async def test_a_filter_that_sees_a_part_of_the_records_is_refused(tmp_path: Path):
    store = lasting(tmp_path, "Short", filters="callable")
    await store.upsert([record(f"r{at}", 0.1 * at, at=at) for at in range(5)], context=CONTEXT)
    found = await store.search(QUESTION, k=2, where=Condition("at", "exists", True), context=CONTEXT)
    assert [one.id for one in found] == ["r0", "r1"]
    with pytest.raises(UnsupportedFilter, match="a part of its records"):
        await names(store, where=Condition("at", "eq", 4))
    await store.close()


async def test_a_try_that_was_cut_short_leaves_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.connectors.langchain.vendor.WAITS", (0.0, 0.0))
    monkeypatch.setattr(Broken, "whole", False)
    store = lasting(tmp_path, "Broken")
    await store.upsert([record("a", 0.1), record("b", 0.2)], context=CONTEXT)
    assert sorted(Lasting.kept["ragstone"]) == ["a", "b"]
    assert await names(store) == ["a", "b"]
    await store.close()


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (ConnectionResetError("gone"), StoreUnavailable),
        (type("OperationalError", (Exception,), {})("failed: Connection refused\n\tIs it running?"), StoreUnavailable),
        (type("ServiceUnavailable", (Exception,), {})("503"), StoreUnavailable),
        (TimeoutError(), StoreUnavailable),
        (ValueError("no such column"), StateError),
        (ImportError("install it"), MissingExtra),
    ],
)
def test_what_a_vendor_raises_is_ours(raised: Exception, ours: type[Exception]):
    with pytest.raises(ours, match="theirs") as found, translated("theirs"):
        raise raised
    assert type(found.value) is ours
    if ours is StoreUnavailable:
        with pytest.raises(ours), translated("theirs"):
            raise RuntimeError("wrapped") from raised


@pytest.mark.parametrize("filters", ["callable", "mapping"])
async def test_a_store_that_swallows_its_filter_is_refused(
    tmp_path: Path, filters: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ragstone.connectors.langchain.vendor.WAITS", (0.0, 0.0))
    store = lasting(tmp_path, "Deaf", filters=filters)
    hidden = replace(record("hidden", 0.1), chunk=chunk("hidden", acl=["ana"]))
    await store.upsert([hidden], context=CONTEXT)
    assert await names(store, where=Condition("acl", "in", ["ana"])) == ["hidden"]
    with pytest.raises(UnsupportedFilter, match="does not keep to a filter"):
        await names(store, where=Condition("acl", "in", ["public"]))
    await store.close()


async def test_a_mapping_has_no_negation(tmp_path: Path):
    store = LangChainStore(tmp_path, vectorstore=FAISS, memory=True, filters="mapping")
    await store.upsert([record("a", 0.1, lang="en"), record("b", 0.2, lang="de")], context=CONTEXT)
    assert await names(store, where=Condition("lang", "in", ["de", "fr"])) == ["b"]
    with pytest.raises(UnsupportedFilter, match="cannot express the filter 'ne'"):
        await names(store, where=Condition("lang", "ne", "en"))
    await store.close()


async def test_two_processes_see_the_same_store_in_memory(tmp_path: Path):
    one, two = (LangChainStore(tmp_path, vectorstore=MEMORY, memory=True, filters="callable") for _ in range(2))
    await one.upsert([record("a", 0.1, lang="en"), record("b", 0.2, lang="en")], context=CONTEXT)
    assert await names(two) == ["a", "b"]
    await one.delete(["a"], context=CONTEXT)
    await one.upsert([record("b", 0.2, lang="de"), record("c", 0.3, lang="en")], context=CONTEXT)
    assert await names(two, where=Condition("lang", "eq", "en")) == ["c"]
    await two.upsert([record("d", 0.05, lang="en")], context=CONTEXT)
    assert await names(one) == ["d", "b", "c"]
    await one.drop(context=CONTEXT)
    assert await names(two) == []
    longer = Record(chunk("longer"), np.array([1.0, 0.0, 0.0, 0.0], np.float32))
    await two.upsert([longer], context=CONTEXT)
    assert await one.ids(context=CONTEXT) == ["longer"]
    await one.close()
    await two.close()


async def test_a_ledger_of_another_format_is_refused(tmp_path: Path):
    store = LangChainStore(tmp_path, vectorstore=MEMORY, memory=True)
    await store.upsert([record("a", 0.1)], context=CONTEXT)
    await store.close()
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "ragstone.db")) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(StateError, match="another version"):
        await store.ids(context=CONTEXT)


@pytest.mark.parametrize(
    ("path", "arguments", "error", "reason"),
    [
        ("no_such_package.Store", {}, MissingExtra, "there is no 'no_such_package'"),
        ("langchain_core.vectorstores.NoStore", {}, ConfigError, "holds no NoStore"),
        (FAISS, {"x": 1}, StateError, "unexpected keyword"),
        ("json.JSONDecoder", {}, StateError, "from_texts"),
    ],
)
async def test_what_is_wrong_with_a_store_is_said(path: str, arguments: dict[str, Any], error: type, reason: str):
    store = LangChainStore(vectorstore=path, arguments=arguments, memory=True)
    with pytest.raises(error, match=reason):
        await store.upsert([record("a", 0.1)], context=CONTEXT)
    await store.close()


async def test_arguments_that_a_constructor_refuses_are_named():
    arguments = {"collection": "{collection}"}
    store = LangChainStore(vectorstore=f"{HERE}.Lasting", arguments=arguments)
    with pytest.raises(ConfigError, match="refuses its `arguments`"):
        await store.load()


def test_two_indexes_never_share_a_collection():
    with pytest.raises(ConfigError, match=r"\{collection\}"):
        LangChainStore(vectorstore=f"{HERE}.Lasting", arguments={"collection_name": "mine"})
    with pytest.raises(ConfigError, match="is no dotted path"):
        LangChainStore(vectorstore="os;system", memory=True)


YAML = f"kind: store\ntype: langchain\nvectorstore: {MEMORY}\nmemory: true\npath: .ragstone/langchain\n"


def a_project(folder: Path, *, acl: str, more: str = "") -> Path:
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    (folder / "connectors" / "theirs.yaml").write_text(YAML + more)
    ingest = folder / "pipelines" / "ingest.yaml"
    ingest.write_text(ingest.read_text().replace("store: chroma", "store: theirs"))
    source = folder / "connectors" / "documents.yaml"
    source.write_text(source.read_text().replace("acl: public", f"acl: {acl}"))
    (folder / "documents" / "fish.md").write_text("# Fish\n\nCod swims in cold water.\n")
    return folder


def allow(folder: Path) -> None:
    settings = folder / "pyproject.toml"
    settings.write_text(settings.read_text().replace("[tool.ragstone]", "[tool.ragstone]\nplugins = true"))


def test_a_project_must_allow_it_and_then_answers_from_it_in_every_process(tmp_path: Path):
    folder = a_project(tmp_path / "p", acl="public")
    (fault,) = Project(folder).faults()
    assert "plugins = true" in str(fault)
    allow(folder)
    assert list(Project(folder).faults()) == []
    with ragstone.open(folder) as rag:
        assert rag.ingest().added == 1
    with ragstone.open(folder) as rag:
        assert rag.ingest().unchanged == 1
        (hit,) = rag.search("Where does cod swim?")
        assert {"dense", "lexical"} <= set(hit.scores)
        assert rag.index().verify() == []


def test_a_protected_project_on_a_store_without_filters_is_refused(tmp_path: Path):
    folder = a_project(tmp_path / "p", acl="private")
    allow(folder)
    with ragstone.open(folder) as rag:
        rag.ingest()
        with pytest.raises(UnsupportedFilter, match="no filters"):
            rag.search("Where does cod swim?", principals=["ana"])


def test_a_protected_project_on_a_store_that_filters_shows_what_is_allowed(tmp_path: Path):
    folder = a_project(tmp_path / "p", acl="{from: sidecar}", more="filters: callable\n")
    (folder / "documents" / "fish.md.acl.yaml").write_text("allow: [ana]\n")
    allow(folder)
    with ragstone.open(folder) as rag:
        rag.ingest()
        assert rag.search("Where does cod swim?", principals=["bo"]) == []
        assert len(rag.search("Where does cod swim?", principals=["ana"])) == 1
