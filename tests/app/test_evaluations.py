"""`GET /evals` and `GET /evals/NAME`: the kept runs in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write
from ragstone.evaluation.cases import Case
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.kept import Runs

METRICS = ["contained", "latency@50"]


def keep(folder: Path, answer: str, *, pipelines: tuple[str, ...] = ("answer",), suite: str = "fish") -> None:
    """A run of one case, which is right where the answer names the day."""
    facts = {
        "suite": suite,
        "key": answer,
        "version": "1",
        "started": 1_790_000_000.0 + len(list(folder.rglob("run.json"))),
    }
    facts |= {"ended": None, "cases": 1, "repeats": 1, "cache": "off", "metrics": METRICS, "gates": [], "notes": []}
    facts |= {"pipelines": {name: {"pipeline": name} for name in pipelines}, "contamination": []}
    case = Case(id="a", question="When does the <b>eel</b> ship?", expected=("1 July",), where="evals/fish.jsonl:1")
    with Runs(folder).begin(suite, facts, anew=True) as file:
        for name in pipelines:
            rows = {"contained": (float("July" in answer),), "latency@50": (0.5,)}
            said = {"text": answer, "abstained": False, "hits": [], "citations": []}
            file.add(Outcome(case=case, pipeline=name, answer=said, rows=rows, seconds=0.5))
        file.end(file.facts)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    return tmp_path


@pytest.fixture
def client(project: Path) -> Iterator[TestClient]:
    with caller(project) as made:
        yield made


def test_without_a_run_the_page_says_how_to_make_one(client: TestClient):
    page = client.get("/evals")
    assert page.status_code == 200
    assert "ragstone eval run SUITE" in page.text


def test_runs_are_listed_and_shown_and_compared(client: TestClient, project: Path):
    keep(project, "On 2 May.")
    keep(project, "On 1 July.")
    listed = client.get("/evals").text
    links = re.findall(r'href="([^"]+)"', listed)
    assert links == ["/evals/fish-2", "/evals/fish-2?before=fish-1", "/evals/fish-1"]
    assert "contained 1.000" in listed
    one, change = (client.get(link) for link in links[:2])
    assert "gets 1 of 1 question right" in one.text
    assert "1 turned right, 0 turned wrong" in change.text
    for page in (one, change):
        assert page.headers["content-type"].startswith("text/html")
        assert "&lt;b&gt;eel&lt;/b&gt;" in page.text


def test_pages_may_show_their_style_and_run_nothing(client: TestClient, project: Path):
    keep(project, "On 1 July.")
    for path in ("/evals", "/evals/fish-1"):
        page = client.get(path)
        assert "default-src 'none'; style-src 'unsafe-inline'" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert re.findall(r"<script|<link|<img|src=", page.text) == []


@pytest.mark.parametrize("name", ["fish", "fish-9", "fish~1", "..", "%2e%2e", "..%2fevals%2ffish-1", "%00"])
def test_what_is_no_name_of_a_run_is_not_there(client: TestClient, project: Path, name: str):
    keep(project, "On 1 July.")
    assert client.get(f"/evals/{name}").status_code == 404
    assert client.get("/evals/fish-1", params={"before": name}).status_code == 404


def test_runs_of_several_pipelines_are_not_offered_for_comparison(client: TestClient, project: Path):
    for answer in ("On 2 May.", "On 1 July."):
        keep(project, answer, pipelines=("answer", "other"))
    assert "before=" not in client.get("/evals").text
    refused = client.get("/evals/fish-2", params={"before": "fish-1"})
    assert (refused.status_code, refused.json()["error"]) == (400, "UsageError")


def test_a_damaged_run_is_said_and_the_others_are_listed(client: TestClient, project: Path):
    keep(project, "On 1 July.")
    keep(project, "On 1 July.")
    (project / ".ragstone" / "evals" / "fish-1" / "run.json").write_text("{")
    page = client.get("/evals").text
    assert "cannot be read" in page
    assert "/evals/fish-2" in page


def test_they_are_for_admins(client: TestClient, project: Path):
    keep(project, "On 1 July.")
    with ragstone.open(project) as rag:
        plain, admin = (rag.keys().create(Grant(name=str(may), admin=may)).token for may in (False, True))
    found = [client.get("/evals/fish-1", headers={"authorization": f"Bearer {token}"}) for token in (plain, admin)]
    assert [page.status_code for page in found] == [403, 200]
    assert client.get("/evals").status_code == 401
