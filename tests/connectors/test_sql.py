"""Rows of a database as documents."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from key_leaks import key
from ragstone.connectors.sql import Column, SqlSource
from ragstone.errors import ConfigError, NotConfigured, SourceUnavailable
from ragstone.types import Context, Item

KEY = key("sql")


CHINOOK = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[3] / "shared/data")) / "sql/chinook.sqlite"
ROWS = [
    (1, "Cod", "Swims.", "2024", "anna, group:hr"),
    (2, "Eel", None, "2024", None),
    (3, "Ray", "Flat.", "2023", '["b"]'),
]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE fish (id, name, said, changed, readers)")
        db.executemany("INSERT INTO fish VALUES (?,?,?,?,?)", ROWS)
    db.close()
    return path


def source(path: Path, **keys: Any) -> SqlSource:
    given: dict[str, Any] = {"query": "SELECT * FROM fish", "key": "id", "text": ["name", "said"], **keys}
    made = SqlSource(url=f"sqlite:///{path}", **given)
    made.name = "fish"
    return made


async def listed(found: SqlSource) -> list[Item]:
    return [item async for item in found.items(context=Context())]


async def test_each_row_is_a_document(shop: Path):
    items = await listed(source(shop, title="name", metadata=["id"]))
    assert [(item.uri, item.read(), item.title) for item in items] == [
        ("fish/1", b"Cod\nSwims.", "Cod"),
        ("fish/2", b"Eel", "Eel"),
        ("fish/3", b"Ray\nFlat.", "Ray"),
    ]
    assert [item.metadata for item in items] == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert [item.version for item in await listed(source(shop, title="name", metadata=["id"]))] == [
        item.version for item in items
    ]


async def test_a_relative_file_is_the_projects(shop: Path):
    made = SqlSource(url="sqlite:///shop.db", query="SELECT * FROM fish", key="id", text=["name"], root=shop.parent)
    assert len(await listed(made)) == 3


async def test_a_row_has_another_version_when_its_watermark_or_any_column_changes(shop: Path):
    before = await listed(source(shop)), await listed(source(shop, updated_at="changed"))
    with sqlite3.connect(shop) as db:
        db.execute("UPDATE fish SET said='Dives.' WHERE id=1")
        db.execute("UPDATE fish SET changed='2025' WHERE id=3")
    db.close()
    after = await listed(source(shop)), await listed(source(shop, updated_at="changed"))
    assert [a.version != b.version for a, b in zip(*(x[0] for x in (before, after)), strict=True)] == [
        True,
        False,
        True,
    ]
    assert [a.version != b.version for a, b in zip(*(x[1] for x in (before, after)), strict=True)] == [
        False,
        False,
        True,
    ]


async def test_readers_stand_in_the_row_and_none_means_nobody(shop: Path):
    items = await listed(source(shop, acl=Column(column="readers")))
    assert [item.acl for item in items] == [("anna", "group:hr"), (), ("b",)]
    assert source(shop, acl="private").protected


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"text": ["nam"]}, "gives no column 'nam'.*id, name.*name"),
        ({"query": "SELECT * FROM whales"}, "no such table: whales"),
    ],
)
async def test_what_the_database_does_not_know_is_said(shop: Path, keys: dict[str, Any], reason: str):
    with pytest.raises(SourceUnavailable, match=reason):
        await listed(source(shop, **keys))


@pytest.mark.parametrize("query", ["DELETE FROM fish", "SELECT 1; DROP TABLE fish", "", "UPDATE fish SET id=1"])
def test_a_query_that_writes_is_refused(shop: Path, query: str):
    with pytest.raises(ConfigError, match="may only read"):
        source(shop, query=query)


def test_without_a_url_it_is_not_configured():
    with pytest.raises(NotConfigured):
        SqlSource(query="SELECT 1", key="a", text=["a"])


async def test_a_password_is_never_said(tmp_path: Path):
    made = SqlSource(url=f"sqlite:///{tmp_path}/{KEY}/none.db", query="SELECT 1", key="a", text=["a"])
    with pytest.raises(SourceUnavailable) as raised:
        await listed(made)
    assert KEY not in str(raised.value)


@pytest.mark.skipif(not CHINOOK.exists(), reason="RAGSTONE_DATA is not there")
async def test_a_real_database_is_read():
    query = "SELECT t.TrackId, t.Name, a.Title, t.Composer FROM Track t JOIN Album a ON a.AlbumId = t.AlbumId"
    items = await listed(
        SqlSource(url=f"sqlite:///{CHINOOK}", query=query, key="TrackId", text=["Name", "Title", "Composer"])
    )
    assert len(items) == 3503
    assert len({item.uri for item in items}) == 3503
    assert b"For Those About To Rock" in items[0].read()


async def test_a_key_that_comes_twice_is_refused(shop: Path):
    with pytest.raises(SourceUnavailable, match="two rows have the same key '2024'"):
        await listed(source(shop, key="changed"))


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path):
    with pytest.raises(SourceUnavailable, match="there is no such database"):
        await listed(source(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()


async def test_a_percent_sign_and_a_colon_stay_in_the_query(shop: Path):
    found = await listed(source(shop, query="SELECT * FROM fish WHERE name LIKE 'C%' AND said <> ':x'"))
    assert [item.uri for item in found] == ["fish/1"]


async def test_a_select_that_writes_is_refused_by_the_database(shop: Path):
    with pytest.raises((ConfigError, SourceUnavailable)):
        await listed(source(shop, query="WITH gone AS (SELECT 1) DELETE FROM fish RETURNING *"))
    assert len(await listed(source(shop))) == 3
