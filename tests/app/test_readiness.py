"""Whether the service is ready, and what it says of that to somebody without a key."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write
from ragstone.health import HealthReport, PartHealth
from ragstone_app.readiness import Readiness

PARTS = {"state", "store", "lexical", "models", "cache", "ledger"}


def test_a_service_that_can_answer_is_ready(client: TestClient):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert response.json()["parts"].keys() == PARTS
    assert {part["state"] for part in response.json()["parts"].values()} == {"ok"}


def test_no_key_is_needed_and_nothing_is_told_but_states(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    with ragstone.open(tmp_path) as rag:
        rag.keys().create(Grant(name="a"))
    with caller(tmp_path, address=("192.0.2.7", 1), host="ragstone.example") as client:
        found = client.get("/readyz").json()
    assert {key for part in found["parts"].values() for key in part} == {"state", "error"}


def test_without_a_model_it_is_not_ready(tmp_path: Path):
    write(tmp_path, model=Default.openai)
    with caller(tmp_path) as client:
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["models"] == {"state": "down", "error": "NotConfigured"}
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("name", ["ledger.db", "project.db"])
def test_with_state_that_cannot_be_read_it_is_not_ready(tmp_path: Path, name: str):
    write(tmp_path, model=Default.extractive)
    folder = tmp_path / ".ragstone" / name
    folder.mkdir(parents=True)
    with caller(tmp_path) as client:
        response = client.get("/readyz")
    assert response.status_code == 503
    part = {"ledger.db": "ledger", "project.db": "state"}[name]
    assert response.json()["parts"][part]["state"] == "down"
    assert str(tmp_path) not in response.text


def test_a_cache_that_is_down_makes_it_degraded_and_no_more(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    (tmp_path / ".ragstone" / "answers.db").mkdir(parents=True)
    with caller(tmp_path) as client:
        response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["parts"]["cache"]["state"] == "degraded"


def test_a_project_that_is_gone_is_not_ready_and_no_error(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    with caller(tmp_path) as client:
        shutil.rmtree(tmp_path / ".ragstone", ignore_errors=True)
        (tmp_path / ".ragstone").write_text("")
        assert client.get("/readyz").status_code == 503


class Counted:
    """Stands where the parts of a project do, and counts who asks: nothing else can be seen of that."""

    def __init__(self) -> None:
        self.asked = 0

    async def check(self) -> HealthReport:
        self.asked += 1
        return HealthReport(parts=(PartHealth(name="store", state="ok"),))


async def test_however_often_it_is_asked_the_parts_are_asked_once(monkeypatch: pytest.MonkeyPatch):
    counted = Counted()
    monkeypatch.setattr("ragstone_app.readiness.FRESH", 3600.0)
    readiness = Readiness(counted)  # type: ignore[arg-type]
    for _ in range(20):
        assert (await readiness.report()).ready
    assert counted.asked == 1
    monkeypatch.setattr("ragstone_app.readiness.FRESH", -1.0)
    await readiness.report()
    assert counted.asked == 2
