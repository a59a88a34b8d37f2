"""Prompt files that are edited while they are in use."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragstone.errors import PromptError
from ragstone.prompts import library
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile
from ragstone.prompts.library import Library

TEXT = """---
inputs: [{name: question, kind: string, required: true}]
---
system:
%s

user:
{{ question }}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    return tmp_path


@pytest.fixture
def prompts(folder: Path) -> Library:
    return Library(lambda name: folder / f"{name}.prompty")


def said(file: PromptFile) -> str:
    return build(file, {"question": "Why?"}, hits=[]).messages[0].content


def write(path: Path, text: str) -> None:
    """So that the file looks another one, also where two edits fall into one tick of the file system's clock."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    while path.stat().st_mtime_ns == before:
        time.sleep(0.001)
        path.write_text(text)


def test_an_edit_counts_from_the_next_request_on(folder: Path, prompts: Library):
    write(folder / "answer.prompty", TEXT % "Be short.")
    first = prompts.get("answer")
    assert prompts.get("answer") is first
    write(folder / "answer.prompty", TEXT % "Be long.")
    assert said(prompts.get("answer")) == "Be long."
    assert prompts.get("answer").version != first.version


def test_an_edit_of_what_it_includes_counts_too(folder: Path, prompts: Library):
    write(folder / "parts/tone.md", "Be short.")
    write(folder / "answer.prompty", TEXT % '{% include "parts/tone.md" %}')
    assert said(prompts.get("answer")) == "Be short."
    write(folder / "parts/tone.md", "Be long.")
    assert said(prompts.get("answer")) == "Be long."


def test_an_edit_of_the_words_for_outputs_counts_too(folder: Path, prompts: Library):
    part = (Path(__file__).parents[2] / "prompts/parts/outputs.md").read_text(encoding="utf-8")
    write(folder / "parts/outputs.md", part)
    outputs = "outputs: [{name: year, kind: integer}]\ninputs:"
    write(folder / "answer.prompty", (TEXT % "Be short.").replace("inputs:", outputs))
    first = prompts.get("answer")
    write(folder / "parts/outputs.md", f"Take care.\n\n{part}")
    found = prompts.get("answer")
    assert found.version != first.version
    assert found.output is not None
    assert found.output.words.startswith("Take care.")


def test_an_edit_of_its_examples_counts_too(folder: Path, prompts: Library):
    rows = folder / "rows.jsonl"
    write(rows, '{"inputs": {"question": "A?"}, "output": "Yes."}')
    layer = "metadata:\n  ragstone:\n    layers: {few_shot: {file: rows.jsonl, k: 1}}\n---\nsystem"
    write(folder / "answer.prompty", (TEXT % "Be short.").replace("---\nsystem", layer))
    first = prompts.get("answer")
    write(rows, '{"inputs": {"question": "A?"}, "output": "No."}')
    assert build(prompts.get("answer"), {"question": "Why?"}, hits=[]).messages[2].content == "No."
    assert prompts.get("answer").version != first.version


def test_an_edit_of_the_words_of_a_layer_counts_too(folder: Path, prompts: Library):
    layer = "metadata:\n  ragstone:\n    layers: {cot: {on: true}}\n    persona: {file: clerk.md}\n---\nsystem"
    write(folder / "clerk.md", "You are a clerk.")
    write(folder / "answer.prompty", (TEXT % "Be short.").replace("---\nsystem", layer))
    first = prompts.get("answer")
    (folder / "layers/cot").mkdir(parents=True)
    write(folder / "layers/cot/zero_shot.md", "Denke nach. {{ marker }}")  # in place of the words that ship
    found = prompts.get("answer")
    assert found.version != first.version
    assert build(found, {"question": "Why?"}, hits=[]).messages[-1].content.endswith("Denke nach. Answer:")
    write(folder / "clerk.md", "You are another clerk.")
    assert build(prompts.get("answer"), {"question": "Why?"}, hits=[]).messages[0].content.startswith("You are another")


def test_a_broken_edit_leaves_the_last_good_version_and_says_so(
    folder: Path, prompts: Library, caplog: pytest.LogCaptureFixture
):
    write(folder / "answer.prompty", TEXT % "Be short.")
    good = prompts.get("answer")
    write(folder / "answer.prompty", TEXT % "Be {{ lenght }}.")
    for _ in range(3):
        found = prompts.get("answer")
        assert said(found) == "Be short."
        assert "answer.prompty:5:7: unknown variable 'lenght'" in found.fault
        assert found.version == good.version
    assert caplog.text.count("last good version") == 1, "the log says it once"
    write(folder / "answer.prompty", TEXT % "Be long.")
    assert (said(prompts.get("answer")), prompts.get("answer").fault) == ("Be long.", "")


def test_a_fault_that_is_mended_in_an_included_file_is_noticed(
    folder: Path, prompts: Library, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(library, "PATIENCE", 0)
    write(folder / "answer.prompty", TEXT % "Be short.")
    prompts.get("answer")
    write(folder / "parts/tone.md", "Be {{ lenght }}.")
    write(folder / "answer.prompty", TEXT % '{% include "parts/tone.md" %}')
    assert prompts.get("answer").fault
    write(folder / "parts/tone.md", "Be long.")
    assert (said(prompts.get("answer")), prompts.get("answer").fault) == ("Be long.", "")


def test_a_file_that_is_gone_stays_in_use_and_one_that_never_loaded_is_an_error(folder: Path, prompts: Library):
    write(folder / "answer.prompty", TEXT % "Be short.")
    prompts.get("answer")
    (folder / "answer.prompty").unlink()
    assert "no such file" in prompts.get("answer").fault
    with pytest.raises(PromptError, match="no such file"):
        prompts.get("other")
    write(folder / "other.prompty", "---\n")
    with pytest.raises(PromptError, match="no end of its front matter"):
        prompts.get("other")


def test_many_threads_share_it(folder: Path, prompts: Library):
    write(folder / "answer.prompty", TEXT % "Be short.")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: prompts.get("answer"), range(50)))
    assert all(one is found[0] for one in found)
