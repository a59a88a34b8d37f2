"""`ragstone batch`: what it writes, says and exits with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ragstone.batch.results import BatchProgress, BatchReport
from ragstone.cli import batch as commands
from ragstone.cli import show
from ragstone.cli.app import app

Run = Callable[..., Result]

SHIPS = "When does the halibut project ship?"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def questions(ingested: Path) -> Path:
    path = ingested / "questions.jsonl"
    path.write_text(json.dumps(SHIPS) + "\n" + json.dumps({"id": "who", "question": "Who is its lead?", "k": 1}) + "\n")
    return path


def test_each_question_is_answered_as_ask_answers_it(questions: Path, run: Run) -> None:
    done = run("batch", questions, "-o", "answers.jsonl")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("2 questions: 2 answered")
    first, second = read(Path("answers.jsonl"))
    asked = json.loads(run("ask", SHIPS, "--json").stdout)
    for answer in (first["answer"], asked):
        answer["verdicts"] = [{**verdict, "milliseconds": 0} for verdict in answer["verdicts"]]
    assert {**first["answer"], "trace_id": "", "cached": True} == {**asked, "trace_id": ""}  # from memory by then
    assert (first["id"], first["question"], second["id"]) == (None, SHIPS, "who")
    assert len(second["answer"]["hits"]) == 1
    assert second["attempts"][0]["model"] == "extractive"


def test_some_that_failed_are_counted_and_the_exit_code_says_so(questions: Path, run: Run) -> None:
    with questions.open("a") as file:
        file.write('{"question": "What?", "prompt": "answr"}\n{"question": "What?", "inputs": {"depth": 3}}\nWhat?\n')
    done = run("batch", questions, "-o", "answers.jsonl", "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert (report["questions"], report["answered"], report["failed"]) == (5, 2, 3)
    assert "3 failed: each has its error on its line. To ask them again: --retry-failed" in done.stderr
    errors = [line["error"] for line in read(Path("answers.jsonl"))[2:]]
    assert [error["type"] for error in errors] == ["PromptError", "UsageError", "UsageError"]
    assert errors[0]["hint"] == "Did you mean 'answer'?"
    assert "there is no input 'depth'" in errors[1]["message"]
    assert f"{questions}:5: the line is no JSON" in errors[2]["message"]


def test_from_standard_input_to_standard_output(questions: Path) -> None:
    done = CliRunner().invoke(app, ["batch", "-", "-o", "-"], input=questions.read_bytes())
    assert done.exit_code == 0
    assert [json.loads(line)["question"] for line in done.stdout.splitlines()] == [SHIPS, "Who is its lead?"]
    assert "2 questions: 2 answered" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl", "-o", "a.jsonl"), "none.jsonl: there is no such file"),
        (("questions.jsonl", "-o", "none/a.jsonl"), "-o: there is no such folder"),
        (("questions.jsonl", "-o", "questions.jsonl"), "the answers would be written over the questions"),
        (("questions.jsonl", "-o", "a.jsonl", "--concurrency", "0"), "concurrency is out of range: expected 1 to 4096"),
        (("questions.jsonl", "-o", "-", "--json"), "cannot both go to standard output"),
        (("questions.jsonl", "-o", "-", "--retry-failed"), "standard output keeps no failed answers"),
        (("-", "-o", "a.jsonl", "--retry-failed"), "standard input cannot be read again"),
        (("questions.jsonl", "-o", "a.jsonl", "--prompt", "answr"), "there is no prompt 'answr'"),
        (("questions.jsonl", "-o", "a.jsonl", "--pipeline", "none"), "none"),
        (("questions.jsonl",), "Missing option"),
    ],
)
def test_bad_usage_exits_with_2(questions: Path, run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run("batch", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_what_was_never_begun_is_not_said_to_be_kept(questions: Path, run: Run) -> None:
    done = run("batch", "none.jsonl", "-o", "answers.jsonl")
    assert done.exit_code == 2
    assert done.stderr.startswith("ragstone: none.jsonl: there is no such file")


def test_a_model_that_is_not_configured_is_said_once(questions: Path, run: Run) -> None:
    answer = Path("pipelines/answer.yaml")
    text = answer.read_text()
    answer.write_text(text.replace("extractive]", "openai]").replace("[local, ", "["))
    assert "models: [openai]" in answer.read_text()
    questions.write_text(json.dumps(SHIPS) + "\n" + "".join('"What?"\n' for _ in range(500)))
    done = run("batch", questions, "-o", "answers.jsonl")
    assert done.exit_code == 2, done.output
    assert done.stderr.count("OPENAI_API_KEY is not set") == 1
    assert "What was answered is kept. Run the same command again to go on." in done.stderr
    assert Path("answers.jsonl").read_text() == ""


def test_elsewhere_than_on_a_terminal_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    monkeypatch.setattr(show, "remarks", said.extend)
    now = [1000.0]
    monkeypatch.setattr(commands.time, "monotonic", lambda: now[0])
    lines = commands._Lines()
    report = BatchReport(earlier=100, answered=100)
    lines.told(BatchProgress(report=report, total=1100))
    for _ in range(61):
        now[0] += 1
        report.answered += 5
        report.cost += 0.001
        lines.told(BatchProgress(report=report, total=1100))
    lines.told(BatchProgress(report=report, total=1100, waiting="openai: 60 a minute. Going on in 30 s."))
    assert said == [
        "250 of 1,100, 5.0/s, 0.0300 USD, 170 s left",
        "400 of 1,100, 5.0/s, 0.0600 USD, 140 s left",
        "openai: 60 a minute. Going on in 30 s.",
    ]
