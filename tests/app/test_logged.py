"""The log of the service: a line for each request, and nothing of what was asked, answered or sent as a key."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import ragstone
from ragstone.cli.init import Default, write
from ragstone.state.keys import Grant
from ragstone_app import create
from ragstone_app.logged import LOGGERS, write_as

WORD = "zanzibar-halibut"
DOCUMENT = f"# Halibut\n\nThe {WORD} project ships on 3 May 2031.\n"


@pytest.fixture
def loggers() -> Iterator[None]:
    """The loggers as they were, afterwards."""
    names = (*LOGGERS, "ragstone_app.logged")
    kept = [(one, one.handlers, one.propagate, one.level) for one in map(logging.getLogger, names)]
    yield
    for one, handlers, propagate, level in kept:
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text(DOCUMENT)
    with ragstone.open(tmp_path) as rag:
        rag.ingest()
    return tmp_path


def served(project: Path, log: Any) -> TestClient:
    return TestClient(create(project, log=log), raise_server_exceptions=False)


def keyed(project: Path) -> tuple[str, dict[str, str]]:
    with ragstone.open(project) as rag:
        made = rag.keys().create(Grant(name="somebody", admin=True))
    return made.key.id, {"authorization": f"Bearer {made.token}"}


@pytest.mark.usefixtures("loggers")
def test_each_request_is_a_line_with_its_id_route_status_and_key(project: Path, capsys: pytest.CaptureFixture[str]):
    name, headers = keyed(project)
    with served(project, "json") as client:
        response = client.post(f"/api/ask?tenant={WORD}", json={"question": f"When does {WORD} ship?"}, headers=headers)
        assert WORD in response.text
        client.get("/api/traces/0123456789abcdef", headers=headers)
        client.get("/nowhere/at/all", headers=headers)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["method"], one["route"], one["status"], one["key"]) for one in lines] == [
        ("POST", "/api/ask", "200", name),
        ("GET", "/api/traces/{trace_id}", "404", name),
        ("GET", "none", "404", name),
    ]
    assert lines[0]["request"] == response.headers["x-request-id"]
    assert lines[0]["seconds"] > 0
    assert lines[0]["time"] > 1_700_000_000


@pytest.mark.usefixtures("loggers")
@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_of_questions_answers_names_or_keys_is_written(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: str
):
    _, headers = keyed(project)

    async def failing(*_: object, **__: object) -> None:
        raise ValueError(f"{WORD} cannot be searched for")

    with served(project, form) as client:
        said = f"When does {WORD} ship?"
        client.post("/api/ask", json={"question": said}, headers=headers)
        client.post("/api/ask", json={"question": said, "prompt": WORD}, headers=headers)
        client.post(
            "/api/ask", content=f'{{"question": "{WORD}', headers={**headers, "content-type": "application/json"}
        )
        client.post("/api/ask", json={"question": said}, headers={"authorization": f"Bearer rgs_{'0' * 16}_{WORD}"})
        client.get(f"/api/documents/{WORD}", headers=headers)
        client.get(f"/{WORD}?x={WORD}", headers={**headers, "x-request-id": f"{WORD} {WORD}", "cookie": WORD})
        client.request(WORD, "/api/ask", headers=headers)
        monkeypatch.setattr("ragstone.rag.AsyncRag.search", failing)
        assert client.post("/api/search", json={"question": said}, headers=headers).status_code == 500
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=ValueError(WORD))
    written = capsys.readouterr().err
    assert written.count("\n") >= 9
    assert "ValueError" in written, "what went wrong is told"
    assert "failing" in written or "ValueError in" in written
    assert WORD not in written
    assert headers["authorization"][-20:] not in written
    assert "3 May 2031" not in written


@pytest.mark.usefixtures("loggers")
def test_an_id_that_is_sent_is_kept_and_one_that_is_none_is_not(project: Path):
    with served(project, "quiet") as client:
        assert (
            client.get("/healthz", headers={"x-request-id": "abc-123:def_9"}).headers["x-request-id"] == "abc-123:def_9"
        )
        for bad in ("short", "x" * 129, "with space", "<script>alert(1)</script>"):
            given = client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"]
            assert len(given) == 16
            assert given != bad


@pytest.mark.usefixtures("loggers")
def test_quiet_tells_what_is_amiss_alone(project: Path, capsys: pytest.CaptureFixture[str]):
    with served(project, "quiet") as client:
        client.get("/healthz")
    assert capsys.readouterr().err == ""
    write_as("quiet")
    logging.getLogger("ragstone").warning("The cache is away.")
    logging.getLogger("ragstone").info("All is well.")
    written = capsys.readouterr().err
    assert "The cache is away." in written
    assert "All is well." not in written
