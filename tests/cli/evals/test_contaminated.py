"""`ragstone eval contamination`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ragstone.cli.evals.contaminated import contamination
from ragstone.cli.init import Default, write

LONG = "After how many hours on a train may a guest of the house travel in first class?"

app = typer.Typer()
app.command()(contamination)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "prompts" / "parts" / "own.md").write_text(f"People ask: {LONG}\n")
    return tmp_path


def run(project: Path, *lines: object, more: tuple[str, ...] = ()) -> Result:
    (project / "cases.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return CliRunner().invoke(app, [str(project / "cases.jsonl"), "--project", str(project), *more])


def test_it_names_the_case_the_place_and_the_words(project: Path):
    shown = run(
        project,
        {"question": "Who pays?", "id": "one"},
        {"question": LONG, "id": "hours"},
        {"question": "Pays who?", "id": "two"},
    )
    assert shown.exit_code == 0
    assert "cases.jsonl:2: hours: 100 % of its question's n-grams stand in prompts/parts/own.md:1" in shown.stdout
    assert "cases.jsonl:3: two: asks what one asks" in shown.stdout
    assert "2 of 3 cases" in shown.stderr


def test_json_holds_every_finding(project: Path):
    found = json.loads(run(project, {"question": LONG, "expected": "Four."}, more=("--json",)).stdout)
    assert found["cases"] == 1
    (finding,) = found["findings"]
    assert finding["place"] == "prompts/parts/own.md:1"
    assert set(finding) == {"case", "where", "field", "kind", "place", "words", "share", "places", "other"}


def test_fail_is_for_a_pipeline_that_shall_stop(project: Path):
    assert run(project, {"question": LONG}, more=("--fail",)).exit_code == 1
    assert run(project, {"question": "Who pays?"}, more=("--fail",)).exit_code == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "there is no case"),
        ([["a"]], "cases.jsonl:1: is no case"),
        ([{"question": "a"}, {"question": " "}], "cases.jsonl:2: 'question' is empty"),
        ([{"question": "a", "expected": [1]}], "'expected.0'"),
        ([{"question": "a", "id": "x"}, {"question": "b", "id": "x"}], "there are two cases 'x'"),
    ],
)
def test_bad_cases_are_said_in_one_line(project: Path, lines: list[object], said: str):
    shown = run(project, *lines)
    assert shown.exit_code == 2
    assert said in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_a_file_that_is_not_there_and_one_that_is_no_text(project: Path):
    assert CliRunner().invoke(app, [str(project / "no.jsonl"), "--project", str(project)]).exit_code == 2
    (project / "cases.jsonl").write_bytes(b"\xff")
    shown = CliRunner().invoke(app, [str(project / "cases.jsonl"), "--project", str(project)])
    assert (shown.exit_code, "cannot be read" in shown.stderr) == (2, True)
