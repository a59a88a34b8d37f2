"""`ragstone model list`, `explain` and `calibrate`, and what the check says of routes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from ragstone.cli.init import Default, write
from ragstone.project import Project

EASY = "When does the halibut project ship, case {}?"
HARD = (
    "Why is the lead of halibut {} not better than that of 9 other projects, and who says so in Bergen since May 2031?"
)


def route(project: Path, line: str) -> None:
    path = project / "pipelines" / "answer.yaml"
    lines = [line if row.startswith("route:") else row for row in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")


def graded(project: Path, *, count: int = 120, told: bool = True, extra: str = "") -> Path:
    """Half of the questions are hard: then the small model fails, where the features are to tell anything."""
    rows: list[str] = []
    for number in range(count):
        hard = number % 2 if told else (number * 7919) % 13 % 2
        question = (HARD if number % 2 else EASY).format(number)
        grades = {"extractive": 0 if hard else 1, "openai": 0 if number % 11 == 10 else 1}
        rows.append(json.dumps({"question": question, "grades": grades}))
    path = project / "graded.jsonl"
    path.write_text("\n".join([*rows, extra]) + "\n")
    return path


# ── list ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_list_says_what_each_model_can_do_and_what_is_missing(project: Path, run: Any):
    shown = run("model", "list")
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.stdout.splitlines())) <= 80
    words = " ".join(shown.stdout.split())
    assert "extractive extractive yes any 0 0 quotes no no" in words
    assert "openai: OPENAI_API_KEY is not set. Run: export OPENAI_API_KEY=…" in words
    rows = {row["name"]: row for row in json.loads(run("model", "list", "--json").stdout)}
    assert set(rows) == {"anthropic", "extractive", "local", "openai"}
    assert rows["extractive"]["local"] is True
    assert rows["local"]["missing"] == "RAGSTONE_LOCAL_URL is not set"


def test_list_names_window_and_price_and_never_a_key(project: Path, run: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-7")
    shown = run("model", "list")
    assert "1,050,000" in shown.stdout
    assert "sk-canary-7" not in shown.output + run("model", "list", "--json").output


# ── explain ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_says_who_is_asked_and_who_is_passed_over(ingested: Path, run: Any):
    shown = run("model", "explain", "When does the halibut project ship?")
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.stdout.splitlines())) <= 80
    words = " ".join(shown.stdout.split())
    assert "1. extractive the first of the list that may answer" in words
    assert "– local local is not configured (RAGSTONE_LOCAL_URL is not set)" in words
    found = json.loads(run("model", "explain", "When does the halibut project ship?", "--json").stdout)
    assert (found["strategy"], found["failure"], found["confidential"]) == ("ordered", None, False)
    assert [one["name"] for one in found["asked"]] == ["extractive"]


def test_explain_of_a_route_that_nobody_may_take_fails_and_says_why(
    ingested: Path, run: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nothing")
    route(ingested, "route: {models: [openai], data: {local_only: {uri: documents/halibut.md}}}")
    shown = run("model", "explain", "When does the halibut project ship?")
    assert shown.exit_code == 1
    words = " ".join(shown.stdout.split())
    assert "confidential: it stays on models of your own" in words
    assert "No model may have it: openai: it is none of your own" in words


# ── calibrate ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_calibrate_writes_the_file_that_the_route_then_goes_by(
    ingested: Path, run: Any, monkeypatch: pytest.MonkeyPatch
):
    route(ingested, "route: {strategy: by_difficulty, models: [extractive, openai]}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nothing")
    refused = run("ask", "When does the halibut project ship?")
    assert refused.exit_code == 2
    assert "by_difficulty was not calibrated yet. Run: ragstone model calibrate graded.jsonl" in refused.output
    assert "not calibrated yet" in run("check").output
    shown = run("model", "calibrate", graded(ingested), "--plot", "curve.svg")
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.stdout.splitlines())) <= 80
    words = " ".join(shown.stdout.split())
    assert "At equal cost the curve lies +" in words
    assert "No gain shown" not in words
    assert "Written: pipelines/answer.difficulty.json" in words
    names = [text.text for text in ET.parse(ingested / "curve.svg").getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert {"extractive", "openai", "mean grade, %"} <= set(names)
    assert "not calibrated" not in run("check").output

    for question, name in ((EASY, "extractive"), (HARD, "openai")):
        found = json.loads(run("model", "explain", question.format(1000), "--json").stdout)
        assert found["asked"][0]["name"] == name
    words = " ".join(run("model", "explain", EASY.format(1000)).stdout.split())
    assert "1. extractive easy enough: openai would gain" in words


def test_where_the_features_say_nothing_it_says_so_and_writes_nothing(ingested: Path, run: Any):
    route(ingested, "route: {models: [extractive, openai]}")
    found = json.loads(run("model", "calibrate", graded(ingested, told=False), "--json").stdout)
    assert (found["gain"]["shown"], found["written"]) == (False, None)
    shown = run("model", "calibrate", "graded.jsonl")
    words = " ".join(shown.stdout.split())
    assert "No gain shown: ordered or cheapest does as well." in words
    assert "Nothing was written. To write it all the same: --write" in words
    assert not (ingested / "pipelines" / "answer.difficulty.json").exists()
    run("model", "calibrate", "graded.jsonl", "--write")
    assert (ingested / "pipelines" / "answer.difficulty.json").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "a?", "grades": {"opneai": 1}}', "'opneai' is no model of the route"),
        ('{"question": "a?", "grades": {"openai": 1}}', "the grade of extractive is missing"),
        ('{"question": "a?", "grades": {"openai": 2, "extractive": 1}}', "the grade of openai is out of range"),
        ('{"question": "a?", "grades": [1]}', "grades are no object"),
        ('{"question": "a?"}', "holds neither grades nor an answer"),
        ('{"question": "a?", "anwser": "b"}', "Did you mean 'answer'"),
        ('{"question": "a?", "answer": null}', "the answer is none"),
        ('{"grades": {}}', "the question is missing"),
        ("[]", "is no graded question"),
        ("{", "is no graded question"),
        (json.dumps({"question": EASY.format(0), "answer": "x"}), "this question was graded before"),
    ],
)
def test_a_line_that_is_none_is_named(ingested: Path, run: Any, line: str, message: str):
    route(ingested, "route: {models: [extractive, openai]}")
    shown = run("model", "calibrate", graded(ingested, count=60, extra=line))
    assert shown.exit_code == 2
    assert f"graded.jsonl:61: {message}" in shown.output or message in shown.output
    assert "graded.jsonl:61" in shown.output


def test_too_few_or_equal_grades_and_contradictions_are_refused(ingested: Path, run: Any):
    route(ingested, "route: {models: [extractive, openai]}")
    assert (
        "too few graded questions to learn from: expected 50 or more, found 20"
        in run("model", "calibrate", graded(ingested, count=20)).output
    )
    alike = [json.dumps({"question": f"q{n}?", "grades": {"extractive": 1, "openai": 1}}) for n in range(60)]
    Path("alike.jsonl").write_text("\n".join(alike))
    assert "there is nothing to learn" in run("model", "calibrate", "alike.jsonl").output
    both = run("model", "calibrate", "graded.jsonl", "--quality", "0.9", "--cost", "0.5")
    assert "--quality or --cost, not both" in both.output
    assert "--cost is a share" in run("model", "calibrate", "graded.jsonl", "--cost", "3").output
    assert "there is no such file" in run("model", "calibrate", "none.jsonl").output
    route(ingested, "route: {models: [extractive]}")
    alone = [json.dumps({"question": f"q{n}?", "grades": {"extractive": n % 2}}) for n in range(60)]
    Path("alone.jsonl").write_text("\n".join(alone))
    assert "there is nothing to choose between" in run("model", "calibrate", "alone.jsonl").output


# ── The check ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{models: [extractiv]}", "there is no connector 'extractiv'"),
        ("{models: [minilm]}", "'minilm' is of kind embedder: expected model"),
        ("{models: [local], data: {local: {a: 1}}}", "should be any, public, local_only or {local_only: FILTER}"),
        ("{models: []}", "route.models: should not be empty"),
        ("{models: [local, local]}", "the model 'local' stands here twice"),
        ("{models: [local], ledger: chroma}", "'chroma' is of kind store: expected ledger"),
        ("{models: [local], data: {local_only: {year: {$near: 3}}}}", "$near"),
        ("{models: [local], data: {local_only: {}}}", "local_only"),
        ("{models: [openai], data: local_only}", "no model of this route is your own, so none may answer"),
        ("{models: [local], data: secret}", "route.data"),
        ("{models: [local], budget: {}}", "`budget` holds no amount"),
        ("{models: [local], limits: {per: key}}", "`limits` limits nothing"),
        ("{models: [local], budget: {day: -1}}", "route.budget.day"),
        ("{models: [local], strategy: by_difficulty}", "by_difficulty chooses between a small model and a larger one"),
        ("{models: [local, openai], strategy: by_difficulty}", "by_difficulty was not calibrated yet"),
        ("{models: [local], difficulty: a.json}", "`difficulty` is for `strategy: by_difficulty` alone"),
        ("{models: [local], timeout: 5, attempt: 10}", "one attempt has more time than all of them"),
        ("{models: [local], strategy: cheepest}", "Did you mean 'cheapest'"),
        ("{models: [local], stratgy: cheapest}", "Did you mean 'strategy'"),
        ("{models: [local], budget: {dya: 1}}", "Did you mean 'day'"),
        ("{models: [local], broken: restrat}", "Did you mean 'restart'"),
    ],
)
def test_the_check_finds_what_is_wrong_with_a_route(tmp_path: Path, line: str, message: str):
    write(tmp_path, model=Default.extractive)
    route(tmp_path, f"route: {line}")
    faults = [str(fault) for fault in Project(tmp_path).faults()]
    assert any(message in fault for fault in faults), faults
    assert all("answer.yaml:" in fault for fault in faults)


@pytest.mark.parametrize("data", ["public", "{local_only: {year: 2031}}"])
def test_an_ingestion_cannot_go_by_passages_nor_by_the_difficulty_of_questions(tmp_path: Path, data: str):
    write(tmp_path, model=Default.extractive)
    path = tmp_path / "pipelines" / "ingest.yaml"
    whole = path.read_text()
    path.write_text(f"{whole}\nroute: {{models: [local], data: {data}}}\n")
    assert "`data` of an ingestion is `any` or `local_only`" in str([*Project(tmp_path).faults()])
    path.write_text(f"{whole}\nroute: {{models: [local, openai], strategy: by_difficulty}}\n")
    assert "by_difficulty is for questions" in str([*Project(tmp_path).faults()])
    path.write_text(f"{whole}\nroute: {{models: [loca], data: local_only}}\n")
    assert "there is no connector 'loca'" in str([*Project(tmp_path).faults()])
