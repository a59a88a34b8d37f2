"""The prompt files over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write


def test_every_prompt_is_listed_with_its_version_and_inputs(client: TestClient):
    found = {one["name"]: one for one in client.get("/api/prompts").json()["prompts"]}
    assert found["answer"]["version"]
    assert [given["name"] for given in found["answer"]["inputs"]] == ["question"]
    assert found["answer"]["inputs"][0]["required"] is True
    assert "text" not in found["answer"]


def test_a_prompt_is_shown_with_its_text_and_its_faults(client: TestClient):
    shown = client.get("/api/prompts/answer").json()
    assert shown["text"].startswith("---\nname: answer")
    assert shown["findings"] == []


def test_a_prompt_is_explained_as_it_would_be_sent(client: TestClient):
    asked = {"question": "When does the halibut project ship?"}
    told = client.post("/api/prompts/answer/explain", json=asked).json()
    assert [message["role"] for message in told["messages"]] == ["system", "user"]
    assert "3 May 2031" in told["messages"][1]["content"]
    assert told["tokens"] > told["stable_prefix_tokens"] > 0
    assert client.post("/api/prompts/answer/explain", json={}).status_code == 200  # the file's own example


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fetc%2fpasswd", "answer.prompty", "%00", "x" * 5000])
def test_a_name_that_is_no_prompt_is_404(client: TestClient, name: str):
    assert client.get(f"/api/prompts/{name}").status_code == 404
    assert client.post(f"/api/prompts/{name}/explain", json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": ""}, 422),
        ({"k": 0}, 422),
        ({"k": "3"}, 422),
        ({"k": True}, 422),
        ({"question": "a", "inputs": {"tenant": "acme"}}, 422),
        ({"question": "a", "inputs": {"colour": "red"}}, 400),
        ({"question": "a", "pipeline": "nothing"}, 400),
        ({"question": "a", "pipeline": "ingest"}, 400),
    ],
)
def test_a_wrong_request_is_the_callers_fault(client: TestClient, body: dict[str, object], status: int):
    response = client.post("/api/prompts/answer/explain", json=body)
    assert response.status_code == status, response.text


def test_a_broken_file_is_shown_with_what_is_wrong(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    (tmp_path / "prompts" / "broken.prompty").write_text("---\nname: broken\ncolour: red\n---\nuser:\nHello.\n")
    with caller(tmp_path) as client:
        listed = {one["name"]: one for one in client.get("/api/prompts").json()["prompts"]}
        shown = client.get("/api/prompts/broken").json()
    assert "colour" in listed["broken"]["fault"]
    assert listed["broken"]["version"] is None
    (finding,) = shown["findings"]
    assert (finding["path"], finding["line"], finding["severity"]) == ("prompts/broken.prompty", 3, "error")
    assert str(tmp_path) not in str(shown)


def test_what_a_prompt_says_is_for_admins(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    with ragstone.open(tmp_path) as rag:
        headers = {"authorization": f"Bearer {rag.keys().create(Grant(name='a')).token}"}
    with caller(tmp_path) as client:
        assert client.get("/api/prompts", headers=headers).status_code == 200
        assert client.get("/api/prompts/answer", headers=headers).status_code == 403
        assert client.post("/api/prompts/answer/explain", json={}, headers=headers).status_code == 403
