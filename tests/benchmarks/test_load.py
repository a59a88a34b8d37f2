"""The load benchmark: how responses are judged, what a run comes to, and how the page shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench import load_section, markdown, results
from loading import figures
from loading.kinds import Asked, Questions, judge
from loading.restarting import Restart
from loading.watching import memory

ANSWER = {"text": "In May. [1]", "abstained": False, "hits": [], "trace_id": "0" * 16}
ROOT = Path(__file__).parents[2]


def sent(*events: tuple[str, dict[str, Any]]) -> bytes:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events).encode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("ask", json.dumps(ANSWER).encode()),
        ("stream", sent(("token", {"text": "In May."}), ("done", ANSWER))),
        ("search", b'{"hits": [{"uri": "a.md"}]}'),
        ("chat", b'{"choices": [{"message": {"content": "In May."}}]}'),
        ("feedback", b'{"good": true}'),
        ("begin", b'{"id": "c1"}'),
        ("talk", json.dumps(ANSWER).encode()),
    ],
)
def test_what_is_right_is_right(kind: str, body: bytes) -> None:
    assert judge(kind, 200, {}, body).outcome == "ok"


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("ask", 200, b"{"),
        ("ask", 200, b'{"text": "In May."}'),
        ("ask", 200, json.dumps({**ANSWER, "text": ""}).encode()),
        ("ask", 500, b"{}"),
        ("ask", 404, b"{}"),
        ("search", 200, b'{"hits": []}'),
        ("stream", 200, sent(("token", {"text": "In May."}))),
        ("stream", 200, sent(("token", {"text": "In"}), ("error", {"status": 503}))),
        ("stream", 200, b""),
        ("chat", 200, b'{"choices": []}'),
        ("talk", 200, b"{}"),
        ("begin", 200, b'{"id": ""}'),
    ],
)
def test_what_is_not_is_an_error_with_an_example(kind: str, status: int, body: bytes) -> None:
    judged = judge(kind, status, {}, body)
    assert judged.outcome == "error"
    assert judged.note.startswith(str(status))


@pytest.mark.parametrize("status", [429, 503])
def test_shedding_says_when_to_come_again(status: int) -> None:
    assert judge("ask", status, {"retry-after": "3"}, b"{}").after == 3
    assert judge("ask", status, {"retry-after": "3"}, b"{}").outcome == "shed"
    assert judge("ask", status, {}, b"{}").outcome == "error"
    assert judge("ask", status, {"retry-after": "0"}, b"{}").outcome == "error"


def test_users_ask_the_same_again_with_the_same_seed_and_half_of_it_is_popular() -> None:
    pages = [ROOT / "docs/chunking.md", ROOT / "docs/caching.md"]
    one, other = (Questions(pages, seed=3, model="m") for _ in range(2))
    asked = [one.next() for _ in range(400)]
    assert asked == [other.next() for _ in range(400)]
    assert {each.kind for each in asked} == {"ask", "stream", "search", "begin", "chat"}
    said = [each.body["question"] for each in asked if "question" in each.body]
    assert 0.4 < 1 - len(set(said)) / len(said) < 0.6
    silent = Questions(pages, seed=3, model="")
    assert "chat" not in {silent.next().kind for _ in range(400)}


def test_a_user_begins_a_conversation_once_and_goes_on_with_it() -> None:
    one = Questions([ROOT / "docs/chunking.md"], seed=3, model="")
    talking = [asked for asked in (_noted(one) for _ in range(200)) if asked.kind in ("begin", "talk")]
    assert [asked.kind for asked in talking] == ["begin", *["talk"] * (len(talking) - 1)]
    assert {asked.path for asked in talking[1:]} == {"/api/conversations/c1/ask"}
    assert len(talking) > 2


def _noted(questions: Questions) -> Asked:
    asked = questions.next()
    questions.note(asked, judge(asked.kind, 201, {}, b'{"id": "c1"}'))
    return asked


def line(at: float, outcome: str = "ok", kind: str = "ask") -> dict[str, Any]:
    return {"at": at, "kind": kind, "seconds": at / 100, "first": 0.01, "outcome": outcome, "note": outcome}


def test_the_table_counts_each_kind_and_all() -> None:
    lines = [*(line(at) for at in range(1, 101)), line(1, "shed"), line(2, "error"), line(3, kind="search")]
    found = {each["kind"]: each for each in figures.kinds(lines, 10)}
    assert found["ask"]["ms"] == {"p50": 510, "p95": 960, "p99": 1000, "max": 1000}
    assert (found["ask"]["requests"], found["ask"]["shed"], found["ask"]["errors"]) == (102, 1, 1)
    assert found["all"]["requests"] == 103
    assert found["all"]["rate"] == 10.3
    assert "stream" not in found


def test_a_restart_has_what_came_in_the_half_minute_after_it() -> None:
    done = Restart("redis", "killed", at=10.0, away=1.0)
    (found,) = figures.restarts([line(9.9), line(10), line(39.9, "shed"), line(40.1)], [done])
    assert found["after"] == {"ok": 1, "shed": 1}


@pytest.mark.parametrize(("last", "flat"), [(100, True), (133, True), (135, False)])
def test_memory_is_flat_where_it_grows_by_a_tenth_and_a_little(last: float, flat: bool) -> None:
    seen = [(float(at), 100.0 if at < 60 else last) for at in range(80)]
    assert memory(seen, restarted=False)["flat"] is flat
    assert memory(seen, restarted=True)["flat"] is None


def test_the_page_shows_every_run_that_is_kept_and_a_row_that_runs_keeps_them() -> None:
    run = {
        "date": "2026-11-23", "machine": {"cores": 4, "cpu": "a processor", "memory": 24}, "load": 1.0, "users": 20,
        "minutes": 0.5, "think": 2.0, "vllm": 0, "add": 5.0, "restarts": True,
        "kinds": figures.kinds([line(1), line(2, kind="stream"), line(2, "shed")], 30),
        "trouble": [{"at": 1.0, "kind": "ask", "note": "500: | broken"}],
        "memory": {"app-1": {**memory([(0.0, 1.0)] * 8, restarted=False), "cores": 0.5}},
        "restarted": [{"name": "redis", "how": "killed", "at": 1.0, "away": 1.5, "after": {"ok": 7}}],
        "ingestions": {"runs": 3, "failed": [], "documents": 3},
        "kept": [{"what": "documents", "acknowledged": 3, "there": 3, "lost": 0}],
    }  # fmt: skip
    shown = markdown.page({"rows": {}, "load": {"restarts": run}})
    assert "## Load, with parts restarted" in shown
    assert "| redis | killed | 1.5 | 7 | 0 | 0 |" in shown
    assert "| documents | 3 | 3 | 0 |" in shown
    assert "500: \\| broken" in shown
    assert load_section.text(run) in shown
    widths = [row.count("|") - row.count("\\|") for row in shown.splitlines() if row.startswith("| ask")]
    assert set(widths) == {10}
    assert results.merged({"rows": {}, "load": {"restarts": run}}, {}, rows={})["load"] == {"restarts": run}
