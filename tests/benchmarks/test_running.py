"""The harness with tiny sides: who runs when, what is read, and what becomes of a side that fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from bench import environments, running
from bench.row import Measure, Row, Side

SPEED = Measure(name="speed", unit="1/s", better="higher")
WAIT = Measure(name="wait", unit="ms", better="lower", digits=2)
PRINT = "import json; print('warming up'); print(json.dumps({}))"


def side(name: str, code: str, *, ours: bool = False) -> Side:
    return Side(name=name, environment="ours", command=("-c", code), packages=("pydantic",), ours=ours)


def says(name: str, figures: object, *, ours: bool = False) -> Side:
    return side(name, f"import json; print('warming up'); print(json.dumps({figures!r}))", ours=ours)


def row(*sides: Side, needs: tuple[str, ...] = ()) -> Row:
    return Row(name="tiny", title="Tiny", what="Prints.", measures=(SPEED, WAIT), sides=sides, needs=needs)


def test_the_sides_take_turns_and_every_run_is_kept() -> None:
    said: list[str] = []
    sides = says("a", {"speed": 3, "wait": 1.5}, ours=True), says("b", {"speed": 2, "wait": 1})
    found = running.run(row(*sides), repeats=2, quick=False, say=said.append)
    assert said == [f"tiny: {name}, run {number} of 2" for number in (1, 2) for name in "ab"]
    assert found["sides"][0]["runs"] == {"speed": [3, 3], "wait": [1.5, 1.5]}
    assert found["compared"]["speed"] == {"ours": "a", "peer": "b", "ratio": 1.5, "verdict": "ahead"}
    assert found["compared"]["wait"]["verdict"] == "behind"
    assert found["sides"][0]["packages"]["pydantic"].count(".") == 2


def test_a_side_that_fails_is_asked_once_and_the_others_go_on() -> None:
    said: list[str] = []
    broken = side("b", "import sys; sys.exit('no such store')")
    found = running.run(row(says("a", {"speed": 3}, ours=True), broken), repeats=2, quick=False, say=said.append)
    assert [line for line in said if "b, run" in line] == ["tiny: b, run 1 of 2"]
    assert found["sides"][1]["failed"] == "no such store"
    assert found["sides"][1]["figures"] == {}
    assert found["sides"][0]["runs"] == {"speed": [3, 3]}
    assert found["compared"] == {}


def test_a_measure_that_a_side_does_not_have_is_not_compared() -> None:
    sides = says("a", {"speed": 3, "wait": 1}, ours=True), says("b", {"speed": 4, "wait": None, "notes": ["no wait"]})
    found = running.run(row(*sides), repeats=1, quick=False)
    assert found["compared"].keys() == {"speed"}
    assert found["sides"][1]["notes"] == ["no wait"]


def test_a_side_knows_whether_it_is_quick_and_where_its_row_keeps_what_all_share() -> None:
    code = (
        "import json, os; from pathlib import Path; kept = Path(os.environ['BENCH_KEPT']) / 'seen'; "
        "seen = kept.exists(); kept.touch(); "
        "print(json.dumps({'speed': int(seen), 'wait': int(os.environ['BENCH_QUICK'])}))"
    )
    found = running.run(row(side("a", code, ours=True), side("b", code)), repeats=2, quick=True)
    assert [each["runs"] for each in found["sides"]] == [
        {"speed": [0, 1], "wait": [1, 1]},
        {"speed": [1, 1], "wait": [1, 1]},
    ]
    assert found["mode"] == "quick"
    assert found["load"] >= 0


def test_sides_of_a_quick_run_have_half_of_the_cores_and_the_first_runs_alone(tmp_path: Path) -> None:
    if len(os.sched_getaffinity(0)) < 4:
        pytest.skip("needs four cores")
    code = (
        "import json, os, pathlib, time\n"
        f"log = pathlib.Path({str(tmp_path / 'log')!r}).open('a')\n"
        "log.write('begun\\n'); log.flush(); time.sleep(0.5); log.write('ended\\n'); log.flush()\n"
        "print(json.dumps({'speed': sum(os.sched_getaffinity(0))}))"
    )
    found = running.run(row(*(side(name, code, ours=name == "a") for name in "abc")), repeats=1, quick=True)
    (first,), (second,), (third,) = (one["runs"]["speed"] for one in found["sides"])
    assert first in (second, third)
    assert second != third
    assert (tmp_path / "log").read_text().split() == ["begun", "ended", "begun", "begun", "ended", "ended"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('hello')", "its last line is no JSON object: hello"),
        ("print([1])", "its last line is no JSON object: [1]"),
        ("pass", "it printed nothing"),
        ("""print('{"sped": 3}')""", "'sped', which is no measure"),
        ("""print('{"speed": "fast"}')""", "'speed' is no number: 'fast'"),
        ("""print('{"speed": NaN}')""", "'speed' is no number: nan"),
        ("""print('{"speed": true}')""", "'speed' is no number: True"),
        ("import os; os._exit(7)", "it ended with 7 and said nothing"),
        ("raise ValueError('boom')", "ValueError: boom"),
        ("import json; print('x' * 10**6); raise SystemExit('after much')", "after much"),
    ],
)
def test_a_side_that_prints_no_figures_fails_with_one_line(code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(running.SideFailed) as caught:
        running.run_once(side("a", code), row(), kept=tmp_path, quick=False)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_side_whose_time_is_over_fails_and_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = f"import subprocess, sys; subprocess.run([{sys.executable!r}, '-c', 'import time; time.sleep(600)'])"
    monkeypatch.setattr(running, "LIMIT", 0.5)
    with pytest.raises(running.SideFailed, match=r"not done after"):
        running.run_once(side("a", child), row(), kept=tmp_path, quick=False)


def test_a_row_says_what_this_machine_lacks_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(running, "DATA", tmp_path / "none")
    assert running.lacking(row(needs=("data",))) == "RAGSTONE_DATA names no folder with the evaluation data"
    assert running.lacking(row()) == ""


def test_an_environment_that_cannot_be_made_fails_its_sides_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str) -> str:
        if name == "ours":
            return sys.executable
        raise environments.EnvironmentFailed("ERROR: no matching distribution")

    monkeypatch.setattr(environments, "made", refused)
    peer = Side(name="b", environment="peers", command=("-c", ""), packages=("langchain",))
    found = running.run(row(says("a", {"speed": 3}, ours=True), peer), repeats=1, quick=False)
    assert found["sides"][0]["failed"] is None
    assert found["sides"][1]["failed"] == "ERROR: no matching distribution"
    assert found["sides"][1]["packages"] == {"langchain": None}


def test_an_environment_is_kept_while_its_locks_are_as_old_as_it(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    for lock in ("build", "peers", "litellm"):
        (tmp_path / f"requirements/{lock}.txt").touch()
    folder = tmp_path / "benchmarks/.venv-peers"
    folder.mkdir(parents=True)
    (folder / ".done").touch()
    assert environments.made("peers", root=tmp_path) == str(folder / "bin/python")


def test_an_environment_that_pip_refuses_says_pips_last_line(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / ".ci").mkdir()
    python = tmp_path / ".ci/find-python"
    python.write_text(f"#!/bin/sh\necho {sys.executable}\n")
    python.chmod(0o755)
    for lock in ("build", "peers", "litellm"):
        (tmp_path / f"requirements/{lock}.txt").write_text("== no name\n")
    with pytest.raises(environments.EnvironmentFailed, match="== no name"):
        environments.made("peers", root=tmp_path)
    assert not (tmp_path / "benchmarks/.venv-peers/.done").exists()
