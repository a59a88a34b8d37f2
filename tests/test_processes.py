"""Real processes, interrupted, killed and side by side: nothing that was ingested is lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.state.lock import FileLock

pytestmark = pytest.mark.long

DOCUMENTS = 100
FILLER = "This part tells of the sea, of its many birds and of the wind that bends the grass. " * 3
QUESTION = "Who keeps the key of the lighthouse number 77?"
COMMAND = [sys.executable, "-m", "ragstone"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with enough documents that its ingestion takes a few seconds."""
    write(tmp_path, model=Default.extractive)
    for number in range(DOCUMENTS):
        key = f"The key of the lighthouse number {number} is kept by keeper {number}."
        parts = "\n\n".join(f"## Part {part}\n\n{FILLER}" for part in range(3))
        text = f"# Lighthouse {number}\n\n{key} {FILLER}\n\n{parts}\n"
        (tmp_path / "documents" / f"lighthouse-{number:03}.md").write_text(text)
    return tmp_path


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True)


def contents(project: Path) -> tuple[list[tuple[str, str]], int]:
    """What the state says of each document, and how many chunks there are."""
    with sqlite3.connect(project / ".ragstone" / "project.db") as db:
        documents = db.execute("SELECT uri, state FROM documents ORDER BY uri").fetchall()
        chunks = db.execute("SELECT COUNT(*) FROM chunks").fetchone()[0]
    db.close()
    return documents, chunks


def interrupted(project: Path, how: signal.Signals, *, after: float) -> subprocess.Popen[str]:
    """An ingestion that is sent a signal once it has run for so long, if it has not ended by itself."""
    process = subprocess.Popen(
        [*COMMAND, "ingest"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(how)
    return process


@pytest.mark.slow
def test_killed_at_any_moment_the_next_run_completes_the_index(project: Path):
    for after in (0.5, 1.2, 1.8, 2.6):
        interrupted(project, signal.SIGKILL, after=after).communicate()
    report = json.loads(run("ingest", "--json", cwd=project).stdout)
    assert report["failed"] == []
    documents, chunks = contents(project)
    assert [state for _, state in documents] == ["live"] * DOCUMENTS
    assert chunks == report["chunks"]
    again = json.loads(run("ingest", "--json", cwd=project).stdout)
    assert (again["unchanged"], again["embedded"]) == (DOCUMENTS, 0)
    with ragstone.open(project) as rag:
        assert "keeper 77" in rag.ask(QUESTION).text


def test_ctrl_c_is_one_line_a_code_of_its_own_and_goes_on_from_there(project: Path):
    process = subprocess.Popen(
        [*COMMAND, "ingest"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    lock = project / ".ragstone" / "ingest.lock"
    while not (lock.exists() and lock.read_text()):  # from here on it has seconds of work before it
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert said.strip() == "ragstone: interrupted. What was finished is kept; run it again to go on."
    assert run("ingest", cwd=project).returncode == 0
    assert len(contents(project)[0]) == DOCUMENTS


@pytest.mark.slow
def test_one_ingests_while_others_ask(project: Path):
    assert run("ingest", cwd=project).returncode == 0
    for number in range(60):
        path = project / "documents" / f"lighthouse-{number:03}.md"
        path.write_text(path.read_text().replace("is kept by", "was kept by"))
    writer = subprocess.Popen([*COMMAND, "ingest", "--json"], cwd=project, stdout=subprocess.PIPE, text=True)
    with ragstone.open(project) as rag:
        while writer.poll() is None:
            assert "keeper 77" in rag.ask(QUESTION).text
        assert json.loads(writer.communicate()[0])["changed"] == 60
        assert "was kept by keeper 11" in rag.ask("Who kept the key of the lighthouse number 11?").text


def test_a_second_ingestion_is_told_who_is_at_work(project: Path):
    with FileLock(project / ".ragstone" / "ingest.lock", purpose="ragstone ingest"):
        second = run("ingest", "--no-wait", cwd=project)
    assert second.returncode == 1
    assert f"in use by ragstone ingest (process {os.getpid()})" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
