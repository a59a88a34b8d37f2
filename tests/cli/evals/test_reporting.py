"""`ragstone eval report`, `export` and `runs`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

import sample_runs
from ragstone.cli.evals.reporting import export_run, list_runs, report_run
from ragstone.evaluation.reports.exports import deepeval, ragas
from ragstone.evaluation.suites.kept import Run
from sample_runs import case, kept, mixed, outcome

app = typer.Typer()
app.command("report")(report_run)
app.command("export")(export_run)
app.command("runs")(list_runs)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.ragstone]\n")
    return tmp_path


@pytest.fixture
def runs(project: Path) -> list[Run]:
    """Two of one suite, the second better."""
    shares = (0.5, 0.9)
    return [kept(project, sample_runs.run(mixed(20, share, seed=at))) for at, share in enumerate(shares)]


def called(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--project", str(project)], env={"COLUMNS": "200"})


def test_the_page_lies_in_the_runs_folder(project: Path, runs: list[Run]) -> None:
    done = called(project, "report", "rules")
    target = runs[1].folder / "report.html"
    assert (done.exit_code, done.stdout.strip()) == (0, str(target)), done.output
    assert "rules-2" in target.read_text(encoding="utf-8")
    assert "all answered" in target.read_text(encoding="utf-8")


def test_two_runs_are_one_page_beside_the_second(project: Path, runs: list[Run]) -> None:
    done = called(project, "report", "rules~1", "rules")
    target = runs[1].folder / "report-against-rules-1.html"
    assert (done.exit_code, done.stdout.strip()) == (0, str(target)), done.output
    assert '<h1 dir="auto">rules-2 against rules-1</h1>' in target.read_text(encoding="utf-8")


def test_markdown_is_written_where_it_is_asked_for(project: Path, runs: list[Run]) -> None:
    target = project / "comment.md"
    done = called(project, "report", "rules-1", "rules-2", "-o", str(target))
    assert done.exit_code == 0, done.output
    assert target.read_text(encoding="utf-8").startswith("### rules-2 against rules-1\n")


def test_the_gates_of_a_suite_are_in_the_report(project: Path) -> None:
    gates = [{"metric": "contained", "at_least": 0.99}, {"metric": "contained", "worse_by": 0.0}]
    for share in (0.9, 0.5):
        kept(project, sample_runs.run(mixed(20, share), gates=gates))
    target = project / "comment.md"
    assert called(project, "report", "rules-1", "rules-2", "-o", str(target)).exit_code == 0
    assert target.read_text(encoding="utf-8").count("❌ failed") == 2
    done = called(project, "report", "rules-2", "-o", str(target))  # alone it has no baseline
    assert done.exit_code == 0
    assert "The gates are left out" in done.output
    assert "❌ failed" not in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "rules-9"], "there is no run 'rules-9'"),
        (["report", "rules-1", "-o", "x.pdf"], "is no kind of report"),
        (["report", "rules-1", "-o", "nowhere/x.html"], "there is no such folder"),
        (["report", "rules-1", "--pipeline", "answer"], "--pipeline chooses of two runs"),
        (["report", "rules-1", "rules-2", "--pipeline", "other"], "there is no pipeline 'other'"),
        (["export", "rules-1", "--to", "ragas", "--uri", "http://x"], "is for MLflow alone"),
        (["export", "rules-1", "--to", "mlflow", "-o", "x"], "MLflow gets no file"),
        (["export", "rules-1", "--to", "deepeval", "-o", "nowhere/x"], "there is no such folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(project: Path, runs: list[Run], arguments: list[str], said: str) -> None:
    done = called(project, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_rows_are_those_of_the_exports(project: Path, runs: list[Run]) -> None:
    assert called(project, "export", "rules-1", "--to", "ragas").exit_code == 0
    assert (runs[0].folder / "ragas.jsonl").read_text(encoding="utf-8") == ragas.text(runs[0].outcomes)
    assert called(project, "export", "rules-1", "--to", "deepeval", "-o", str(project / "x.json")).exit_code == 0
    assert (project / "x.json").read_text(encoding="utf-8") == deepeval.text(runs[0].outcomes)


def test_each_pipeline_has_rows_of_its_own(project: Path) -> None:
    made = [outcome(case(1), pipeline=name) for name in ("answer", "short/../one")]
    run = kept(project, sample_runs.run(made))
    done = called(project, "export", "rules-1", "--to", "ragas")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in run.folder.glob("ragas*")) == ["ragas-answer.jsonl", "ragas-short-..-one.jsonl"]


def test_runs_are_listed_with_the_newest_first(project: Path, runs: list[Run]) -> None:
    cut = sample_runs.run([outcome(case(1))], ended=False, cases=7, started=sample_runs.STARTED + 60)
    kept(project, cut)
    done = called(project, "runs")
    assert done.exit_code == 0
    lines = [line for line in done.stdout.splitlines() if line.startswith("rules-")]
    assert lines[0].startswith("rules-3")
    assert "cut short: 1 of 7 answers" in done.stdout
    assert "hit@5" in lines[0]
    assert [one["run"] for one in json.loads(called(project, "runs", "--json", "--limit", "1").stdout)] == ["rules-3"]
    figures = json.loads(called(project, "runs", "--json").stdout)[0]["figures"]
    assert figures["answer"]["contained"] == 1.0


def test_a_damaged_run_hides_no_other(project: Path, runs: list[Run]) -> None:
    (runs[0].folder / "results.jsonl").write_text("{}\n")
    done = called(project, "runs")
    assert done.exit_code == 0
    assert "is no result" in done.stdout
    assert "rules-2" in done.stdout


def test_no_run_is_no_error(project: Path) -> None:
    done = called(project, "runs")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "ragstone eval run" in done.stderr
    assert json.loads(called(project, "runs", "--json").stdout) == []
