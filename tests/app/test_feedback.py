"""`POST /api/feedback`."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

SHIPS = "When does the halibut project ship?"


def asked(client: TestClient, **more: Any) -> str:
    return client.post("/api/ask", json={"question": SHIPS, **more}).json()["trace_id"]


def test_thumbs_are_kept_and_later_ones_replace_them(client: TestClient):
    trace = asked(client)
    said = {"trace_id": trace, "by": "ana"}
    first = client.post("/api/feedback", json={**said, "good": False, "comment": "Why?"})
    assert (first.status_code, first.json()["good"]) == (200, False)
    second = client.post("/api/feedback", json={**said, "good": True}).json()
    assert second == {**said, "good": True, "correction": "", "comment": "Why?"}


def test_a_trace_of_somebody_else_is_not_there(client: TestClient):
    trace = asked(client, principals=["group:hr"])
    for more in ({}, {"principals": ["group:it"]}, {"principals": ["group:hr"], "tenant": "acme"}):
        response = client.post("/api/feedback", json={"trace_id": trace, "good": True, **more})
        assert response.status_code == 404
        assert set(response.json()) == {"error", "message", "hint", "retryable"}
    theirs = {"trace_id": trace, "good": True, "principals": ["group:hr"]}
    assert client.post("/api/feedback", json=theirs).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"trace_id": "0123456789abcdef", "good": True}, 404),
        ({"trace_id": "0", "good": True}, 422),  # no prefix: nobody guesses an answer of somebody else
        ({"good": "yes"}, 422),
        ({"good": 1}, 422),
        ({"thumbs": True}, 422),
        ({"good": True, "by": "x" * 201}, 422),
        ({"correction": "x" * 20_001}, 422),
        ({"comment": " "}, 400),
    ],
)
def test_a_bad_request_is_the_callers_fault(client: TestClient, body: dict[str, object], status: int):
    response = client.post("/api/feedback", json={"trace_id": asked(client)} | body)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error", "message", "hint", "retryable"}
