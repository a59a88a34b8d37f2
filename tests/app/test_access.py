"""Who is let in: with keys only their bearers, without any only callers on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import HERE, caller

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write

SHIPS = {"question": "When does the halibut project ship?"}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "here"
    write(folder, model=Default.extractive)
    documents = folder / "documents"
    (documents / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    (documents / "salary.md").write_text("# Salary\n\nThe salary of Ana Ruiz is 9,000 crowns.\n")
    (documents / "salary.md.acl.yaml").write_text("allow: [group:hr]\n")
    source = folder / "connectors" / "documents.yaml"
    source.write_text(source.read_text().replace("acl: public", "acl: {from: sidecar}"))
    (documents / "halibut.md.acl.yaml").write_text("allow: [public]\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def project(ingested: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ingested, tmp_path / "here"))


@pytest.fixture
def open_client(project: Path) -> Iterator[TestClient]:
    with caller(project) as client:
        yield client


def key(project: Path, **grant: Any) -> dict[str, str]:
    with ragstone.open(project) as rag:
        return {"authorization": f"Bearer {rag.keys().create(Grant(**{'name': 'a', **grant})).token}"}


def reached(project: Path, *, client: tuple[str, int] = HERE, host: str = "127.0.0.1:8321", **headers: str) -> int:
    with caller(project, address=client, host=host) as made:
        return made.post("/api/search", json=SHIPS, headers=headers).status_code


def test_without_keys_any_bearer_on_this_machine_is_let_in(open_client: TestClient):
    for headers in ({}, {"authorization": "Bearer anything"}):
        assert open_client.post("/api/search", json=SHIPS, headers=headers).status_code == 200


def test_without_keys_nobody_elsewhere_is_let_in(project: Path):
    assert reached(project, client=("192.0.2.7", 1)) == 401
    assert reached(project, client=("::1", 1)) == 200
    assert reached(project, client=("::ffff:192.0.2.7", 1)) == 401


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
def test_without_keys_a_proxy_on_this_machine_lets_nobody_in(project: Path, name: str):
    assert reached(project, **{name: "192.0.2.7"}) == 401


def test_without_keys_a_page_whose_name_leads_here_is_not_let_in(project: Path):
    assert reached(project, host="evil.example") == 401
    assert reached(project, host="localhost") == 200


def test_what_to_do_is_said(project: Path):
    with caller(project, address=("192.0.2.7", 1)) as client:
        said = client.post("/api/ask", json=SHIPS).json()
    assert "ragstone key create" in said["hint"]
    assert said["error"] == "AccessDenied"


def test_once_there_is_a_key_everyone_needs_one(open_client: TestClient, project: Path):
    headers = key(project)
    assert open_client.post("/api/search", json=SHIPS).status_code == 401
    assert open_client.post("/api/search", json=SHIPS, headers={"authorization": "Bearer x"}).status_code == 401
    assert open_client.post("/api/search", json=SHIPS, headers=headers).status_code == 200


def test_a_load_balancer_needs_none(open_client: TestClient, project: Path):
    key(project)
    assert open_client.get("/healthz").status_code == 200


def test_a_key_sees_what_its_principals_may(open_client: TestClient, project: Path):
    asked = {"question": "What is the salary of Ana Ruiz?"}
    staff, hr = key(project, name="staff"), key(project, name="hr", principals=("group:hr",))

    def found(headers: dict[str, str], **more: Any) -> str:
        return json.dumps(open_client.post("/api/search", json={**asked, **more}, headers=headers).json())

    assert "9,000" not in found(staff)
    assert "9,000" in found(hr)
    assert "9,000" not in found(hr, principals=[])


def test_a_key_names_no_principal_and_no_tenant_but_its_own(open_client: TestClient, project: Path):
    headers = key(project, principals=("group:sales",), tenant="acme")
    for more in ({"principals": ["group:hr"]}, {"tenant": "other"}):
        for path in ("/api/ask", "/api/search"):
            response = open_client.post(path, json={**SHIPS, **more}, headers=headers)
            assert response.status_code == 403, response.text
            assert response.json()["error"] == "AccessDenied"
    same = {"principals": ["group:sales"], "tenant": "acme"}
    assert open_client.post("/api/search", json={**SHIPS, **same}, headers=headers).status_code == 200


def test_an_admin_acts_for_anyone(open_client: TestClient, project: Path):
    headers = key(project, admin=True)
    asked = {"question": "What is the salary of Ana Ruiz?", "principals": ["group:hr"]}
    assert "9,000" in json.dumps(open_client.post("/api/search", json=asked, headers=headers).json())


def test_a_revoked_key_is_refused_from_the_next_request_on(open_client: TestClient, project: Path):
    headers = key(project)
    assert open_client.post("/api/search", json=SHIPS, headers=headers).status_code == 200
    with ragstone.open(project) as rag:
        rag.keys().revoke("a")
    response = open_client.post("/api/search", json=SHIPS, headers=headers)
    assert response.status_code == 401
    assert "revoked" in response.json()["message"]


def test_too_many_requests_are_told_when_to_come_again(open_client: TestClient, project: Path):
    headers = key(project, requests=2)
    found = [open_client.post("/api/search", json=SHIPS, headers=headers) for _ in range(3)]
    assert [response.status_code for response in found] == [200, 200, 429]
    assert 1 <= int(found[-1].headers["retry-after"]) <= 61


def test_openai_clients_are_refused_in_their_own_shape(open_client: TestClient, project: Path):
    key(project)
    said = open_client.post("/v1/chat/completions", json={}).json()
    assert said["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("given", ["", "Bearer", "Basic abc", "Bearer  ", "bearer rgs_x", "Bearer \xff\xfe"])
def test_what_is_no_bearer_is_refused(open_client: TestClient, project: Path, given: str):
    key(project)
    response = open_client.post("/api/search", json=SHIPS, headers={"authorization": given.encode("latin-1")})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_every_response_tells_a_browser_to_keep_its_hands_off(open_client: TestClient, project: Path):
    found = [open_client.get("/healthz"), open_client.post("/api/ask", json={}), open_client.get("/nothing")]
    key(project)
    for response in (*found, open_client.get("/nothing")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in response.headers


def test_a_page_that_sends_a_form_is_refused(open_client: TestClient):
    response = open_client.post("/api/ask", content=json.dumps(SHIPS), headers={"content-type": "text/plain"})
    assert response.status_code == 415


def test_an_answer_comes_as_typed_events(open_client: TestClient):
    with open_client.stream("POST", "/api/ask", json={**SHIPS, "stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [part.split("\n") for part in "".join(response.iter_text()).strip().split("\n\n")]
    names = [lines[0].removeprefix("event: ") for lines in events]
    assert names[0] == "hit"
    assert names[-1] == "done"
    assert {"token", "citation"} <= set(names)
    said = "".join(
        json.loads(lines[1].removeprefix("data: "))["text"] for lines in events if lines[0] == "event: token"
    )
    assert said == json.loads(events[-1][1].removeprefix("data: "))["text"]


def test_an_error_before_the_first_event_has_a_status(open_client: TestClient):
    response = open_client.post("/api/ask", json={"question": "  ", "stream": True})
    assert response.status_code == 400
