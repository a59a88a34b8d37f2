"""`ragstone eval drift`: what it prints, and how it ends."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ragstone.cli.evals.drifting import drift
from ragstone.cli.init import Default, write
from ragstone.evaluation.cases import Case
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.kept import Runs
from ragstone.state.feedback import Answered, FeedbackFile, Said
from ragstone.trace import Step, Trace
from ragstone.tracing.store import TraceStore

DAY = 86_400
FISH = ("halibut", "turbot", "cod", "herring", "salmon", "eel", "perch", "pike", "plaice", "dab", "sole", "hake")

app = typer.Typer()
app.command()(drift)


def asked(traces: TraceStore, number: int, question: str, *, days: float, seconds: float = 1.0) -> None:
    trace = Trace("ask", id=f"{number:016x}", started=time.time() - days * DAY, steps=[Step("generate", 0.0, seconds)])
    facts = {"question": question, "outcome": "answered", "cost": 0.001 * number, "confidence": 0.9}
    traces.keep(trace, tenant="default", principals=["group:hr"], **facts)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve fish in five ports before, and this week the same with pensions of twelve kinds, and slower."""
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    traces = TraceStore(folder / ".ragstone" / "traces.db")
    ports = ("Hull", "Cork", "Brest", "Vigo", "Kiel")
    questions = [f"When does the {fish} ship to {port}?" for fish in FISH for port in ports]
    for number, question in enumerate(questions):
        asked(traces, number, question, days=20)
    for number, question in enumerate(questions[::3]):
        asked(traces, 100 + number, question, days=2, seconds=4.0)
    for number in range(12):
        asked(traces, 200 + number, f"Who pays a widow her pension of class {number}?", days=1, seconds=4.0)
    traces.close()
    feedback = FeedbackFile(folder / ".ragstone" / "feedback.db")
    feedback.keep(Answered(trace="a", question="When?", answer="So."), Said(good=False), tenant="default")
    feedback.close()
    return folder


def run(project: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--project", str(project)])


def test_it_says_what_has_changed_and_what_cannot_be_told(project: Path):
    shown = run(project)
    assert shown.exit_code == 0, shown.output
    assert "the time before: 60 asked, 60 different" in shown.stdout
    assert "the last 7d: 32 asked, 32 different" in shown.stdout
    assert "12 like: Who pays a widow her pension" in shown.stdout
    assert "new questions" in shown.stdout.rpartition("Changed beyond doubt: ")[2]
    assert "seconds to the answer" in shown.stdout.rpartition("Changed beyond doubt: ")[2]
    assert "share of thumbs down: it cannot be told, 0 in the time before and 1 in the last 7d" in shown.stderr


def test_json_and_the_candidates(project: Path, tmp_path: Path):
    shown = run(project, "--json", "-o", str(tmp_path / "new.jsonl"), "--since", "36h")
    found = json.loads(shown.stdout)
    assert found["now"] == {"name": "the last 36h", "asked": 12, "different": 12}
    assert found["untold"]["questions"] == "12 in the last 36h, where 20 are needed"
    assert (tmp_path / "new.jsonl").read_text() == ""
    found = json.loads(run(project, "--json", "-o", str(tmp_path / "new.jsonl")).stdout)
    lines = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    assert {line["question"] for line in lines} == {one for topic in found["new"]["topics"] for one in topic}
    assert lines[0]["principals"] == ["group:hr"]
    assert len({line["id"] for line in lines}) == len(lines)


def test_fail_is_for_a_pipeline_that_shall_stop(project: Path):
    assert run(project, "--fail").exit_code == 1
    assert run(project, "--fail", "--since", "36h").exit_code == 0


def test_the_baseline_may_be_a_file_of_cases_or_a_run(project: Path, tmp_path: Path):
    cases = tmp_path / "cases.jsonl"
    cases.write_text("".join(f'{{"question": "When does the {fish} ship at {n}?"}}\n' for fish in FISH for n in (1, 2)))
    found = json.loads(run(project, str(cases), "--json").stdout)
    assert found["before"]["different"] == 24
    assert found["scores"] == {}
    outcomes = [Outcome(case=Case(id=str(n), question=f"Which {n}?"), pipeline="answer") for n in range(3)]
    with Runs(project).begin("handbook", {"key": "k", "pipelines": {"answer": {}}}) as file:
        for outcome in outcomes:
            file.add(outcome)
        file.end(file.facts)
    found = json.loads(run(project, "handbook", "--json").stdout)
    assert found["before"] == {"name": "handbook-1 (answer)", "asked": 3, "different": 3}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "week"], "--since: is no span of time"),
        (["--since", "0d"], "is no span of time"),
        (["nothing"], "there is no run 'nothing'"),
        (["nothing.jsonl"], "there is no such file"),
        (["-o", "nowhere/new.jsonl"], "there is no such folder"),
    ],
)
def test_mistakes_are_said_in_one_line(project: Path, words: list[str], said: str):
    shown = run(project, *words)
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert said in shown.stderr
