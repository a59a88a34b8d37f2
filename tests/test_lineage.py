"""An answer can be walked back: its trace names the runs that have written the documents behind it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.state.migrations import STEPS, migrate
from ragstone.state.schema import FLAGS, STALE, TABLES

HALIBUT = "When does the halibut project ship?"
STURGEON = "When does the sturgeon project ship?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    for name, day in (("halibut", "3 May 2031"), ("sturgeon", "9 June 2032")):
        file = tmp_path / "documents" / f"{name}.md"
        file.write_text(f"# {name.title()}\n\nThe {name} project ships on {day}.\n")
    return tmp_path


def ingestions(rag: ragstone.Rag, question: str, *, k: int = 1) -> list[str]:
    answer = rag.ask(question, k=k)
    trace = rag.trace(answer.trace_id)
    assert trace is not None
    (sources,) = [step for step in trace.steps if step.name == "sources"]
    return sources.facts["ingestions"]


def test_an_answer_names_the_runs_that_wrote_its_documents(project: Path):
    with ragstone.open(project) as rag:
        first = rag.ingest()
        assert ingestions(rag, HALIBUT) == ingestions(rag, STURGEON) == [first.trace_id]
        (project / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 4 July 2033.\n")
        second = rag.ingest()
        assert ingestions(rag, HALIBUT) == [second.trace_id]
        assert ingestions(rag, STURGEON) == [first.trace_id]
        assert set(ingestions(rag, HALIBUT, k=8)) == {first.trace_id, second.trace_id}
        run = rag.trace(second.trace_id, principals=None)
        assert run is not None
        assert (run.name, run.facts["changed"]) == ("ingest", 1)
        listed = {one.uri: one.ingestion for one in rag.files().listed(principals=None).documents}
        assert listed["documents/halibut.md"] == second.trace_id
        assert listed["documents/sturgeon.md"] == first.trace_id


def test_a_rebuild_is_the_run_behind_all_of_it(project: Path):
    with ragstone.open(project) as rag:
        rag.ingest()
        again = rag.ingest(rebuild=True)
        assert ingestions(rag, HALIBUT, k=8) == [again.trace_id]


def test_a_run_that_changes_nothing_is_behind_nothing(project: Path):
    with ragstone.open(project) as rag:
        first = rag.ingest()
        assert rag.ingest().trace_id != first.trace_id
        assert ingestions(rag, HALIBUT, k=8) == [first.trace_id]


def test_documents_of_an_older_version_come_from_no_run_that_is_known():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for statement in filter(str.strip, (TABLES + STALE + FLAGS).split(";")):
            db.execute(statement)
        db.execute("PRAGMA user_version = 4")
        db.execute(f"INSERT INTO documents VALUES ({','.join(['?'] * 15)},1,'live','[]','text')", ["x"] * 15)
        migrate(db, where="memory")
        assert db.execute("SELECT id, ingestion FROM documents").fetchall() == [("x", "")]
        assert 4 in STEPS
