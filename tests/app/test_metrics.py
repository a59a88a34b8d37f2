"""The figures for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.support.callers import caller
from tests.support.spending import spend

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write
from ragstone_app.asgi import Event
from ragstone_app.exposition import Family
from ragstone_app.metered import Metered, Requests

SHIPS = {"question": "When does the halibut project ship?"}
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(tmp_path) as rag:
        rag.ingest()
    spend(tmp_path, [Grant(name="a"), Grant(name="b")])
    return tmp_path


@pytest.fixture
def client(project: Path) -> Iterator[TestClient]:
    with caller(project) as client:
        yield client


def samples(client: TestClient) -> dict[str, float]:
    """The page, read as Prometheus reads it: every line is a comment or a sample."""
    response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, float] = {}
    for line in response.text.splitlines():
        if not line.startswith("# "):
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            assert line.rpartition(" ")[0] not in found, "a sample stands there once"
            found[line.rpartition(" ")[0]] = float(sample[3])
    return found


def test_requests_are_counted_by_route_method_and_status(client: TestClient):
    client.post("/api/ask", json=SHIPS)
    client.post("/api/ask", json={})
    client.get("/api/traces/0123456789abcdef")
    client.get("/wp-admin/setup.php")
    client.request("BREW", "/api/ask")
    found = samples(client)
    counted = "ragstone_http_requests_total"
    assert found[f'{counted}{{route="/api/ask",method="POST",status="200"}}'] == 1
    assert found[f'{counted}{{route="/api/ask",method="POST",status="422"}}'] == 1
    assert found[f'{counted}{{route="/api/traces/{{trace_id}}",method="GET",status="404"}}'] == 1
    assert found[f'{counted}{{route="none",method="GET",status="404"}}'] == 1
    assert found[f'{counted}{{route="/api/ask",method="other",status="405"}}'] == 1
    assert found["ragstone_http_requests_in_flight"] == 1  # this one


def test_what_a_door_refuses_counts_for_its_route(client: TestClient, project: Path):
    with ragstone.open(project) as rag:
        rag.keys().create(Grant(name="a"))
    client.post("/api/ask", json=SHIPS)
    client.post("/api/" + "x" * 500, json=SHIPS)
    found = samples(client)
    assert found['ragstone_http_requests_total{route="/api/ask",method="POST",status="401"}'] == 1
    assert found['ragstone_http_requests_total{route="none",method="POST",status="401"}'] == 1


def test_a_histogram_adds_up(client: TestClient):
    for _ in range(3):
        client.post("/api/search", json=SHIPS)
    found = samples(client)
    name = "ragstone_http_request_duration_seconds"
    buckets = [value for key, value in found.items() if key.startswith(f'{name}_bucket{{route="/api/search"')]
    assert buckets == sorted(buckets)
    assert buckets[-1] == found[f'{name}_count{{route="/api/search"}}'] == 3
    assert found[f'{name}_sum{{route="/api/search"}}'] > 0


def test_calls_tokens_costs_caches_and_documents_are_told(client: TestClient):
    client.post("/api/ask", json=SHIPS)
    client.post("/api/ask", json=SHIPS)
    found = samples(client)
    assert found['ragstone_model_calls_total{model="large"}'] == 2
    assert found['ragstone_model_tokens_total{model="large",kind="input"}'] == 2000
    assert found['ragstone_model_cost_usd_total{model="large"}'] == pytest.approx(0.0028)
    assert found['ragstone_cache_calls_total{cache="answers.db",result="hit"}'] == 1
    assert found['ragstone_documents{state="live"}'] == 1
    assert found["ragstone_chunks"] == 1
    assert found['ragstone_part_up{part="store"}'] == 1
    assert not any(value for key, value in found.items() if key.startswith("ragstone_scrape_failed"))


def test_a_part_that_cannot_be_asked_is_missing_and_named(project: Path):
    (project / ".ragstone" / "ledger.db").unlink()
    (project / ".ragstone" / "ledger.db").mkdir()
    with caller(project) as client:
        found = samples(client)
    assert found['ragstone_scrape_failed{part="ledger"}'] == 1
    assert found["ragstone_chunks"] == 1


def test_figures_are_for_admins_and_for_this_machine(client: TestClient, project: Path):
    with ragstone.open(project) as rag:
        staff, admin = (
            {"authorization": f"Bearer {rag.keys().create(Grant(name=name, admin=name == 'b')).token}"} for name in "ab"
        )
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers=staff).status_code == 403
    assert client.get("/metrics", headers={"authorization": "Bearer rgs_x"}).status_code == 401
    assert client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 401
    with caller(project, address=("192.0.2.7", 1)) as elsewhere:
        assert elsewhere.get("/metrics").status_code == 401
        assert elsewhere.get("/metrics", headers=admin).status_code == 200
    with caller(project, host="evil.example") as rebound:
        assert rebound.get("/metrics").status_code == 401


async def test_a_request_that_fails_or_is_left_is_under_way_no_more():
    requests = Requests()

    async def broken(scope: Event, receive: object, send: object) -> None:
        assert requests.under_way == 1
        raise RuntimeError

    metered = Metered(broken, requests=requests, paths=("/a",))
    with pytest.raises(RuntimeError):
        await metered({"type": "http", "method": "GET", "path": "/a"}, None, None)  # type: ignore[arg-type]
    assert requests.under_way == 0
    assert 'route="/a",method="GET",status="500"} 1' in next(requests.families()).text


@given(st.text())
def test_a_label_of_any_text_is_one_line_that_can_be_read(text: str):
    lines = Family("a", "gauge", "A.").add(1, model=text).text.split("\n")
    assert len(lines) == 4
    assert SAMPLE.fullmatch(lines[2].replace("\r", " ")) is not None
