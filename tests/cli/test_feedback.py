"""`ragstone feedback`: what people say of answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import ragstone
from ragstone.cli.app import app
from ragstone.cli.init import Default, write

SHIPS = "When does the halibut project ship?"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


def run(project: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["feedback", *words, "--project", str(project)])


def test_what_is_added_is_listed(project: Path):
    with ragstone.open(project) as rag:
        trace = rag.ask(SHIPS, principals=["group:hr"]).trace_id
    added = run(project, "add", trace[:10], "--bad", "--correction", "On 4 May.", "--by", "ana")
    assert (added.exit_code, added.stdout) == (0, "")
    assert f"kept for {trace}: bad" in added.stderr
    (listed,) = json.loads(run(project, "list", "--json").stdout)
    assert (listed["trace"], listed["good"], listed["correction"]) == (trace, False, "On 4 May.")
    assert listed["citations"] == ["documents/halibut.md"]
    shown = run(project, "list", "--limit", "3").stdout
    assert trace in shown
    assert "bad" in shown


def test_a_principal_sees_its_own_answers_alone(project: Path):
    with ragstone.open(project) as rag:
        trace = rag.ask(SHIPS, principals=["group:hr"]).trace_id
    shown = run(project, "add", trace, "--good", "--principal", "group:it")
    assert (shown.exit_code, "there is no trace" in shown.stderr) == (2, True)
    assert json.loads(run(project, "add", trace, "--good", "--principal", "group:hr", "--json").stdout)["good"] is True


@pytest.mark.parametrize(("words", "said"), [(["nothing", "--good"], "no trace 'nothing'"), (["a"], "nothing is said")])
def test_mistakes_are_said_in_one_line(project: Path, words: list[str], said: str):
    shown = run(project, "add", *words)
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert said in shown.stderr
