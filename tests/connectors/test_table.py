"""Rows of a file as documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ragstone.connectors.table import Column, TableSource
from ragstone.errors import SourceUnavailable
from ragstone.types import Context, Item

CSV = 'sku,name,price,readers\n7,Cod,3,anna\n8,"Eel, {smoked}",9,\n\n9,Ray,4,"b, c"\n'


async def listed(path: Path, text: str = CSV, **keys: Any) -> list[Item]:
    path.write_text(text, encoding="utf-8")  # noqa: ASYNC240 - a few bytes
    source = TableSource(path, path.parent, template="{name} costs {price}.", **keys)
    return [item async for item in source.items(context=Context())]


async def test_each_row_is_put_into_words(tmp_path: Path):
    items = await listed(tmp_path / "fish.csv", key="sku", title="{name}", metadata=["price"])
    assert [(item.uri, item.read().decode(), item.title) for item in items] == [
        ("fish.csv/7", "Cod costs 3.", "Cod"),
        ("fish.csv/8", "Eel, {smoked} costs 9.", "Eel, {smoked}"),
        ("fish.csv/9", "Ray costs 4.", "Ray"),
    ]
    assert items[0].metadata == {"price": "3"}


async def test_without_a_key_a_row_is_known_by_its_number(tmp_path: Path):
    assert [item.uri for item in await listed(tmp_path / "f.csv", CSV.replace(",", ";"))] == [
        "f.csv/2",
        "f.csv/3",
        "f.csv/5",
    ]


async def test_only_an_edited_row_has_another_version(tmp_path: Path):
    before = await listed(tmp_path / "f.csv", key="sku")
    after = await listed(tmp_path / "f.csv", CSV.replace("Cod,3", "Cod,5"), key="sku")
    assert [a.version == b.version for a, b in zip(before, after, strict=True)] == [False, True, True]


async def test_readers_stand_in_the_row(tmp_path: Path):
    items = await listed(tmp_path / "f.csv", acl=Column(column="readers"))
    assert [item.acl for item in items] == [("anna",), (), ("b", "c")]


@pytest.mark.parametrize(
    ("text", "keys", "reason"),
    [
        (CSV, {"key": "sk"}, "f.csv: has no column 'sk'.*expected one of sku, name"),
        (CSV.replace("9,Ray", "7,Ray"), {"key": "sku"}, "the key '7' stands in two rows"),
        ("", {}, "has no column 'name'"),
    ],
)
async def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, text: str, keys: dict[str, Any], reason: str):
    with pytest.raises(SourceUnavailable, match=reason):
        await listed(tmp_path / "f.csv", text, **keys)


async def test_a_missing_file_is_said(tmp_path: Path):
    with pytest.raises(SourceUnavailable, match=r"none\.csv: cannot be read"):
        _ = [item async for item in TableSource(tmp_path / "none.csv", template="").items(context=Context())]


async def test_a_quotation_mark_that_is_never_closed_is_said_with_its_line(tmp_path: Path):
    with pytest.raises(SourceUnavailable, match="cannot be read at line"):
        await listed(tmp_path / "f.csv", 'name,price\n"Cod,3\n' + "Eel,4\n" * 30_000)
