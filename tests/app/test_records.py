"""Traces, costs, caches and the status over HTTP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller
from tests.support.spending import spend

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write

SHIPS = {"question": "When does the halibut project ship?"}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "here"
    write(folder, model=Default.extractive)
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def project(ingested: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ingested, tmp_path / "here"))


@pytest.fixture
def client(project: Path) -> Iterator[TestClient]:
    with caller(project) as client:
        yield client


def key(project: Path, **grant: Any) -> dict[str, str]:
    with ragstone.open(project) as rag:
        return {"authorization": f"Bearer {rag.keys().create(Grant(**{'name': 'a', **grant})).token}"}


def test_a_trace_is_listed_and_shown_with_its_steps(client: TestClient):
    answer = client.post("/api/ask", json=SHIPS).json()
    (newest, *_) = client.get("/api/traces", params={"limit": 2}).json()["traces"]
    assert newest["id"] == answer["trace_id"]
    assert "steps" not in newest
    shown = client.get(f"/api/traces/{answer['trace_id']}").json()
    assert shown["facts"]["question"] == SHIPS["question"]
    assert {"retrieve", "generate"} & {step["name"] for step in shown["steps"]}


def test_the_operator_sees_ingestions_and_a_key_does_not(client: TestClient, project: Path):
    assert "ingest" in {one["name"] for one in client.get("/api/traces").json()["traces"]}
    headers = key(project)
    assert "ingest" not in {one["name"] for one in client.get("/api/traces", headers=headers).json()["traces"]}


def test_what_went_wrong_in_a_step_is_told_whole_to_admins_alone(client: TestClient, project: Path):
    refused = client.post("/api/search", json={**SHIPS, "where": {"lang": {"$foo": 1}}})
    assert refused.status_code == 400
    staff, admin = key(project), key(project, name="b", admin=True)

    def errors(headers: dict[str, str]) -> set[str]:
        found = client.get("/api/traces", params={"limit": 1}, headers=headers).json()["traces"][0]["id"]
        steps = client.get(f"/api/traces/{found}", headers=headers).json()["steps"]
        return {step["error"] for step in steps if step["error"]}

    for told in errors(admin):
        assert told.partition(":")[0] in errors(staff)
    assert not any(":" in told for told in errors(staff))


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "unknown=1", "tenant=", "principals="])
def test_a_wrong_query_is_refused(shared: TestClient, query: str):
    response = shared.get(f"/api/traces?{query}")
    assert response.status_code == 422
    assert set(response.json()) == {"error", "message", "hint", "retryable"}


@pytest.mark.parametrize("name", ["0", "0" * 15, "G" * 16, "..%2f..%2fetc", "%00", "0" * 5000])
def test_what_is_no_id_of_a_trace_is_refused(shared: TestClient, name: str):
    assert shared.get(f"/api/traces/{name}").status_code in (404, 422)


def test_costs_are_told_to_the_admin_whole_and_to_a_key_as_its_own(client: TestClient, project: Path):
    spend(project, [Grant(name="a"), Grant(name="b"), Grant(name="a", tenant="acme")])
    headers = key(project)
    assert len(client.get("/api/costs", headers=key(project, name="c", admin=True)).json()["spent"]) == 3
    told = client.get("/api/costs", headers=headers).json()
    assert [(row["tenant"], row["key"]) for row in told["spent"]] == [("default", "a")]
    assert told["usd"] == pytest.approx(0.0014)
    assert told["claimed"] == pytest.approx(0.004)
    assert "owner" not in told["open"][0]
    assert client.get("/api/costs", params={"tenant": "acme"}, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [("since=2026-13-01", 400), ("since=yesterday", 422), ("since=2026-02-02&until=2026-01-01", 400)],
)
def test_days_that_are_none_are_refused(shared: TestClient, query: str, status: int):
    assert shared.get(f"/api/costs?{query}").status_code == status


def test_a_cache_is_shown_and_cleared(client: TestClient):
    client.post("/api/ask", json=SHIPS)
    assert client.post("/api/ask", json=SHIPS).json()["cached"] is True
    (answers, *_) = client.get("/api/cache").json()["caches"]
    assert answers["place"] == "answers.db"
    assert answers["figures"]["calls.hit"] == 1
    assert client.delete("/api/cache", params={"room": "calls"}).json() == {"removed": 1}
    assert client.post("/api/ask", json=SHIPS).json()["cached"] is False
    assert client.delete("/api/cache", params={"room": "nothing"}).status_code == 400


def test_the_status_tells_a_key_nothing_of_documents(client: TestClient, project: Path):
    told = client.get("/api/status").json()
    assert told["index"]["states"] == {"live": 1}
    assert told["pipelines"] == ["answer"]
    assert {"name": "extractive", "state": "ok"} in told["models"]
    shown = client.get("/api/status", headers=key(project)).json()
    assert shown["index"] is None
    assert shown["version"] == ragstone.__version__
    assert str(project) not in json.dumps(told)


def test_the_status_says_why_an_edit_does_not_count(client: TestClient, project: Path):
    (project / "pipelines" / "answer.yaml").write_text("index: nothing\n")
    client.portal.call(client.app.state.reloading.look)  # type: ignore[union-attr, attr-defined]
    assert client.get("/api/status").json()["refused"] == "the key 'route' is missing"
    assert client.get("/api/status", headers=key(project)).json()["refused"] is None


def test_an_unknown_path_and_an_unknown_method_have_the_shape_of_every_error(client: TestClient):
    for response in (client.get("/api/nothing"), client.put("/api/cache"), client.get("/api/traces/a/b/c")):
        assert set(response.json()) == {"error", "message", "hint", "retryable"}
    assert client.put("/api/cache").headers["allow"] == "DELETE, GET"
    assert client.get("/v1/nothing").json()["error"]["code"] == "invalid_request"
