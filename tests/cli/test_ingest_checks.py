"""`checks:` of pipelines/ingest.yaml, `trust:` of sources and `limits:` of answers, as the commands show them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def checks(project: Path, said: str) -> None:
    path = project / "pipelines" / "ingest.yaml"
    path.write_text(f"{path.read_text()}\nchecks: {said}\n")


def report(run, *arguments: str) -> dict:
    return json.loads(run("ingest", "--json", *arguments).stdout)


def test_what_is_flagged_is_told_once_and_listed_by_status(project: Path, run):
    checks(project, "[{length: {most: 40}}]")
    shown = run("ingest")
    line = "documents/halibut.md, line 3: length: it has 73 characters, and may have 40 (left in)"
    assert shown.exit_code == 0
    assert "1 added" in shown.stdout
    assert "1 passage was flagged by a check:" in shown.stderr
    assert line in shown.stderr
    again = run("ingest")
    assert "flagged" not in again.stderr
    assert f"Flagged:   {line}" in run("index", "status").stdout
    (flagged,) = json.loads(run("index", "status", "--json").stdout)["flagged"]
    assert flagged["uri"] == "documents/halibut.md"
    assert (flagged["check"], flagged["action"], flagged["line"], flagged["page"]) == ("length", "flagged", 3, None)


def test_another_policy_is_applied_without_embedding_and_a_refusal_fails(ingested: Path, run):
    checks(ingested, "[{length: {most: 40, on_fail: drop}}]")
    found = report(run)
    assert (found["changed"], found["embedded"], found["chunks"]) == (1, 0, 0)
    assert [one["action"] for one in found["flagged"]] == ["dropped"]
    path = ingested / "pipelines" / "ingest.yaml"
    path.write_text(path.read_text().replace("drop", "raise"))
    shown = run("ingest")
    assert shown.exit_code == 1
    assert "documents/halibut.md: the check 'length' refuses it: line" in shown.stderr
    path.write_text(path.read_text().replace("most: 40", "most: 4000"))
    mended = report(run)
    assert (mended["added"], mended["embedded"], mended["chunks"], mended["failed"]) == (1, 0, 1, [])


def test_a_plan_says_what_would_be_refused_and_writes_nothing(ingested: Path, run):
    checks(ingested, "[{length: {most: 40, on_fail: raise}}]")
    plan = json.loads(run("ingest", "--plan", "--json").stdout)
    assert [one["uri"] for one in plan["failed"]] == ["documents/halibut.md"]
    assert plan["changed"] == []
    assert json.loads(run("index", "status", "--json").stdout)["states"] == {"live": 1}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[{length: {most: 4, on_fail: filter}}]", "documents are kept word for word"),
        ("[{length: {most: 0}}]", "most is out of range"),
        ("[citations]", "no citations to check"),
        ("[nonsense]", "nonsense"),
    ],
)
def test_check_names_the_place_of_a_check_that_makes_no_sense(project: Path, run, said: str, words: str):
    checks(project, said)
    shown = run("check")
    assert shown.exit_code != 0
    assert "pipelines/ingest.yaml:" in shown.stdout + shown.stderr
    assert words in " ".join((shown.stdout + shown.stderr).split())


def test_explain_shows_how_far_each_passage_is_trusted(ingested: Path, run):
    question = ("--set", "question=When does the halibut project ship?")

    def slot() -> dict:
        built = json.loads(run("prompt", "explain", "answer", *question, "--json").stdout)
        return next(one for one in built["slots"] if one["name"] == "passages")

    assert slot()["passages"] == [{"uri": "documents/halibut.md", "trust": "retrieved"}]
    path = ingested / "connectors" / "documents.yaml"
    path.write_text(f"{path.read_text()}\ntrust: author\n")
    found = report(run)
    assert (found["unchanged"], found["changed"], found["embedded"]) == (1, 0, 0)
    assert slot()["passages"] == [{"uri": "documents/halibut.md", "trust": "author"}]
    assert "passages: trust author of documents/halibut.md" in run("prompt", "explain", "answer", *question).stderr
    hits = json.loads(run("search", "halibut", "--where", '{"trust": "author"}', "--json").stdout)["hits"]
    assert len(hits) == 1


def test_a_limit_is_said_with_what_to_do(ingested: Path, run):
    path = ingested / "pipelines" / "answer.yaml"
    path.write_text(f"{path.read_text()}\nlimits: {{question: 10}}\n")
    shown = run("ask", "When does the halibut project ship?")
    assert shown.exit_code == 2
    said = " ".join(shown.stderr.split())
    assert "the question is too long: expected at most 10 characters, found 35" in said
    assert "raise `question` under `limits`" in said
    path.write_text(path.read_text().replace("question: 10", "seconds: 10"))
    assert "`timeout` under `route`" in " ".join((run("check").stdout + run("check").stderr).split())
