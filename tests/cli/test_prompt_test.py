"""`ragstone prompt test`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openai_server import piece, serving, streamed
from ragstone.project import template

CASES = """cases:
  - name: asks what it is asked
    inputs: {text: First class is allowed on long journeys.}
    sent: [contains: First class]
    expect: [contains: first class]
  - name: names the reader
    inputs: {text: A bridge was opened., reader: the mayor}
    sent: [contains: The answer is for the mayor.]
"""
NEW = "user:\nThe answer is for {{ reader }}."


@pytest.fixture
def mine(project: Path, run) -> Path:
    """A prompt of the project with tests of its own."""
    assert run("prompt", "new", "mine", "--from", "plain").exit_code == 0
    path = project / "prompts" / "mine.prompty"
    text = path.read_text(encoding="utf-8").replace(
        "\n---\nsystem", "\nmetadata: {ragstone: {tests: tests/mine.yaml}}\n---\nsystem"
    )
    path.write_text(text, encoding="utf-8")
    (project / "prompts" / "tests" / "mine.yaml").write_text(CASES, encoding="utf-8")
    return path


def data(shown: Any) -> Any:
    assert shown.exit_code in (0, 1), shown.output
    return json.loads(shown.stdout)


def test_what_ships_passes_with_the_model_that_quotes(run) -> None:
    shown = run("prompt", "test", "--project", template(), "--json")
    assert shown.exit_code == 0
    found = json.loads(shown.stdout)
    assert (found["model"], found["failed"], found["untested"]) == ("extractive", 0, [])
    assert found["passed"] >= 7
    assert {case["not_run"] for case in found["cases"]} == {None, "needs a model that writes"}
    assert len({case["prompt"] for case in found["cases"]}) >= 23


def test_a_new_project_passes_and_says_what_was_not_run_in_80_columns(project: Path, run) -> None:
    shown = run("prompt", "test")
    assert shown.exit_code == 0
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "not run: needs a model that writes. Model: extractive," in shown.stdout
    assert "1 of 1" in shown.stdout
    assert "0.21–1.00" in shown.stdout
    assert run("prompt", "test", "--require-model").exit_code == 1
    assert run("prompt", "test", "answer", "--repeats", "3").exit_code == 0
    assert not (project / ".ragstone" / "project.db").exists()


def test_a_case_that_fails_is_shown_with_what_was_expected_and_found(project: Path, mine: Path, run) -> None:
    mine.write_text(mine.read_text().replace(NEW, NEW.replace("answer", "summary")))
    shown = run("prompt", "test", "mine")
    assert shown.exit_code == 1
    assert "prompts/tests/mine.yaml:6:5  mine: names the reader  (sent contains)" in shown.stdout
    assert "    expected  the words 'The answer is for the mayor.'" in shown.stdout
    assert "    found     You sum up a text" in shown.stdout
    assert "0 passed, 1 failed, 1 not run: needs a model that writes." in shown.stdout
    first, second = data(run("prompt", "test", "mine", "--json"))["cases"]
    assert (first["outcome"], first["passed"], first["runs"], first["interval"]) == ("not run", 1, 1, None)
    assert second["failure"]["check"] == "sent contains"


def test_a_server_is_asked_for_each_repeat(project: Path, mine: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["First class, on long journeys.", "By train."] * 3
    with serving() as server:
        server.will(*(streamed(piece(text), piece(finish_reason="stop")) for text in said))
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
        found = data(run("prompt", "test", "mine", "--repeats", "6", "--json", "--model", "local"))
    asked, sent = found["cases"]
    assert (found["model"], found["calls"], found["cost"]) == ("local", 6, 0)
    assert (asked["passed"], asked["runs"], asked["outcome"]) == (3, 6, "failed")
    assert asked["interval"] == [0.1876, 0.8124]
    assert asked["failure"]["found"] == "By train."
    assert (sent["outcome"], sent["runs"], sent["interval"]) == ("passed", 1, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mein"], "there is no prompt 'mein'"),
        (["unkown"], "there is no prompt 'unkown'"),
        (["bare"], "the prompt has no tests"),
        (["answer", "--model", "lokal"], "there is no connector 'lokal'"),
        (["answer", "--model", "local"], "RAGSTONE_LOCAL_URL is not set"),
        (["answer", "--model", "minilm"], "'minilm' is of kind embedder"),
        (["answer", "--repeats", "5000"], "out of range"),
    ],
)
def test_what_cannot_be_tested_is_said(arguments: list[str], words: str, project: Path, run) -> None:
    run("prompt", "new", "bare", "--from", "plain")
    shown = run("prompt", "test", *arguments)
    assert shown.exit_code == 2
    assert words in shown.stderr
    assert "Traceback" not in shown.output


def test_a_mistake_in_the_tests_is_told_wherever_the_prompt_is_read(project: Path, mine: Path, run) -> None:
    path = project / "prompts" / "tests" / "mine.yaml"
    path.write_text(CASES.replace("expect:", "expects:"))
    for command in (["prompt", "test"], ["check"], ["prompt", "lint"]):
        shown = run(*command)
        assert shown.exit_code in (1, 2)
        assert "mine.yaml:5:5" in shown.output
        assert "Did you mean 'expect'?" in shown.output


def test_prompts_without_tests_are_named(project: Path, run) -> None:
    run("prompt", "new", "bare", "--from", "plain")
    assert data(run("prompt", "test", "--json"))["untested"] == ["bare"]
    assert "Without tests: bare." in run("prompt", "test").stderr
    (found,) = json.loads(run("prompt", "lint", "--json").stdout)
    assert (found["code"], found["fix"].startswith("Write tests/bare.yaml")) == ("missing-tests", True)


def test_a_copy_of_a_prompt_begins_without_tests(project: Path, run) -> None:
    assert run("prompt", "new", "second", "--from", "answer").exit_code == 0
    text = (project / "prompts" / "second.prompty").read_text(encoding="utf-8")
    assert "tests:" not in text
    assert "abstain:" in text
