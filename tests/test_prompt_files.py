"""The prompt files of a project, from the SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import UsageError
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    return tmp_path


def test_a_projects_own_prompts_stand_beside_those_that_ship(folder: Path):
    (folder / "prompts" / "mine.prompty").write_text("---\nname: mine\ninputs: [{name: a}]\n---\nuser:\n{{ a }}\n")
    (folder / "prompts" / "judge.prompty").unlink()
    answer = folder / "prompts" / "answer.prompty"
    answer.write_text(answer.read_text().replace("You answer questions", "You reply to questions"))
    with ragstone.open(folder) as rag:
        found = {one.name: one for one in rag.prompts().all()}
        assert rag.prompts().has("mine")
        assert not rag.prompts().has("starters/mine")
    origins = {name: found[name].origin for name in ("mine", "judge", "answer", "chat")}
    assert origins == {"mine": "own", "judge": "shipped", "answer": "changed", "chat": "as shipped"}
    assert [given.name for given in found["mine"].inputs] == ["a"]


def test_an_edit_is_shown_at_once_with_its_faults(folder: Path):
    path = folder / "prompts" / "answer.prompty"
    with ragstone.open(folder) as rag:
        before = rag.prompts().show("answer")
        path.write_text(before.text.replace("kind: string", "kind: sting"))
        after = rag.prompts().show("answer")
    assert before.findings == ()
    assert before.listed.version
    assert after.listed.version is None
    assert after.listed.fault
    assert [one.severity for one in after.findings] == ["error"]
    assert after.as_dict()["findings"][0]["path"] == "prompts/answer.prompty"


def test_an_unknown_prompt_is_refused_and_the_nearest_named(folder: Path):
    with ragstone.open(folder) as rag, pytest.raises(UsageError, match="there is no prompt 'answr'") as raised:
        rag.prompts().show("answr")
    assert raised.value.hint is not None
    assert "answer" in raised.value.hint


def test_without_a_project_there_are_those_that_ship():
    parts = {"store": MemoryStore(), "lexical": MemoryLexicalIndex(), "model": ScriptedModel(["a"])}
    with ragstone.Rag(embedder=HashingEmbedder(), **parts) as rag:
        assert "answer" in {one.name for one in rag.prompts().all()}
        assert rag.prompts().show("answer").text
