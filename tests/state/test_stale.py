"""Which documents caches have to forget: noted with the change, and until somebody says that it is done."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ragstone.state.migrations import migrate
from ragstone.state.schema import TABLES, VERSION
from ragstone.state.sqlite import ProjectState
from ragstone.types import Document


def document(name: str, text: str = "Words.") -> Document:
    return Document(
        id=name, source="s", uri=f"{name}.md", title=name, media_type="text/plain", text=text, content_hash=text
    )


def written(state: ProjectState, *documents: Document, pipeline: str = "ingest", fingerprint: str = "f") -> None:
    rows = [(one, "1", "en", ()) for one in documents]
    state.begin(pipeline, rows, tenant="t", fingerprint=fingerprint)
    state.settle(pipeline, [one.id for one in documents])


def stale(state: ProjectState) -> list[str]:
    return sorted(state.stale(tenant="t", most=100))


@pytest.fixture
def state() -> ProjectState:
    made = ProjectState(None)
    written(made, document("a"), document("b"), document("c"))
    return made


def test_a_new_document_is_not_stale(state: ProjectState):
    assert stale(state) == []


def test_whatever_changes_or_goes_is(state: ProjectState):
    written(state, document("a", "Other words."), document("d"))
    assert stale(state) == ["a"]
    state.relabel("ingest", "b", ("group:hr",))
    assert stale(state) == ["a", "b"]
    state.remove("ingest", ["c", "nobody"], tenant="t")
    assert stale(state) == ["a", "b", "c"]
    state.begin("ingest", [], tenant="t", fingerprint="f", removed=["d"])
    assert stale(state) == ["a", "b", "c", "d"]


def test_what_was_forgotten_is_not_any_more_and_tenants_are_apart(state: ProjectState):
    state.remove("ingest", ["a", "b"], tenant="t")
    assert len(state.stale(tenant="t", most=1)) == 1
    assert state.stale(tenant="other", most=9) == []
    state.forget_stale(["a", "b"], tenant="other")
    assert stale(state) == ["a", "b"]
    state.forget_stale(["a"], tenant="t")
    assert stale(state) == ["b"]


def test_an_edition_leaves_behind_what_its_heir_has_otherwise(state: ProjectState):
    other = document("b", "Other words.")
    written(state, document("a"), other, pipeline="ingest#1")
    assert stale(state) == []
    state.discard("ingest", tenant="t", heir="ingest#1")
    assert stale(state) == ["b", "c"]


@pytest.mark.parametrize(
    "changed",
    [
        replace(document("a"), acl=("group:hr",)),
        replace(document("a"), metadata={"year": 2031}),
        replace(document("a"), content_hash="other"),
    ],
)
def test_permissions_and_metadata_count_too(changed: Document):
    state = ProjectState(None)
    written(state, document("a"))
    written(state, changed, pipeline="ingest#1")
    state.discard("ingest", tenant="t", heir="ingest#1")
    assert stale(state) == ["a"]


def test_an_edition_of_other_parts_is_another(state: ProjectState):
    written(state, document("a"), document("b"), document("c"), pipeline="ingest#1", fingerprint="g")
    state.discard("ingest", tenant="t", heir="ingest#1")
    assert stale(state) == ["a", "b", "c"]


def test_a_state_of_the_version_before_gains_the_table(tmp_path: Path):
    path = tmp_path / "project.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{TABLES} PRAGMA user_version = 2;")
    state = ProjectState(path)
    written(state, document("a"))
    state.remove("ingest", ["a"], tenant="t")
    assert stale(state) == ["a"]
    state.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, where="here")
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
