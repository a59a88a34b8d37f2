"""`ragstone eval run`, `gate` and `compare` as a person and as CI meet them, kill -9 and Ctrl-C among it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.rule_server import Messages, RuleServer, serving_rule

import ragstone
from ragstone.cli.init import Default, write

NAMES = [f"ship {number}" for number in range(12)]
SPEC = "cases: ships.jsonl\nconcurrency: 1\nmetrics: [contained]\ngates:\n  - {metric: contained, at_least: 0.9}\n"


def reader(messages: Messages) -> str:
    """Says the pier that the passages give for the ship that is asked for, in a twentieth of a second."""
    time.sleep(0.05)
    text = messages[-1]["content"]
    asked = re.search(r"Question: Where does (ship \d+) moor", text)
    found = asked and re.search(
        rf"\[(\d+)\][^\n]*\n<<<\w+\n(?:(?!>>>).)*{asked[1]} moors at (pier \d+)\.", text, re.DOTALL
    )
    return f"At {found[2]} [{found[1]}]." if found else "The documents do not answer this question."


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "ships"
    write(folder, model=Default.local)
    for number, name in enumerate(NAMES):
        (folder / "documents" / f"{number}.md").write_text(f"# {name}\n\nThe {name} moors at pier {number + 20}.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def project(ingested: Path) -> Iterator[tuple[Path, RuleServer]]:
    for left in ("evals", ".ragstone/evals"):
        shutil.rmtree(ingested / left, ignore_errors=True)
    (ingested / "evals").mkdir()
    (ingested / "evals/ships.yaml").write_text(SPEC)
    cases(ingested)
    with serving_rule(reader) as server:
        yield ingested, server


def cases(root: Path, *, wrong: int = 0) -> None:
    """One case for each ship; what is expected of the first is wrong."""
    rows = [
        {"question": f"Where does {name} moor?", "expected": "pier 7" if number < wrong else f"pier {number + 20}"}
        for number, name in enumerate(NAMES)
    ]
    (root / "evals/ships.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def started(project: tuple[Path, RuleServer], *arguments: str) -> subprocess.Popen[str]:
    root, server = project
    environment = {**os.environ, "RAGSTONE_LOCAL_URL": server.url, "RAGSTONE_LOCAL_MODEL": "reader", "COLUMNS": "80"}
    return subprocess.Popen(
        [sys.executable, "-m", "ragstone", *arguments], cwd=root, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def called(project: tuple[Path, RuleServer], *arguments: str) -> tuple[int, str, str]:
    process = started(project, *arguments)
    out, error = process.communicate(timeout=120)
    return process.returncode, out, error


def stopped(project: tuple[Path, RuleServer], by: signal.Signals) -> tuple[int, int]:
    """Sends a signal once two answers are kept. What the process ends with, and how many are kept then."""
    results = project[0] / ".ragstone/evals/ships-1/results.jsonl"
    process = started(project, "eval", "run", "ships")
    end = time.monotonic() + 60
    while not results.exists() or results.read_bytes().count(b"\n") < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(by)
    process.communicate(timeout=60)
    return process.returncode, results.read_bytes().count(b"\n")


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_run_that_was_ended_goes_on_where_it_was(project: tuple[Path, RuleServer], by: signal.Signals) -> None:
    code, kept = stopped(project, by)
    assert code == (-signal.SIGKILL if by is signal.SIGKILL else 130)
    assert 2 <= kept < len(NAMES)
    results = project[0] / ".ragstone/evals/ships-1/results.jsonl"
    with results.open("ab") as file:
        file.write(b'{"case": {"id": "half a li')  # what a kill may leave of the next line
    asked = len(project[1].asked)
    code, out, error = called(project, "eval", "run", "ships", "--json")
    assert code == 0, error
    assert f"ships-1 was cut short and goes on: {kept} of {len(NAMES)} are there." in error
    found = json.loads(out)
    assert (found["run"], found["cases"], found["failed"]) == ("ships-1", len(NAMES), 0)
    assert found["pipelines"]["answer"]["contained"]["value"] == 1
    assert len(project[1].asked) - asked == len(NAMES) - kept
    answers = [json.loads(line)["case"]["question"] for line in results.read_text().splitlines()]
    assert sorted(answers) == sorted(f"Where does {name} moor?" for name in NAMES)


@pytest.mark.slow
def test_ci_is_told_by_the_exit_code(project: tuple[Path, RuleServer]) -> None:
    root = project[0]
    code, out, error = called(project, "eval", "run", "ships", "--gate")
    assert (code, error) == (0, "")
    assert "contained at least 0.9" in out
    cases(root, wrong=4)
    code, out, _ = called(project, "eval", "run", "ships", "--gate")
    assert code == 1
    assert "1 of 2 gates failed." in out
    assert called(project, "eval", "gate", "ships~1")[0] == 0
    code, out, _ = called(project, "eval", "gate", "ships-2", "--json")
    held = json.loads(out)
    assert (code, held["run"], held["passed"]) == (1, "ships-2", False)
    code, out, _ = called(project, "eval", "compare", "ships~1", "ships", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["cases"], found["left_out"], len(found["flips"])) == (len(NAMES), [], 4)
    assert found["changes"]["contained"]["before"] == 1
