"""`ragstone backup` and `restore`: what was there answers again, and nothing is replaced by mistake."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import ragstone
from ragstone.cli.app import app
from ragstone.cli.init import Default, write

SHIPS = "When does the halibut project ship?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    write(folder, model=Default.extractive)
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


def run(project: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--project", str(project)])


def asked(project: Path) -> str:
    with ragstone.open(project) as rag:
        return rag.ask(SHIPS).text


def test_an_index_that_was_lost_answers_again(project: Path, tmp_path: Path):
    archive = tmp_path / "x.tar.gz"
    made = run(project, "backup", str(archive))
    assert made.exit_code == 0, made.output
    assert "project.db" in made.stdout
    assert "keep it safe" in made.stderr
    before = asked(project)
    shutil.rmtree(project / ".ragstone")
    restored = run(project, "restore", str(archive))
    assert restored.exit_code == 0, restored.output
    assert asked(project) == before
    assert "3 May 2031" in before


def test_a_document_of_later_is_gone_from_the_index_too(project: Path, tmp_path: Path):
    archive = tmp_path / "x.tar.gz"
    run(project, "backup", str(archive))
    (project / "documents" / "later.md").write_text(
        "# Later\n\nThe halibut project ships on 9 June 2040, not earlier.\n"
    )
    with ragstone.open(project) as rag:
        rag.ingest()
        assert len(rag.search(SHIPS)) == 2
    refused = run(project, "restore", str(archive))
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    restored = run(project, "restore", str(archive), "--force", "--json")
    assert set(json.loads(restored.stdout)["files"]) == {"project.db"}
    with ragstone.open(project) as rag:
        assert len(rag.search(SHIPS)) == 1
        assert not rag.index().verify()


def test_two_tenants_come_back(project: Path, tmp_path: Path):
    with ragstone.open(project) as rag:
        rag.ingest(tenant="acme")
    run(project, "backup", str(tmp_path / "x.tar.gz"))
    shutil.rmtree(project / ".ragstone")
    assert run(project, "restore", str(tmp_path / "x.tar.gz")).exit_code == 0
    with ragstone.open(project) as rag:
        for tenant in ("default", "acme"):
            assert "3 May 2031" in rag.ask(SHIPS, tenant=tenant).text


def test_a_project_that_is_open_is_left_alone(project: Path, tmp_path: Path):
    archive = tmp_path / "x.tar.gz"
    with ragstone.open(project) as rag:
        assert rag.backup(archive).files
        refused = run(project, "restore", str(archive), "--force")
        assert refused.exit_code == 1
        assert "Stop the service" in " ".join(refused.stderr.split())
        assert rag.ask(SHIPS).text
    assert run(project, "restore", str(archive), "--force").exit_code == 0


def test_it_is_made_while_documents_are_ingested(project: Path, tmp_path: Path):
    for number in range(60):
        text = f"# Lighthouse {number}\n\nThe key of the lighthouse number {number} is kept by keeper {number}.\n" * 5
        (project / "documents" / f"{number}.md").write_text(text)
    with ragstone.open(project) as rag, ragstone.open(project) as other:
        ingesting = threading.Thread(target=rag.ingest)
        ingesting.start()
        number = 0
        while ingesting.is_alive():
            number += 1
            other.backup(tmp_path / f"{number}.tar.gz")
        ingesting.join()
        other.backup(tmp_path / "last.tar.gz")
    for name in {f"{number}", "last"}:
        elsewhere = tmp_path / f"of-{name}"
        shutil.copytree(project, elsewhere, ignore=shutil.ignore_patterns(".ragstone"))
        assert run(elsewhere, "restore", str(tmp_path / f"{name}.tar.gz")).exit_code == 0
        with ragstone.open(elsewhere) as rag:
            assert not rag.index().verify()
            rag.ingest()
            assert rag.index().status().states == {"live": 61}


@pytest.mark.long
def test_who_is_killed_leaves_the_old_state_or_the_new_one(project: Path, tmp_path: Path):
    archive = tmp_path / "x.tar.gz"
    run(project, "backup", str(archive))
    (project / "documents" / "later.md").write_text(
        "# Later\n\nThe halibut project ships on 9 June 2040, not earlier.\n"
    )
    with ragstone.open(project) as rag:
        rag.ingest()
        rag.backup(tmp_path / "two.tar.gz")
    command = [sys.executable, "-m", "ragstone", "restore", "--force", "--project", str(project)]
    for number in range(8):
        process = subprocess.Popen(
            [*command, str(archive if number % 2 else tmp_path / "two.tar.gz")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(0.5 + number * 0.1)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        with ragstone.open(project) as rag:
            rag.index().repair()
            found = rag.index().status().states["live"]
            assert found in (1, 2)
            assert len(rag.search(SHIPS)) == found
    assert run(project, "restore", str(archive), "--force").exit_code == 0
    assert "3 May 2031" in asked(project)


def test_parts_given_by_hand_have_nothing_to_copy(tmp_path: Path):
    with ragstone.Rag() as rag, pytest.raises(ragstone.errors.UsageError, match="no state to copy"):
        rag.backup(tmp_path / "x.tar.gz")
