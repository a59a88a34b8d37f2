"""Runs on disk: their names, what is read again, and what a kill leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.evaluated import outcome

from ragstone.errors import IndexBusy, StateError, UsageError
from ragstone.evaluation.cases import Case, Evidence
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.kept import Runs

FACTS: dict[str, Any] = {"suite": "handbook", "key": "k1", "ended": None, "pipelines": {"answer": {}}}


def finished(runs: Runs, *outcomes: Outcome, key: str = "k1") -> str:
    with runs.begin("handbook", {**FACTS, "key": key}, anew=True) as file:
        for one in outcomes:
            file.add(one)
        return file.end(file.facts).name


def test_what_is_kept_is_read_again(tmp_path: Path):
    case = Case(
        id="q",
        question="Wer? 谁?",
        where="evals/h.jsonl:1",
        expected=("Ana",),
        relevant=(Evidence(uri="a.md", grade=2, start=3, end=9, quote="Ana"),),
        tags=("x",),
        filters={"lang": "de"},
        principals=("group:hr",),
    )
    answer = {"text": "Ana [1].", "abstained": False, "hits": [], "citations": [], "confidence": 0.5}
    given = Outcome(
        case=case, pipeline="answer", repeat=1, answer=answer, seconds=0.25, rows={"f1": (1.0,)}, missed={"x": "why"}
    )
    runs = Runs(tmp_path)
    name = finished(runs, given, Outcome(case=case, pipeline="answer", error="ModelError: no"))
    run = runs.read(name)
    assert run.outcomes[1] == given
    assert (run.outcomes[0].error, run.name, run.pipelines) == ("ModelError: no", "handbook-1", ("answer",))
    assert run.facts["ended"] is not None


def test_a_run_is_found_by_its_name_its_suite_or_its_folder(tmp_path: Path):
    runs = Runs(tmp_path)
    for _ in range(11):
        finished(runs)
    assert runs.names()[-2:] == ["handbook-10", "handbook-11"]
    assert runs.find("handbook").name == "handbook-11"
    assert runs.find("handbook~1").name == "handbook-10"
    assert runs.find("handbook-2").name == "handbook-2"
    assert runs.find(str(runs.folder / "handbook-3")).name == "handbook-3"
    for unknown in ("handbook-12", "handbook~11", "handbok", "", ".."):
        with pytest.raises(UsageError, match="there is no run"):
            runs.find(unknown)


def test_a_run_that_was_cut_short_goes_on(tmp_path: Path):
    runs = Runs(tmp_path)
    with runs.begin("handbook", FACTS) as file:
        file.add(outcome("a", 1))
    with runs.begin("handbook", {**FACTS, "started": 5}) as again:
        assert again.name == "handbook-1"
        assert [one.case.id for one in again.outcomes] == ["a"]
        again.add(outcome("b", 0))
    assert [one.case.id for one in runs.read("handbook").outcomes] == ["a", "b"]


@pytest.mark.parametrize(("key", "anew", "ended"), [("k2", False, False), ("k1", True, False), ("k1", False, True)])
def test_another_run_is_begun(tmp_path: Path, key: str, anew: bool, ended: bool):
    runs = Runs(tmp_path)
    with runs.begin("handbook", FACTS) as file:
        file.add(outcome("a", 1))
        if ended:
            file.end(FACTS)
    with runs.begin("handbook", {**FACTS, "key": key}, anew=anew) as other:
        assert (other.name, other.outcomes) == ("handbook-2", [])


def test_half_a_line_is_cut_off(tmp_path: Path):
    runs = Runs(tmp_path)
    with runs.begin("handbook", FACTS) as file:
        file.add(outcome("a", 1))
        file.add(outcome("b", 1))
    path = runs.folder / "handbook-1/results.jsonl"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with runs.begin("handbook", FACTS) as again:
            kept = [one.case.id for one in again.outcomes]
            again.add(outcome("c", 1))
        assert kept == ["a", "b"][: whole[:length].count(b"\n")]
        assert [one.case.id for one in runs.read("handbook-1").outcomes] == [*kept, "c"]


def test_one_process_writes_a_run(tmp_path: Path):
    runs = Runs(tmp_path)
    with runs.begin("handbook", FACTS) as file:
        file.add(outcome("a", 1))
        with pytest.raises(IndexBusy, match="is being run by"), runs.begin("handbook", FACTS):
            pass
        with runs.begin("handbook", FACTS, anew=True) as other:
            assert other.name == "handbook-2"
    with runs.begin("handbook", FACTS, anew=False) as last:
        assert last.name == "handbook-2"


def test_what_is_damaged_is_said_with_its_place(tmp_path: Path):
    runs = Runs(tmp_path)
    finished(runs, outcome("a", 1))
    folder = runs.folder / "handbook-1"
    (folder / "results.jsonl").write_text('{"case": 3}\n')
    with pytest.raises(StateError, match=r"results\.jsonl:1"):
        runs.read("handbook-1")
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(StateError, match="another version"):
        runs.read("handbook-1")
    (folder / "run.json").write_text("{")
    with pytest.raises(StateError, match="cannot be read"):
        runs.read("handbook-1")


def test_outcomes_stand_in_the_order_of_the_suite_and_the_last_of_each_counts(tmp_path: Path):
    def at(line: int, **more: Any) -> Outcome:
        case = Case(id=f"c{line}", question="q", where=f"evals/h.jsonl:{line}")
        return Outcome(case=case, pipeline="answer", **more)

    runs = Runs(tmp_path)
    name = finished(runs, at(10), at(2, error="ModelError: no"), at(9, repeat=1), at(9), at(2, seconds=1.0))
    found = [(one.case.id, one.repeat, one.error, one.seconds) for one in runs.read(name).outcomes]
    assert found == [("c2", 0, "", 1.0), ("c9", 0, "", 0.0), ("c9", 1, "", 0.0), ("c10", 0, "", 0.0)]
