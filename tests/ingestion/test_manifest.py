"""The plan of an ingestion."""

from __future__ import annotations

from ragstone.ingestion.manifest import compare
from ragstone.state.sqlite import ManifestRow
from ragstone.types import Item


def item(uri: str, version: str = "1", acl: tuple[str, ...] = ("public",)) -> Item:
    return Item(uri=uri, version=version, size=1, read=lambda: b"", acl=acl)


def row(uri: str, version: str = "1", fingerprint: str = "f", state: str = "live") -> ManifestRow:
    return ManifestRow(f"id-{uri}", uri, version, fingerprint, "hash", ("public",), state)


def test_each_item_has_one_fate():
    known = {uri: row(uri) for uri in ("same", "edited", "gone")}
    plan = compare([item("same"), item("edited", "2"), item("new")], known, fingerprint="f")
    assert [one.uri for one in plan.added] == ["new"]
    assert [one.uri for one in plan.changed] == ["edited"]
    assert plan.unchanged == 1
    assert plan.removed == ("id-gone",)


def test_another_splitter_or_embedder_changes_every_document():
    plan = compare([item("a")], {"a": row("a")}, fingerprint="other")
    assert [one.uri for one in plan.changed] == ["a"]


def test_what_was_cut_short_is_done_again_under_its_old_name():
    known = {"a": row("a", state="new"), "b": row("b", state="changed")}
    plan = compare([item("a"), item("b")], known, fingerprint="f")
    assert ([one.uri for one in plan.added], [one.uri for one in plan.changed]) == (["a"], ["b"])


def test_a_change_of_permissions_alone_is_a_change_and_is_told_apart():
    plan = compare([item("a", acl=("group:hr",))], {"a": row("a")}, fingerprint="f")
    assert [one.uri for one in plan.changed] == ["a"]
    assert plan.relabelled == (("id-a", ("group:hr",)),)
