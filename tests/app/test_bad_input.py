"""What the service does with requests of no good will. Every route of the document is asked, also a later one."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write
from ragstone.state.keys import KeyFile
from ragstone_app.requests import LISTS

OPEN = {"/healthz", "/readyz"}
LARGEST = 16_000_000  # bytes of a body

HOSTILE = [
    "..",
    "../../../etc/passwd",
    "..\\..\\windows",
    "/etc/passwd",
    "a\x00b",
    "a\nb",
    "con",
    "\u202eexe",
    "x" * 4000,
    "%2e%2e%2f",
    "'; DROP TABLE keys; --",
    "{{7*7}}",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture(scope="module")
def client(project: Path) -> Iterator[TestClient]:
    with caller(project) as client:
        yield client


def operations(client: TestClient, *, body: bool | None = None) -> list[tuple[str, str]]:
    """Each path and method of the document; with `body`, those that take JSON, or those that take none."""
    paths: dict[str, dict[str, Any]] = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    return [
        (path, method)
        for path, found in paths.items()
        for method, operation in found.items()
        if body is None or body == ("application/json" in operation.get("requestBody", {}).get("content", {}))
    ]


def address(path: str, value: str = "answer") -> str:
    """A path with something for each of its places."""
    return re.sub(r"\{[^}]+\}", value, path)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "0", '"a"', "\xff", "[" * 100_000, '{"a": ' * 50_000, '{"a": 1e999}', "NaN"]
)
def test_a_body_that_is_no_request_is_refused_by_every_route(client: TestClient, body: str):
    taking = operations(client, body=True)
    assert ("/api/ask", "post") in taking
    for path, method in taking:
        headers = {"content-type": "application/json"}
        response = client.request(method, address(path), content=body.encode("latin-1"), headers=headers)
        assert 400 <= response.status_code < 500, (path, response.text)
        assert len(response.content) < 1000, "what was sent is not sent back"
        json.loads(response.content)


@pytest.mark.parametrize("value", [None, True, 0, -1, 1.5, [], {}, [[]], {"$ne": None}, "\ud800", "\x00"])
def test_a_value_of_another_type_is_never_the_services_fault(client: TestClient, value: object):
    schemas = client.app.openapi()["components"]["schemas"]  # type: ignore[attr-defined]
    for path, method in operations(client, body=True):
        content = client.app.openapi()["paths"][path][method]["requestBody"]["content"]  # type: ignore[attr-defined]
        schema = content["application/json"]["schema"]
        named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        for key in named.get("properties", {}):
            sent = json.dumps({"question": "Halibut?", key: value})
            headers = {"content-type": "application/json"}
            response = client.request(method, address(path), content=sent, headers=headers)
            assert response.status_code < 500, (path, key, response.text)


@pytest.mark.parametrize("declared", [True, False])
def test_a_hundred_million_bytes_are_refused_before_they_are_read(client: TestClient, declared: bool):
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1_000_000
            yield b" " * 1_000_000

    for path, method in operations(client, body=True):
        sent = 0
        headers = {"content-type": "application/json"} | ({"content-length": "100000000"} if declared else {})
        content = b"{}" if declared else pieces()
        response = client.request(method, address(path), content=content, headers=headers)
        assert response.status_code == 413, (path, response.text)
        assert response.headers["connection"] == "close"
        assert f"{LARGEST:,} bytes" in response.text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_in_a_path_finds_nothing(client: TestClient, name: str):
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    for path, method in operations(client):
        # To put a file under a strange name is lawful where no system forbids it: test_documents.py.
        if "{" in path and (path, method) != ("/api/documents/{name}", "put"):
            body = {} if method in ("post", "put", "patch") else None
            response = client.request(method, address(path, quoted), json=body)
            assert response.status_code in (400, 404, 405, 422), (path, method, response.text)
            assert "root:" not in response.text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_in_a_body_or_a_query_finds_nothing(client: TestClient, name: str, project: Path):
    for key in ("prompt", "pipeline", "tenant"):
        response = client.post("/api/ask", json={"question": "Halibut?", key: name})
        assert response.status_code in (200, 400, 422), (key, response.text)
        assert response.status_code != 200 or response.json()["hits"] == []
        assert str(project) not in response.text
    for path in ("/api/traces", "/api/costs", "/api/status"):
        response = client.get(path, params={"tenant": name})
        assert response.status_code in (200, 400, 422), (path, response.text)
        assert "root:" not in response.text


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[TestClient, Path]]:
    write(tmp_path, model=Default.extractive)
    with caller(tmp_path) as client:
        yield client, tmp_path


def test_a_query_that_says_a_thing_twice_is_refused(client: TestClient):
    for path, method in operations(client, body=False):
        if "{" in path or path in OPEN:
            continue
        response = client.request(method, path, params=[("tenant", "default"), ("tenant", "other")])
        assert response.status_code == 400, (method, path)
        assert "'tenant' more than once" in response.json()["message"]


def test_only_lists_may_be_said_more_than_once(client: TestClient):
    """What may be repeated is what the document says is a list."""
    described = client.app.openapi()["paths"].values()  # type: ignore[attr-defined]
    parameters = [one for path in described for operation in path.values() for one in operation.get("parameters", [])]
    many = {one["name"] for one in parameters if one["in"] == "query" and "array" in json.dumps(one["schema"])}
    assert many == LISTS
    two = client.get("/api/documents", params=[("principals", "anna"), ("principals", "group:board")])
    assert two.status_code == 200


def test_a_forged_revoked_or_expired_key_opens_no_route(locked: tuple[TestClient, Path]):
    client, folder = locked
    keys = KeyFile(folder / ".ragstone" / "keys.db")
    past = KeyFile(folder / ".ragstone" / "keys.db", clock=lambda: time.time() - 3600)
    _, good = keys.create(Grant(name="good", admin=True))
    _, revoked = keys.create(Grant(name="revoked", admin=True))
    _, expired = past.create(Grant(name="expired", admin=True, expires=time.time() - 1800))
    keys.revoke("revoked")
    keys.close()
    past.close()
    name, secret = good.split("_", 2)[1:]
    flipped = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    forged = [
        f"rgs_{name}_{flipped}",
        f"rgs_{name}_",
        f"rgs_{'0' * 16}_{secret}",
        secret,
        good.upper(),
        f"{good}x",
        "",
    ]
    for token in (revoked, expired, *forged):
        for path, method in operations(client):
            headers = {"authorization": f"Bearer {token}"}
            body = {} if method in ("post", "put", "patch") else None
            status = client.request(method, address(path), json=body, headers=headers).status_code
            assert status == 401 if path not in OPEN else status in (200, 503), (token, path, status)
    headers = {"authorization": f"Bearer {good}"}
    assert client.get("/api/status", headers=headers).status_code == 200


def test_two_keys_in_one_request_are_none(locked: tuple[TestClient, Path]):
    client, folder = locked
    with ragstone.open(folder) as rag:
        token = rag.keys().create(Grant(name="a")).token
    twice = [("authorization", f"Bearer {token}"), ("authorization", "Bearer x")]
    assert client.get("/api/status", headers=twice).status_code == 401
