"""The plan of an ingestion."""

from __future__ import annotations

from ragstone.ingestion.manifest import compare
from ragstone.state.sqlite import ManifestRow
from ragstone.types import Item


def item(uri: str, version: str = "1", acl: tuple[str, ...] = ("public",)) -> Item:
    return Item(uri=uri, version=version, size=1, read=lambda: b"", acl=acl)


def row(uri: str, version: str = "1", fingerprint: str = "f", parent: str = "") -> ManifestRow:
    return ManifestRow(f"id-{uri}", uri, version, fingerprint, "hash", parent, "live", ("public",))


def test_each_item_has_one_fate():
    known = {uri: row(uri) for uri in ("same", "edited", "gone")}
    plan = compare([item("same"), item("edited", "2"), item("new")], known, fingerprint="f")
    assert [one.uri for one in plan.added] == ["new"]
    assert [one.uri for one in plan.changed] == ["edited"]
    assert plan.unchanged == 1
    assert [one.uri for one in plan.removed] == ["gone"]


def test_another_splitter_or_embedder_changes_every_document():
    plan = compare([item("a")], {"a": row("a")}, fingerprint="other")
    assert [one.uri for one in plan.changed] == ["a"]


def test_a_change_of_permissions_alone_changes_no_document():
    plan = compare([item("a", acl=("group:hr",))], {"a": row("a")}, fingerprint="f")
    assert (plan.changed, plan.unchanged) == ((), 1)
    assert [(one.uri, item.acl) for one, item in plan.relabelled] == [("a", ("group:hr",))]


def test_what_lies_inside_a_file_follows_it():
    known = {"a.zip": row("a.zip"), "a.zip!/b": row("a.zip!/b", parent="a.zip")}
    plan = compare([item("a.zip", acl=())], known, fingerprint="f")
    assert (plan.removed, plan.unchanged) == ((), 1)
    assert [one.uri for one, _ in plan.relabelled] == ["a.zip", "a.zip!/b"]
    assert [one.uri for one in compare([], known, fingerprint="f").removed] == ["a.zip", "a.zip!/b"]


def test_what_is_forgotten_goes_and_stays_out_even_where_the_listing_is_not_complete():
    known = {"a": row("a"), "b": row("b")}
    plan = compare([item("a")], known, fingerprint="f", complete=False, forgotten=["a"])
    assert [one.uri for one in plan.removed] == ["a"]
    assert (plan.added, plan.unchanged) == ((), 0)


def test_only_what_was_named_is_looked_at():
    known = {uri: row(uri) for uri in ("docs/a/x", "docs/b/x")}
    plan = compare([item("docs/a/y"), item("docs/b/y")], known, fingerprint="f", only=["docs/a"])
    assert [one.uri for one in plan.added] == ["docs/a/y"]
    assert [one.uri for one in plan.removed] == ["docs/a/x"]
