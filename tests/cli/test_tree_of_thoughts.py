"""What the commands say of a prompt file with a tree of thoughts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def tree(project: Path) -> Path:
    path = project / "prompts" / "puzzle.prompty"
    layers = "layers: {tree_of_thoughts: {search: dfs}}"
    front = f"inputs: [{{name: question, required: true}}]\nmetadata: {{ragstone: {{{layers}}}}}"
    path.write_text(f"---\n{front}\n---\nuser:\n{{{{ question }}}}\n")
    return path


def test_explain_tells_the_calls_before_any_is_made(tree: Path, run) -> None:
    shown = run("prompt", "explain", "puzzle", "--set", "question=Who?")
    assert shown.exit_code == 0
    assert "9 calls, at most 17" in shown.stderr
    assert "tree_of_thoughts, propose: 2 calls, at most 4" in shown.stderr
    assert "tree_of_thoughts, value: 6 calls, at most 12" in shown.stderr
    assert "tree_of_thoughts, answer: 1 call" in shown.stderr
    told = json.loads(run("prompt", "explain", "puzzle", "--set", "question=Who?", "--json").stdout)
    assert (told["calls"], told["worst_case_calls"]) == (9, 17)
    assert [message["content"] for message in told["messages"]] == ["Who?"]


def test_show_names_its_settings(tree: Path, run) -> None:
    shown = run("prompt", "show", "puzzle").stdout
    assert "layer tree_of_thoughts: breadth 3, depth 2, search dfs, propose 3" in shown.replace("\n", " ")


def test_check_names_the_place_of_a_setting_that_cannot_work(tree: Path, run) -> None:
    tree.write_text(tree.read_text().replace("search: dfs", "max_calls: 4"))
    said = " ".join(run("check").output.split())
    assert "puzzle.prompty:3:51: 4 calls do not even make the first step: expected at least 5" in said
