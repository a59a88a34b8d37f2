"""`ragstone index`, `chunks`, `forget`, and the ways to ingest."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import ragstone
from ragstone.state.sqlite import ProjectState


def said(run, *arguments: str):
    return json.loads(run(*arguments, "--json").stdout)


def add(project: Path, name: str, text: str) -> None:
    (project / "documents" / name).write_text(text)


def test_a_plan_says_everything_and_does_nothing(ingested: Path, run):
    add(ingested, "cod.md", "# Cod\n\nCod is a fish of the north.\n")
    (ingested / "documents" / "halibut.md").unlink()
    plan = said(run, "ingest", "--plan")
    assert plan["added"] == ["documents/cod.md"]
    assert plan["removed"] == ["documents/halibut.md"]
    assert plan["chunks"] == 1
    assert plan["tokens"] > 5
    assert plan == said(run, "ingest", "--plan")
    assert "+ documents/cod.md" in run("ingest", "--plan").stdout


def test_only_the_named_paths_are_looked_at(ingested: Path, run, monkeypatch):
    add(ingested, "cod.md", "Cod.")
    add(ingested, "eel.md", "Eel.")
    (ingested / "documents" / "halibut.md").unlink()
    monkeypatch.chdir(ingested / "documents")
    assert [said(run, "ingest", "cod.md")[key] for key in ("added", "removed")] == [1, 0]
    shown = run("ingest", "../pipelines")
    assert shown.exit_code == 2
    assert "no source lists it" in shown.stderr


def test_removed_files_can_be_kept(ingested: Path, run):
    add(ingested, "cod.md", "Cod.")
    (ingested / "documents" / "halibut.md").unlink()
    assert said(run, "ingest", "--keep-removed")["removed"] == 0
    assert said(run, "ingest")["removed"] == 1


def test_what_an_index_lost_is_named_and_mended_from_the_state_alone(ingested: Path, run):
    assert run("index", "verify").exit_code == 0
    for name in ("chroma", "lexical"):
        for path in (ingested / ".ragstone" / name).iterdir():
            shutil.rmtree(path)
    shutil.rmtree(ingested / "documents")
    shown = run("index", "verify", "--json")
    assert shown.exit_code == 1
    found = json.loads(shown.stdout)["differences"]
    assert {(one["index"], one["problem"], one["uri"]) for one in found} == {
        ("store", "missing", "documents/halibut.md"),
        ("lexical", "missing", "documents/halibut.md"),
    }
    mended = said(run, "index", "repair")
    assert (len(mended["mended"]), mended["left"]) == (2, [])
    assert run("index", "verify").exit_code == 0
    assert "2031" in run("ask", "When does the halibut project ship?").stdout


def test_an_index_that_cannot_be_read_is_made_anew(ingested: Path, run):
    for path in (ingested / ".ragstone").rglob("*"):
        if path.is_file() and {"chroma", "lexical"} & set(path.parts) and path.suffix != ".lock":
            path.write_bytes(b"damaged")
    assert run("index", "repair").exit_code == 0
    assert "2031" in run("ask", "When does the halibut project ship?").stdout


def test_a_rebuild_swaps_in_an_index_made_by_the_new_settings(ingested: Path, run):
    path = ingested / "pipelines" / "ingest.yaml"
    path.write_text(path.read_text().replace("size: 250", "size: 8"))
    report = said(run, "ingest", "--rebuild")
    assert report["added"] == 1
    status = said(run, "index", "status")
    assert (status["edition"], status["states"]) == (1, {"live": 1})
    assert status["chunks"] == report["chunks"] > 1
    assert run("index", "verify").exit_code == 0
    state = ProjectState(ingested / ".ragstone" / "project.db")
    assert state.counts("ingest", tenant="default") == {"documents": 0, "chunks": 0}
    state.close()
    assert said(run, "ingest", "--rebuild")["embedded"] == 0
    assert said(run, "ingest")["unchanged"] == 1


def test_an_open_project_sees_a_rebuild_with_the_settings_that_made_it(ingested: Path, run):
    question = "When does the halibut project ship?"
    with ragstone.open(ingested) as rag:
        assert "2031" in rag.ask(question).text
        path = ingested / "pipelines" / "ingest.yaml"
        path.write_text(path.read_text().replace("size: 250", "size: 100"))
        assert run("ingest", "--rebuild").exit_code == 0
        assert "2031" in rag.ask(question).text
        assert rag.index().status().edition == 1


def test_a_rebuild_keeps_the_last_good_version_of_what_cannot_be_read(ingested: Path, run):
    (ingested / "documents" / "halibut.md").write_bytes(b"\0\1\2" * 99)
    shown = run("ingest", "--rebuild", "--json")
    assert shown.exit_code == 1
    assert [one["uri"] for one in json.loads(shown.stdout)["failed"]] == ["documents/halibut.md"]
    assert "2031" in run("ask", "When does the halibut project ship?").stdout


def test_a_forgotten_document_is_gone_and_stays_out(ingested: Path, run):
    assert "halibut" in run("ask", "When does the halibut project ship?").stdout
    assert said(run, "forget", "documents/halibut.md")["removed"] == 1
    assert run("ask", "When does the halibut project ship?").exit_code == 3
    assert said(run, "ingest")["added"] == 0
    assert said(run, "index", "status")["forgotten"] == ["documents/halibut.md"]
    kept = [path for path in (ingested / ".ragstone").rglob("*") if path.is_file() and path.name == "traces.db"]
    assert kept
    assert b"documents/halibut.md" not in kept[0].read_bytes()
    assert said(run, "forget", "documents/halibut.md", "--undo")["removed"] == 0
    assert said(run, "ingest")["added"] == 1


def test_chunks_are_shown_with_their_ranges(ingested: Path, run):
    found = said(run, "chunks", "documents/halibut.md")
    text = (ingested / "documents" / "halibut.md").read_text()
    assert [text[one["start"] : one["end"]] for one in found] == [one["text"] for one in found]
    shown = run("chunks", "documents/halibud.md")
    assert shown.exit_code == 2
    assert "documents/halibut.md" in shown.stderr


def test_the_keys_of_parsers_are_checked_at_their_place(ingested: Path, run):
    path = ingested / "pipelines" / "ingest.yaml"
    path.write_text(path.read_text() + "parse: {pdff: {}}\n")
    assert "there is no parser of type 'pdff'" in run("check").stdout
    path.write_text(path.read_text().replace("pdff: {}", "pdf: {repeatd_lines: keep}"))
    shown = run("check").stdout
    assert "unknown key 'repeatd_lines'" in shown
    assert "Did you mean 'repeated_lines'?" in shown
    path.write_text(path.read_text().replace("repeatd_lines", "repeated_lines"))
    assert run("check").exit_code == 0


def test_what_lies_in_an_archive_is_found_changed_and_removed_with_it(ingested: Path, run):
    def pack(**members: str) -> None:
        with zipfile.ZipFile(ingested / "documents" / "a.zip", "w") as archive:
            for name, text in members.items():
                archive.writestr(f"{name}.md", text)

    pack(one="# Cod\n\nCod swims north.", two="# Eel\n\nEels like it deep.")
    assert said(run, "ingest")["added"] == 1
    assert "a.zip!/two.md" in run("ask", "Where do eels like it?").stdout
    pack(one="# Cod\n\nCod swims south.")
    assert said(run, "ingest")["embedded"] == 1
    assert "south" in run("ask", "Where does the cod swim?").stdout
    assert said(run, "index", "status")["states"] == {"live": 3}
    (ingested / "documents" / "a.zip").unlink()
    assert said(run, "ingest")["removed"] == 1
    assert said(run, "index", "status")["states"] == {"live": 1}
    assert run("index", "verify").exit_code == 0


def test_a_scan_is_named_in_the_warnings_and_never_an_empty_success(ingested: Path, run):
    (ingested / "documents" / "scan.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    shown = run("ingest", "--json")
    assert shown.exit_code == 1
    report = json.loads(shown.stdout)
    assert "no text layer" in report["warnings"][0]["reason"]
    assert report["failed"] == report["warnings"]
    assert run("ingest").stderr.count("no text layer") == 1
    seen = run("parse", str(ingested / "documents" / "scan.png"), "--json")
    assert seen.exit_code == 1
    parsed = json.loads(seen.stdout)
    assert list(parsed) == ["title", "media_type", "text", "spans", "children", "warnings"]
    assert (parsed["media_type"], parsed["text"]) == ("image/png", "")
    assert said(run, "ingest", "--plan")["added"] == []


def test_parse_shows_what_is_seen_in_a_file(ingested: Path, run):
    path = ingested / "documents" / "halibut.md"
    parsed = said(run, "parse", str(path))
    assert parsed["text"] == path.read_text()
    assert parsed["spans"][0]["kind"] == "heading"
    assert "text/markdown" in run("parse", str(path)).stdout


def test_parse_uses_the_settings_of_the_project_here(ingested: Path, run, monkeypatch):
    path = ingested / "pipelines" / "ingest.yaml"
    path.write_text(path.read_text() + "parse: {zip: {max_files: 1}}\n")
    with zipfile.ZipFile(ingested / "documents" / "fish.zip", "w") as archive:
        archive.writestr("cod.md", "Cod.")
        archive.writestr("eel.md", "Eel.")
    monkeypatch.chdir(ingested)
    shown = run("parse", "documents/fish.zip")
    assert shown.exit_code == 1
    assert "expected at most 1, found 2" in shown.stderr
