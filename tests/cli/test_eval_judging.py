"""`ragstone eval judge` and `ragstone eval prefer`, with a server that judges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_server import Server, piece, serving, streamed
from ragstone.evaluation.cases import Case
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.kept import Runs


@pytest.fixture
def server(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The model `local` of the project."""
    with serving() as running:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", running.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
        yield running


def will(server: Server, *said: str) -> None:
    server.will(*(streamed(piece(text), piece(finish_reason="stop")) for text in said))


@pytest.fixture
def labels(project: Path) -> Path:
    """Twelve answers that a person has graded 4, but for one."""
    path = project / "labels.jsonl"
    rows = [
        {"question": f"Why {at}?", "answer": "So it is. " * (at + 1), "grade": 4 if at else 1, "expected": ["It is."]}
        for at in range(12)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def keep(project: Path, suite: str, answers: dict[str, dict[str, str]]) -> None:
    """A run of a suite: answers by pipeline and case."""
    facts = {"suite": suite, "key": "k", "pipelines": {name: {} for name in answers}, "metrics": []}
    with Runs(project).begin(suite, facts) as file:
        for pipeline, cases in answers.items():
            for name, text in cases.items():
                case = Case(id=name, question=f"{name}?", expected=("right",))
                said = {"text": text, "abstained": False, "model": "tiny"}
                file.add(Outcome(case=case, pipeline=pipeline, answer=said))
        file.end(file.facts)


@pytest.fixture
def runs(project: Path) -> Path:
    """Two runs of eight cases, of which one case is answered alike."""
    names = [f"case {at}" for at in range(8)]
    keep(project, "old", {"answer": dict.fromkeys(names, "right")})
    keep(project, "new", {"answer": {name: f"right, I am sure of {name}" for name in names} | {"case 7": "right"}})
    keep(project, "two", {"plain": {"case 0": "wrong"}, "fancy": {"case 0": "right"}})
    return project


def data(shown: Any) -> dict[str, Any]:
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


# ── judge ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_judge_beside_people_fits_80_columns(labels: Path, server: Server, run) -> None:
    will(server, *["It holds.\nGrade: 4"] * 12)
    shown = run("eval", "judge", labels, "--model", "local")
    assert shown.exit_code == 0, shown.output
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "12 answers: at most 12 calls of local, free of charge." in shown.stderr
    for words in ("equal grades", "91.7 %", "mean grade less people's", "+0.25", "people \\ judge", "kappa, quadratic"):
        assert words in shown.stdout
    told = " ".join(shown.stdout.split())
    assert "The judge is local (tiny)." in told
    assert "all 12 have the same grade" in told
    assert "Beside people's grades of 12 answers: 92 % equal, 92 % at most one apart, quadratic" in told


def test_figures_are_one_object(labels: Path, server: Server, run) -> None:
    will(server, *["It holds.\nGrade: 4"] * 12)
    found = data(run("eval", "judge", labels, "--model", "local", "--json"))
    assert (found["judge"], found["models"], found["calls"], found["cost"]) == ("local", ["tiny"], 12, 0)
    assert found["prompt"]["name"] == "judge"
    assert found["prompt"]["version"]
    assert (found["answers"], found["kappa"], found["rho"], found["missed"]) == (12, 0, None, [])
    assert found["table"][0] == [0, 0, 0, 1, 0]
    assert found["leniency"] == 0.25


def test_nonsense_is_named_by_its_line_and_all_of_it_is_an_error(labels: Path, server: Server, run) -> None:
    will(server, "Lovely.", *["Grade: 4"] * 11)
    shown = run("eval", "judge", labels, "--model", "local")
    assert shown.exit_code == 0
    assert "No verdict: " in shown.stderr
    assert "gave no grade: expected a last line such as Grade: 4, found 'Lovely.'" in shown.stderr
    will(server, *["Lovely."] * 12)
    shown = run("eval", "judge", labels, "--model", "local")
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert "none of 12 was judged: the prompt 'judge' gave no grade" in shown.stderr
    assert "Traceback" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "a judge writes words of its own, and no model of the route does"),
        (["--model", "lokal"], "there is no connector 'lokal'"),
        (["--prompt", "juge"], "there is no prompt 'juge'"),
        (["--prompt", "verify", "--model", "local"], "the prompt is no judge's"),
    ],
)
def test_what_cannot_judge_is_said(
    arguments: list[str], words: str, labels: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if arguments:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
    shown = run("eval", "judge", labels, *arguments)
    assert shown.exit_code == 2
    assert words in shown.stderr
    assert "Traceback" not in shown.output


def test_a_line_that_is_no_label_is_named_before_anybody_is_asked(labels: Path, server: Server, run) -> None:
    labels.write_text(labels.read_text() + '{"question": "Why?", "answer": "So.", "grade": 7}\n')
    shown = run("eval", "judge", labels, "--model", "local")
    assert shown.exit_code == 2
    assert "labels.jsonl:13: the grade is none: expected a whole number from 1 to 5, found 7" in shown.stderr


def test_many_calls_are_made_only_after_a_yes(labels: Path, server: Server, run) -> None:
    labels.write_text(labels.read_text() * 9)
    shown = run("eval", "judge", labels, "--model", "local")
    assert shown.exit_code == 2
    assert "nobody can be asked whether to go on: expected --yes, found up to 108 calls" in shown.stderr
    will(server, *["Grade: 4"] * 108)
    assert run("eval", "judge", labels, "--model", "local", "--yes").exit_code == 0


# ── prefer ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_judge_that_always_says_first_decides_nothing_in_80_columns(runs: Path, server: Server, run) -> None:
    will(server, *["Better: first"] * 14)
    shown = run("eval", "prefer", "old", "new", "--model", "local")
    assert shown.exit_code == 0, shown.output
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "7 pairs of answers, each in both orders: at most 14 calls of local, free of charge." in shown.stderr
    told = " ".join(shown.stdout.split())
    for words in (
        "A better: old 0 of 8",
        "tie 8 of 8 100.0 %",
        "same verdict in both orders 0 of 7 0.0 %",
        "lean to the first place 7 of 7 100.0 %",
        "8 pairs, 1 with the same words. Sign test of A against B: p = 1.000.",
        "The same model wrote all the answers",
        "The judge leans to the first place; what differs counts as a tie, so it decides nothing here.",
    ):
        assert words in told


def test_both_orders_are_asked_and_figures_are_one_object(runs: Path, server: Server, run) -> None:
    will(server, *["Better: equal"] * 4)
    found = data(run("eval", "prefer", "old", "new-1", "--model", "local", "--limit", "2", "--json"))
    assert (found["A"], found["B"], found["pairs"], found["calls"]) == ("old", "new-1", 2, 4)
    assert (found["wins"], found["ties"], found["consistency"]["share"]) == ({"A": 0, "B": 0}, 2, 1)
    assert found["verdicts"][0] == {
        "case": "case 0", "winner": "tie", "consistent": True, "verdicts": ["equal", "equal"], "error": None,
    }  # fmt: skip
    sent = [body["messages"][-1]["content"] for _, body, _ in server.requests if body]
    assert len(sent) == 4
    assert sum(text.index("I am sure") < text.index("Second answer:") for text in sent) == 2


def test_two_pipelines_of_one_run_are_compared_too(runs: Path, server: Server, run) -> None:
    will(server, "Better: first", "Better: equal")
    found = data(run("eval", "prefer", "two:plain", "two-1:fancy", "--model", "local", "--json"))
    assert (found["pairs"], found["ties"], found["first"]["of"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("old", "gnu"), "there is no run 'gnu'"),
        (("old", "two"), "two-1: the run has answers of several pipelines: expected one of two-1:plain, two-1:fancy"),
        (
            ("old", "two:fanci"),
            "the run has no pipeline 'fanci': expected one of two-1:plain, two-1:fancy. Did you mean",
        ),
        (("old", "three"), "the two runs answer no case in common"),
    ],
)
def test_what_cannot_be_compared_is_said(names: tuple[str, str], words: str, runs: Path, run) -> None:
    keep(runs, "three", {"answer": {"another": "right"}})
    shown = run("eval", "prefer", *names)
    assert shown.exit_code == 2
    assert words in shown.stderr
    assert "Traceback" not in shown.output
