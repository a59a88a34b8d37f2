"""The project's state: what is pending, what is live, what has still to go."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ragstone.errors import StateError, StorageFull
from ragstone.reports import Failure
from ragstone.state.sqlite import ProjectState
from ragstone.types import Chunk, Document, Span

DOCUMENT = Document(
    id="d1",
    source="documents",
    uri="documents/a.md",
    title="A",
    media_type="text/markdown",
    text="# A\n\nBody of it.",
    content_hash="h",
    spans=(Span("heading", 0, 16, "A", 1),),
    metadata={"lang": "en", "tags": ["x", "y"]},
)


def chunk(name: str, document: Document = DOCUMENT) -> Chunk:
    return Chunk(
        id=name,
        document_id=document.id,
        uri=document.uri,
        title=document.title,
        text=document.text,
        start=0,
        end=len(document.text),
        line=1,
        spans=document.spans,
        metadata=document.metadata,
        acl=document.acl,
    )


def begin(state: ProjectState, *chunks: str, document: Document = DOCUMENT, tenant: str = "default") -> None:
    rows = [(document, "v1", "en", [chunk(name, document) for name in chunks])]
    state.begin("ingest", rows, tenant=tenant, fingerprint="e/s")


@pytest.fixture
def state(tmp_path: Path):
    made = ProjectState(tmp_path / "project.db")
    yield made
    made.close()


def test_a_document_is_new_until_it_is_settled(state: ProjectState):
    begin(state, "c1")
    manifest = state.manifest("ingest", tenant="default", source="documents")
    assert manifest["documents/a.md"].state == "new"
    state.settle("ingest", ["d1"])
    assert state.manifest("ingest", tenant="default", source="documents")["documents/a.md"].state == "live"
    begin(state, "c1")
    assert state.manifest("ingest", tenant="default", source="documents")["documents/a.md"].state == "changed"


def test_chunks_and_documents_come_back_as_they_were(state: ProjectState):
    begin(state, "c1", "c2")
    assert state.chunks("ingest", ["c2", "missing", "c1"], tenant="default") == {"c1": chunk("c1"), "c2": chunk("c2")}
    assert state.document("ingest", "d1", tenant="default") == DOCUMENT
    assert state.document("ingest", "d1", tenant="other") is None
    assert state.counts("ingest", tenant="default") == {"documents": 1, "chunks": 2}


def test_another_tenant_sees_no_chunk_even_by_its_id(state: ProjectState):
    begin(state, "c1")
    assert state.chunks("ingest", ["c1"], tenant="other") == {}


def test_chunks_that_a_new_version_lacks_become_orphans_until_forgotten(state: ProjectState):
    begin(state, "c1", "c2")
    begin(state, "c2", "c3")
    assert state.orphans("ingest", tenant="default") == ["c1"]
    assert set(state.chunks("ingest", ["c1", "c2", "c3"], tenant="default")) == {"c2", "c3"}
    state.forget_orphans("ingest", ["c1"], tenant="default")
    assert state.orphans("ingest", tenant="default") == []


def test_a_chunk_that_comes_back_is_an_orphan_no_longer(state: ProjectState):
    begin(state, "c1")
    begin(state, "c2")
    begin(state, "c1")
    assert state.orphans("ingest", tenant="default") == ["c2"]


def test_removing_a_document_orphans_its_chunks(state: ProjectState):
    begin(state, "c1")
    state.remove("ingest", ["d1"], tenant="default")
    assert state.orphans("ingest", tenant="default") == ["c1"]
    assert state.counts("ingest", tenant="default") == {"documents": 0, "chunks": 0}


def test_only_a_document_that_is_not_public_protects(state: ProjectState):
    begin(state, "c1")
    assert not state.facts("ingest", tenant="default").protected
    begin(state, "x", document=replace(DOCUMENT, id="d2", uri="b.md", acl=("group:hr",)))
    assert state.facts("ingest", tenant="default").protected


def test_an_acl_can_change_alone(state: ProjectState):
    begin(state, "c1")
    state.settle("ingest", ["d1"])
    state.relabel("ingest", "d1", ())
    assert [row.state for row in state.pending("ingest", tenant="default")] == ["relabelled"]
    assert state.chunks("ingest", ["c1"], tenant="default")["c1"].acl == ()
    assert state.facts("ingest", tenant="default").protected


def test_failures_are_kept_and_forgotten_when_the_document_is_read(state: ProjectState):
    state.fail("ingest", Failure("documents/a.md", "is encrypted"), tenant="default", source="documents")
    assert state.failures("ingest", tenant="default", source="documents") == [Failure("documents/a.md", "is encrypted")]
    begin(state, "c1")
    assert state.failures("ingest", tenant="default", source="documents") == []


def test_languages_come_most_frequent_first(state: ProjectState):
    for number, language in enumerate(["de", "en", "en"]):
        document = replace(DOCUMENT, id=f"d{number}", uri=f"{number}.md")
        state.begin("ingest", [(document, "v", language, [])], tenant="default", fingerprint="e/s")
    assert list(state.facts("ingest", tenant="default").languages) == ["en", "de"]


def test_the_facts_of_an_index_follow_what_any_connection_writes(state: ProjectState, tmp_path: Path):
    assert state.facts("ingest", tenant="default").empty
    other = ProjectState(tmp_path / "project.db")
    begin(other, "c1")
    assert state.facts("ingest", tenant="default").fingerprints == ("e/s",)
    other.relabel("ingest", "d1", ("group:hr",))
    assert state.facts("ingest", tenant="default").protected
    assert state.facts("ingest", tenant="default") is state.facts("ingest", tenant="default"), "nothing was written"
    state.relabel("ingest", "d1", ("public",))
    assert not state.facts("ingest", tenant="default").protected
    other.remove("ingest", ["d1"], tenant="default")
    assert state.facts("ingest", tenant="default").empty
    other.close()


def test_chunks_are_read_once_until_any_connection_writes(state: ProjectState, tmp_path: Path):
    def read(*ids: str) -> dict[str, Chunk]:
        return state.chunks("ingest", ids, tenant="default")

    other = ProjectState(tmp_path / "project.db")
    begin(other, "c1", "c2")
    assert read("c1")["c1"] is read("c1", "c2")["c1"], "nothing was written"
    other.relabel("ingest", "d1", ("group:hr",))
    assert read("c1")["c1"].acl == ("group:hr",)
    state.relabel("ingest", "d1", ("public",))
    assert read("c1")["c1"].acl == ("public",)
    assert state.chunks("ingest", ["c1"], tenant="another") == {}
    assert state.chunks("another", ["c1"], tenant="default") == {}
    other.remove("ingest", ["d1"], tenant="default")
    assert read("c1", "c2") == {}
    other.close()


def test_a_newer_format_is_refused_with_what_to_do(tmp_path: Path):
    path = tmp_path / "project.db"
    ProjectState(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StateError, match=r"newer Ragstone.*format 99"):
        ProjectState(path)


def test_a_file_that_is_no_database_is_an_error_with_its_path(tmp_path: Path):
    path = tmp_path / "project.db"
    path.write_text("hello " * 1000)
    with pytest.raises(StateError, match=r"project\.db"):
        ProjectState(path)


def test_a_full_disk_is_named_and_what_was_written_stays(state: ProjectState):
    begin(state, "c1")
    state._db.execute(f"PRAGMA max_page_count = {state._db.execute('PRAGMA page_count').fetchone()[0]}")
    long = replace(DOCUMENT, id="d2", uri="b.md", text="x" * 1_000_000)
    with pytest.raises(StorageFull, match="disk is full"):
        begin(state, "c2", document=long)
    assert set(state.chunks("ingest", ["c1", "c2"], tenant="default")) == {"c1"}


def test_many_processes_may_open_a_new_state_at_once(tmp_path: Path):
    path = tmp_path / "project.db"
    code = f"from ragstone.state.sqlite import ProjectState, Path; ProjectState(Path({str(path)!r})).close()"
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    assert [process.communicate()[1] for process in processes] == [""] * 6
