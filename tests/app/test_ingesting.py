"""Ingestions over HTTP: what is promised is done, also by the next process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import IndexBusy, UsageError
from ragstone.state import jobs
from ragstone.state.lock import FileLock

PATIENCE = 60.0
SHIPS = "When does the halibut project ship?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    return tmp_path


def ended(client: TestClient, name: str) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while (found := client.get(f"/api/ingest/{name}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def test_it_is_promised_done_and_reported(project: Path):
    with caller(project) as client:
        promised = client.post("/api/ingest", json={})
        assert promised.status_code == 202
        found = ended(client, promised.json()["id"])
        assert found["state"] == "done"
        assert found["report"]["added"] == 1
        assert found["began"] >= found["asked"]
        assert client.get("/api/ingest").json() == [found]
        assert "3 May 2031" in client.post("/api/ask", json={"question": SHIPS}).json()["text"]
        events = client.get(f"/api/ingest/{found['id']}/events").text
        assert events.startswith("event: done\n")
        assert client.get("/api/ingest/unknown").status_code == 404
        assert client.get("/api/ingest/unknown/events").status_code == 404


def test_one_that_fails_says_why_and_the_next_is_done(project: Path):
    with caller(project) as client:
        missing = client.post("/api/ingest", json={"pipeline": "nowhere"}).json()
        right = client.post("/api/ingest", json={}).json()
        failed = ended(client, missing["id"])
        assert (failed["state"], failed["error"]["error"]) == ("failed", "PipelineNotFound")
        assert "nowhere" in failed["error"]["message"]
        assert ended(client, right["id"])["state"] == "done"


@pytest.mark.parametrize(
    "body", [{"only": "a"}, {"rebuild": "yes"}, {"pipeline": "../x"}, {"wait": True}, {"only": [""]}, []]
)
def test_what_cannot_be_is_refused(project: Path, body: object):
    with caller(project) as client:
        assert client.post("/api/ingest", json=body).status_code == 422


def test_a_rebuild_of_some_paths_is_refused(project: Path):
    with caller(project) as client:
        assert client.post("/api/ingest", json={"rebuild": True, "only": ["documents/a.md"]}).status_code == 400


# ── The promise ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_promised_is_done_by_the_next_process(project: Path):
    with ragstone.open(project) as rag:
        promised = rag.ingestions().ask()
    with caller(project) as client:
        assert ended(client, promised.id)["report"]["added"] == 1


def test_what_a_dead_process_has_begun_is_done_again(project: Path):
    file = jobs.JobFile(project / ".ragstone" / "jobs.db")
    job = file.ask(jobs.Wanted(), tenant="default")
    file.begin(job)
    file.close()
    with ragstone.open(project) as rag:
        done = rag.ingestions().work()
        assert done is not None
        assert (done.id, done.state, done.report["added"]) == (job.id, "done", 1)
        assert rag.ingestions().work() is None


def test_it_waits_while_somebody_else_ingests(project: Path):
    with ragstone.open(project) as rag:
        promised = rag.ingestions().ask()
        with FileLock(project / ".ragstone" / "ingest.lock", purpose="another"):
            assert rag.ingestions().work() is None
            found = rag.ingestions().show(promised.id)
            assert found is not None
            assert found.state == "waiting"
        done = rag.ingestions().work()
        assert done is not None
        assert done.state == "done"


def test_the_same_is_not_promised_twice(project: Path):
    with ragstone.open(project) as rag:
        first, second = rag.ingestions().ask(), rag.ingestions().ask()
        other = rag.ingestions().ask(only=["documents/halibut.md"])
        assert first.id == second.id != other.id
        assert [job.id for job in rag.ingestions().all()] == [other.id, first.id]
        assert rag.ingestions().all(tenant="acme") == []


def test_there_is_an_end_to_what_may_wait(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "MOST_WAITING", 2)
    with ragstone.open(project) as rag:
        for name in ("a", "b"):
            rag.ingestions().ask(only=[name])
        with pytest.raises(IndexBusy, match="2 ingestions wait"):
            rag.ingestions().ask(only=["c"])
        with pytest.raises(UsageError, match="no paths"):
            rag.ingestions().ask(only=["c"], rebuild=True)


def test_old_ones_make_room(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "KEPT", 3)
    file = jobs.JobFile(project / ".ragstone" / "jobs.db")
    for number in range(8):
        file.end(file.ask(jobs.Wanted(only=(str(number),)), tenant="default"))
    assert [job.wanted.only for job in file.all(20)] == [("7",), ("6",), ("5",), ("4",)]
    file.close()
