"""`ragstone ingest`: counts, failures, and what is never lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path


def report(run, *arguments: str) -> dict[str, object]:
    return json.loads(run("ingest", "--json", *arguments).stdout)


def counts(found: dict[str, object]) -> tuple[object, ...]:
    return tuple(found[name] for name in ("added", "changed", "unchanged", "removed", "embedded"))


def test_the_report_has_these_keys_and_types(project: Path, run):
    found = report(run)
    counted = ["added", "changed", "unchanged", "removed", "chunks", "embedded", "seconds"]
    assert list(found) == [*counted, "failed", "warnings", "flagged", "trace_id"]
    assert isinstance(found["seconds"], float)
    assert counts(found) == (1, 0, 0, 0, 1)
    assert found["chunks"] == 1


def test_a_second_run_embeds_nothing(ingested: Path, run):
    assert counts(report(run)) == (0, 0, 1, 0, 0)


def test_a_file_that_was_only_touched_is_not_embedded_again(ingested: Path, run):
    path = ingested / "documents" / "halibut.md"
    path.write_text(path.read_text())
    path.chmod(0o600)
    assert counts(report(run)) == (0, 0, 1, 0, 0)


def test_a_new_file_an_edited_one_and_a_removed_one(ingested: Path, run):
    path = ingested / "documents" / "halibut.md"
    (ingested / "documents" / "new.txt").write_text("A second document about turbot.")
    path.write_text(path.read_text().replace("2031", "2032"))
    assert counts(report(run)) == (1, 1, 0, 0, 2)
    (ingested / "documents" / "new.txt").unlink()
    assert counts(report(run)) == (0, 0, 1, 1, 0)
    hits = json.loads(run("search", "halibut turbot", "--json").stdout)["hits"]
    assert [("2032" in hit["text"]) for hit in hits] == [True]


def test_one_bad_file_stops_nothing_and_is_listed_with_its_reason(project: Path, run):
    documents = project / "documents"
    (documents / "empty.md").write_text("")
    (documents / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    shown = run("ingest")
    assert shown.exit_code == 1
    assert "1 added" in shown.stdout
    assert "3 documents failed:" in shown.stderr
    for name in ("empty.md", "picture.png", "broken.pdf"):
        assert f"documents/{name}: " in shown.stderr
    assert run("ask", "When does the halibut project ship?").exit_code == 0


def test_a_file_that_breaks_keeps_its_last_good_version(ingested: Path, run):
    (ingested / "documents" / "halibut.md").write_bytes(b"\x00\x01\x02" * 100)
    assert run("ingest").exit_code == 1
    assert "2031" in run("ask", "When does the halibut project ship?").stdout


def test_a_missing_folder_removes_nothing(ingested: Path, run):
    shutil.move(ingested / "documents", ingested / "elsewhere")
    shown = run("ingest")
    assert shown.exit_code == 1
    assert "documents" in shown.stderr
    assert len(shown.stderr.strip().splitlines()) == 1
    assert "2031" in run("ask", "When does the halibut project ship?").stdout


def test_a_source_that_is_suddenly_empty_removes_nothing_unless_told_so(ingested: Path, run):
    (ingested / "documents" / "halibut.md").unlink()
    shown = run("ingest")
    assert shown.exit_code == 1
    assert "--allow-empty" in shown.stderr
    assert "2031" in run("ask", "When does the halibut project ship?").stdout
    assert counts(report(run, "--allow-empty")) == (0, 0, 0, 1, 0)
    assert run("ask", "When does the halibut project ship?").exit_code == 3


def test_another_chunk_size_cuts_everything_again_and_embeds_only_new_texts(ingested: Path, run):
    path = ingested / "pipelines" / "ingest.yaml"
    path.write_text(path.read_text().replace("size: 250", "size: 100"))
    assert counts(report(run)) == (0, 1, 0, 0, 0)  # so short a text is cut as before
    path.write_text(path.read_text().replace("size: 100", "size: 8"))
    assert json.loads(run("ingest", "--json").stdout)["embedded"] > 1
    assert json.loads(run("index", "verify", "--json").stdout) == {"differences": []}


def test_equal_content_in_two_files_stays_two_documents(ingested: Path, run):
    shutil.copy(ingested / "documents" / "halibut.md", ingested / "documents" / "copy.md")
    assert counts(report(run)) == (1, 0, 1, 0, 0)  # an equal text has an equal vector
    for uri in ("documents/halibut.md", "documents/copy.md"):
        hits = json.loads(run("search", "halibut", "--where", json.dumps({"uri": uri}), "--json").stdout)["hits"]
        assert [hit["uri"] for hit in hits] == [uri]
    assert len(json.loads(run("search", "halibut", "--json").stdout)["hits"]) == 1  # equal words are not shown twice
