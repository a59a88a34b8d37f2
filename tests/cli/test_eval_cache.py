"""`ragstone eval cache` and `ragstone cache calibrate`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from ragstone.caching.semantic.calibration import read_calibration
from ragstone.cli.app import app
from ragstone.cli.caches.calibrating import calibrate_cache

FIELDS = ["found", "false_positive_rate", "false_hits", "threshold", "pairs", "by_check"]
THINGS = (
    "tea",
    "coffee",
    "bread",
    "rice",
    "soap",
    "wool",
    "glass",
    "paper",
    "steel",
    "salt",
    "honey",
    "silk",
    "cork",
    "copper",
    "rope",
)
ASKED = (
    ("How do I make {}?", "How can I make {}?", "Where is {} sold?"),
    ("What does {} cost?", "What's the cost of {}?", "What is {} made of?"),
    ("Is {} good for me?", "Is {} good for you?", "Can {} be thrown away?"),
    ("Why is {} so popular?", "Why is {} popular?", "How long does {} last?"),
)

PAIRS = 2 * len(THINGS) * len(ASKED)


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Pairs that mean the same, and as many that do not: more than the least that are needed."""
    rows: list[dict[str, Any]] = []
    for thing in THINGS:
        for one, same, other in ASKED:
            rows.append({"text_a": one.format(thing), "text_b": same.format(thing), "label": 1})
            rows.append({"text_a": one.format(thing), "text_b": other.format(thing), "label": 0})
    path = tmp_path / "pairs.jsonl"
    path.write_text(lines(rows))
    return path


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", "cache", *map(str, arguments)])


def calibrate(*arguments: object) -> Result:
    own = typer.Typer()
    own.command()(calibrate_cache)
    return CliRunner().invoke(own, [*map(str, arguments)])


@pytest.fixture
def _outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is in no project."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_outside")
def test_outside_a_project_the_default_embedder_and_the_shipped_threshold_measure(pairs: Path) -> None:
    result = evaluate(pairs, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found) == FIELDS
    assert found["pairs"] == PAIRS
    assert found["found"] > 0.5
    assert found["false_positive_rate"] == 0


@pytest.mark.usefixtures("_outside")
def test_without_json_the_figures_fit_a_narrow_terminal(pairs: Path, tmp_path: Path) -> None:
    plot = tmp_path / "pairs.svg"
    result = evaluate(pairs, "--plot", plot)
    assert result.exit_code == 0, result.output
    assert "different, taken for the same" in result.stdout
    assert "refused by" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert plot.read_text().startswith("<svg")


@pytest.mark.usefixtures("_outside")
def test_other_pairs_can_be_fitted_on_first(pairs: Path, tmp_path: Path) -> None:
    result = evaluate(pairs, "--calibrate", pairs, "--json")
    assert result.exit_code == 0, result.output
    assert "share a question" in result.stderr
    assert json.loads(result.stdout)["found"] > 0.5
    assert not list(tmp_path.glob("*.cache.json"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["none.jsonl"], "none.jsonl: there is no such file"),
        (["{pairs}", "--bound", "0"], "--bound: is out of range"),
        (["{pairs}", "--bound", "0.01"], "another bound needs pairs"),
        (["{pairs}", "--plot", "x.gif"], "--plot: is no kind of picture"),
        (["{pairs}", "--plot", "none/x.svg"], "--plot: there is no such folder"),
        (["{pairs}", "--calibrate", "{pairs}", "--bound", "0.001"], "too few pairs for a bound of 0.001"),
        (["{pairs}", "--pipeline", "other"], "this is no Ragstone project"),
    ],
)
@pytest.mark.usefixtures("_outside")
def test_bad_input_gets_one_line(pairs: Path, options: list[str], said: str) -> None:
    result = evaluate(*(option.format(pairs=pairs) for option in options))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_project_is_calibrated_and_measured_by_its_own_file(project: Path, pairs: Path) -> None:
    result = calibrate(pairs, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["written"] == "pipelines/answer.cache.json"
    assert found["upper"] <= found["bound"] == 0.05
    written = project / found["written"]
    embedder = json.loads(written.read_text())["embedder"]
    assert read_calibration(written, embedder=embedder).fitted.pairs == PAIRS
    measured = evaluate(pairs, "--json")
    assert json.loads(measured.stdout)["threshold"] == found["threshold"]
    written.write_text("{}")
    assert "has another format" in evaluate(pairs).stderr


def test_what_was_fitted_is_said_in_words(project: Path, pairs: Path) -> None:
    result = calibrate(pairs)
    assert result.exit_code == 0, result.output
    assert "of those that mean the same are found" in result.stdout
    assert "Written: pipelines/answer.cache.json" in result.stdout


def test_too_few_pairs_write_nothing(project: Path, pairs: Path) -> None:
    result = calibrate(pairs, "--bound", "0.01")
    assert result.exit_code == 2
    assert "at least 299 that do not mean the same" in result.stderr
    assert not (project / "pipelines/answer.cache.json").exists()
