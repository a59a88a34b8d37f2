"""`ragstone prompt import`."""

from __future__ import annotations

import json
from pathlib import Path

OLD = "---\nmodel: {api: chat, configuration: {type: openai}}\nsample: {question: Why}\n---\nuser:\n{{question}}\n"


def test_a_file_is_written_and_its_losses_are_printed(project: Path, run) -> None:
    Path("basic.prompty").write_text(OLD)
    shown = run("prompt", "import", "basic.prompty", "--to", "mine")
    assert shown.exit_code == 0, shown.output
    assert "left out  basic.prompty:2:20: model.configuration: Connections and keys stand" in shown.stdout
    assert "1 left out, 0 changed." in shown.stdout
    explained = run("prompt", "explain", "mine", "--set", "question=Who?")
    assert explained.exit_code == 0, explained.output
    assert "Who?" in explained.stdout


def test_nothing_is_written_over_without_force(project: Path, run) -> None:
    before = (project / "prompts" / "answer.prompty").read_text()
    Path("answer.prompty").write_text(OLD)
    shown = run("prompt", "import", "answer.prompty")
    assert shown.exit_code == 2
    assert "prompts/answer.prompty: is there already" in shown.stderr
    assert (project / "prompts" / "answer.prompty").read_text() == before
    assert run("prompt", "import", "answer.prompty", "--force").exit_code == 0
    assert (project / "prompts" / "answer.prompty").read_text() != before


def test_a_dry_run_writes_nothing(project: Path, run) -> None:
    Path("basic.prompty").write_text(OLD)
    shown = run("prompt", "import", "basic.prompty", "--dry-run", "--json")
    found = json.loads(shown.stdout)
    assert found["written"] is False
    assert [loss["what"] for loss in found["files"][0]["losses"]] == ["model.configuration"]
    assert not (project / "prompts" / "basic.prompty").exists()


def test_a_fault_in_one_file_leaves_nothing_written(project: Path, run) -> None:
    Path("good.prompty").write_text(OLD)
    Path("bad.prompty").write_text("just words")
    shown = run("prompt", "import", "good.prompty", "bad.prompty")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("ragstone: bad.prompty:1:1: is no prompt file")
    assert not (project / "prompts" / "good.prompty").exists()
    assert run("prompt", "import", "good.prompty", "--to", "../x").exit_code == 2
    assert "Did you mean 'good.prompty'?" in run("prompt", "import", "god.prompty").stderr
