"""What checks have found in documents is kept with them, also in a file of an older version."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ragstone.reports import Flagged
from ragstone.state.migrations import STEPS, migrate
from ragstone.state.schema import STALE, TABLES, VERSION
from ragstone.state.sqlite import ProjectState
from ragstone.types import Document


def document(name: str) -> Document:
    return Document(
        id=name, source="s", uri=f"{name}.md", title=name, media_type="text/plain", text="Words.", content_hash=name
    )


def flag(name: str, start: int = 0, action: str = "flagged") -> Flagged:
    return Flagged(
        uri=f"{name}.md",
        check="length",
        action=action,
        reason="long",
        start=start,
        end=start + 3,
        page=2,  # type: ignore[arg-type]
    )


def begin(
    state: ProjectState, *names: str, tenant: str = "t", pipeline: str = "ingest", **flagged: list[Flagged]
) -> None:
    rows = [(document(name), "1", "en", ()) for name in names]
    state.begin(pipeline, rows, tenant=tenant, fingerprint="f", flagged=flagged)


@pytest.fixture
def state() -> ProjectState:
    made = ProjectState(None)
    begin(made, "a", "b", b=[flag("b", 3, "dropped"), flag("b", 0)], a=[flag("a")])
    return made


def test_they_come_back_in_the_order_of_the_documents(state: ProjectState) -> None:
    assert state.flagged("ingest", tenant="t") == [flag("a"), flag("b", 0), flag("b", 3, "dropped")]
    assert state.flagged("ingest", tenant="other") == []
    assert state.flagged("other", tenant="t") == []


def test_only_what_was_dropped_is_barred(state: ProjectState) -> None:
    assert state.barred("ingest", ["a", "b", "c"]) == {"b": [(3, 6)]}


def test_a_document_that_is_written_again_or_removed_takes_its_own_along(state: ProjectState) -> None:
    begin(state, "a")
    assert state.flagged("ingest", tenant="t") == [flag("b", 0), flag("b", 3, "dropped")]
    state.remove("ingest", ["b"], tenant="t")
    assert state._rows("SELECT * FROM flags", ()) == []  # pyright: ignore[reportPrivateUsage]


def test_a_pipeline_that_is_discarded_takes_its_tenant_s_alone(state: ProjectState) -> None:
    begin(state, "c", tenant="u", c=[flag("c")])
    begin(state, "d", pipeline="other", d=[flag("d")])
    state.discard("ingest", tenant="t")
    assert state.flagged("ingest", tenant="t") == []
    assert state.flagged("ingest", tenant="u") == [flag("c")]
    assert state.flagged("other", tenant="t") == [flag("d")]
    assert state._rows("SELECT COUNT(*) FROM flags", ()) == [(2,)]  # pyright: ignore[reportPrivateUsage]


def test_a_file_of_the_version_before_has_none_and_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    with closing(sqlite3.connect(path)) as db:
        for statement in filter(str.strip, (TABLES + STALE).split(";")):
            db.execute(statement)
        db.execute("PRAGMA user_version = 3")
        db.commit()
    state = ProjectState(path)
    assert state.flagged("ingest", tenant="t") == []
    begin(state, "a", a=[flag("a")])
    assert state.flagged("ingest", tenant="t") == [flag("a")]
    assert state._rows("PRAGMA user_version", ()) == [(VERSION,)]  # pyright: ignore[reportPrivateUsage]
    state.close()


def test_every_version_leads_to_this_one_with_the_same_tables() -> None:
    assert sorted(STEPS) == list(range(1, VERSION))

    def tables(db: sqlite3.Connection) -> list[tuple[str, str]]:
        return sorted(db.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'flags%'").fetchall())

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        migrate(new, where="new")
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
            for statement in filter(str.strip, (TABLES + STALE).split(";")):
                old.execute(statement)
            old.execute("PRAGMA user_version = 3")
            migrate(old, where="old")
            assert tables(old) == tables(new) != []
