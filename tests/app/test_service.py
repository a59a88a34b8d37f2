"""The service: three routes, over the public names."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone.cli.init import Default, write

SHIPS = "When does the halibut project ship?"


def test_health_says_which_version_answers(client: TestClient):
    assert client.get("/healthz").json() == {"status": "ok", "version": ragstone.__version__}


def test_ask_returns_what_the_command_line_prints(client: TestClient):
    found = client.post("/api/ask", json={"question": SHIPS}).json()
    assert "3 May 2031" in found["text"]
    assert found["abstained"] is False
    assert found["citations"][0]["uri"] == "documents/halibut.md"


def test_abstaining_is_an_answer_and_no_error(client: TestClient):
    response = client.post("/api/ask", json={"question": "What is the boiling point of tungsten?"})
    assert response.status_code == 200
    assert response.json()["abstained"] is True


def test_search_returns_hits(client: TestClient):
    (hit,) = client.post("/api/search", json={"question": SHIPS, "k": 3}).json()["hits"]
    assert set(hit) == {"uri", "start", "end", "text", "scores"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"question": ""}, 422),
        ({"question": "   "}, 400),
        ({"question": SHIPS, "k": 0}, 422),
        ({"question": SHIPS, "unknown": 1}, 422),
        ({"question": SHIPS, "where": {"year": {"$gtee": 1}}}, 400),
        ({"question": SHIPS, "prompt": "../../etc/passwd"}, 422),
        ({"question": SHIPS, "prompt": "nothing"}, 400),
        ({"question": SHIPS, "inputs": {"tenant": "acme"}}, 422),
        ({"question": SHIPS, "inputs": {"colour": "red"}}, 400),
        ({"question": "x" * 30_000}, 422),
    ],
)
def test_a_bad_request_is_the_callers_fault_and_says_why(client: TestClient, body: dict[str, object], status: int):
    response = client.post("/api/ask", json=body)
    assert response.status_code == status, response.text
    assert response.json()


@pytest.mark.parametrize(
    "body", ['{"question": "a", "k": 1e400}', '{"question": "\\ud800"}', '{"question": 5', "[" * 5000]
)
def test_what_cannot_be_read_is_an_error_of_the_same_shape_and_is_not_sent_back(client: TestClient, body: str):
    response = client.post("/api/ask", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)
    assert len(response.content) < 500


def test_an_error_says_what_was_expected(client: TestClient):
    found = client.post("/api/ask", json={"question": SHIPS, "where": {"lang": {"$foo": 1}}}).json()
    assert set(found) == {"error", "message", "hint", "retryable"}
    assert "expected one of $eq" in found["message"]


@pytest.mark.parametrize(
    ("check", "stage", "where"),
    [
        ("words: {forbid: [halibut], on: input, on_fail: raise}", "input", "question"),
        ("words: {forbid: [ships on], on_fail: raise}", "output", ""),
    ],
)
def test_what_fails_a_check_is_422_with_what_the_checks_say(tmp_path: Path, check: str, stage: str, where: str):
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    answer = tmp_path / "pipelines" / "answer.yaml"
    said = f"index: ingest\nroute: {{models: [extractive]}}\nchecks:\n  - length: {{most: 9000}}\n  - {check}\n"
    answer.write_text(said)
    with ragstone.open(tmp_path) as rag:
        rag.ingest()
    with caller(tmp_path) as client:
        response = client.post("/api/ask", json={"question": SHIPS})
    assert response.status_code == 422, response.text
    found = response.json()
    assert (found["error"], found["code"], found["retryable"]) == ("CheckFailed", "check_failed", False)
    (verdict,) = found["verdicts"]
    assert (verdict["check"], verdict["stage"], verdict["where"]) == ("words", stage, where)
    assert verdict["reason"]
    assert set(verdict) == {"check", "stage", "where", "reason"}


def test_a_model_that_is_not_configured_is_503_with_what_to_do(tmp_path: Path):
    write(tmp_path, model=Default.openai)
    with caller(tmp_path) as client:
        response = client.post("/api/ask", json={"question": SHIPS})
    assert response.status_code == 503
    assert response.json()["hint"].startswith("Run: export OPENAI_API_KEY")
