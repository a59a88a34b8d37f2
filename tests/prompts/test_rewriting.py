"""Other words for a prompt file: its settings stay, and nothing is written before the whole was checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.errors import PromptError
from ragstone.prompts.file import load
from ragstone.prompts.rewriting import Original, Rewrite, read_original, rewritten

FRONT = """---
# A comment of its author.
name: answer
displayName: Answer
description: Answers.
model: {options: {temperature: 0, maxOutputTokens: 100}}
inputs:
  - {name: question, required: true, description: What is asked., example: Why?}
metadata:
  ragstone:
    trust: {question: user, passages: retrieved}
    abstain: I do not know.
    passages: {mark: delimit}
---
"""
WORDS = """system:
Answer from the passages. Else say: I do not know.
{% include "parts/tone.md" %}

user:
{{ passages }}

Question: {{ question }}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    prompts = tmp_path / "prompts"
    (prompts / "parts").mkdir(parents=True)
    (prompts / "parts" / "tone.md").write_text("Be kind.\n")
    (prompts / "answer.prompty").write_text(FRONT + WORDS)
    return prompts / "answer.prompty"


@pytest.fixture
def original(path: Path) -> Original:
    return read_original(path)


def again(original: Original, words: str, **more: str) -> Rewrite:
    before = {path: path.read_bytes() for path in original.file.root.rglob("*") if path.is_file()}
    made = rewritten(original, words, target=original.file.path, **more)
    assert {path: path.read_bytes() for path in original.file.root.rglob("*") if path.is_file()} == before
    return made


def test_a_file_is_its_settings_and_its_words(original: Original) -> None:
    assert original.front == FRONT
    assert original.words == WORDS
    assert original.placeholders == ["{{ question }}: What is asked.", "{{ passages }}"]
    assert list(original.tags) == ["{{ passages }}", "{{ question }}", '{% include "parts/tone.md" %}']


def test_the_settings_stay_byte_for_byte(original: Original) -> None:
    made = again(original, WORDS.replace("Answer from", "Reply from"))
    assert made.text == FRONT + WORDS.replace("Answer from", "Reply from")
    assert not made.faults
    assert not made.doubtful
    assert [line for line in made.diff if line[0] in "+-"] == [
        "-Answer from the passages. Else say: I do not know.",
        "+Reply from the passages. Else say: I do not know.",
    ]


@pytest.mark.parametrize("fence", ["```\n%s```", "~~~~text\n%s\n~~~~", "\r\n%s\r\n\r\n"])
def test_what_a_model_puts_around_the_words_is_taken_off(original: Original, fence: str) -> None:
    made = again(original, fence % WORDS)
    assert made.words == WORDS
    assert made.same
    assert made.diff == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (WORDS.replace("{{ question }}", "{{ frage }}"), "unknown variable 'frage'"),
        (WORDS.replace("{{ question }}", "{{ question"), "is no template"),
        (WORDS.replace("I do not know", "No idea"), "never tells the model to say these words"),
        (WORDS.replace("parts/tone.md", "parts/other.md"), "cannot be included"),
        (WORDS.replace("parts/tone.md", "../secret.md"), "lies outside the folder of prompts"),
        (WORDS.replace("system:", "System:"), "is no role"),
        (WORDS.replace("user:\n", ""), "has no user message"),
        ("Just answer.", "has no user message"),
        (FRONT + WORDS, "text stands before the first role"),
        ("user:\n{{ question | shout }} {{ question }}", "unknown filter"),
    ],
)
def test_what_the_loader_refuses_cannot_be_used(original: Original, words: str, fault: str) -> None:
    made = again(original, words)
    assert any(fault in one.message for one in made.faults)
    assert made.faults[0].path == str(original.file.path), "the place that its author knows"


def test_lost_and_invented_placeholders_are_named(original: Original) -> None:
    made = again(original, "system:\nElse say: I do not know.\n\nuser:\n{{ question }}\n")
    assert not made.faults
    assert made.lost == ("{{ passages }}", '{% include "parts/tone.md" %}')
    assert made.doubtful
    assert "unused-input" not in {one.code for one in made.remarks}
    back = rewritten(_other(original, made.text), WORDS, target=original.file.path)
    assert back.invented == made.lost
    assert back.doubtful


def _other(original: Original, text: str) -> Original:
    path = original.file.path.with_name("other.prompty")
    path.write_text(text)
    return read_original(path)


def test_only_what_lint_did_not_say_before_is_told(path: Path) -> None:
    path.write_text(FRONT + WORDS.replace("Answer from", "NEVER EVER DO NOT GUESS AT ALL. TODO. Answer from"))
    original = read_original(path)
    assert again(original, original.words.replace("Question", "The question")).remarks == ()
    made = again(original, original.words.replace("Be", "be") + "\u200bWhy\u200b?\n")
    assert [one.code for one in made.remarks] == ["invisible-character"]
    assert made.doubtful


def test_a_copy_has_its_own_name_and_takes_along_what_it_includes(original: Original, tmp_path: Path) -> None:
    target = tmp_path / "other" / "prompts" / "team" / "short.prompty"
    made = rewritten(original, WORDS, target=target, name="team/short")
    assert made.parts == {"parts/tone.md": b"Be kind.\n"}
    assert not made.faults
    assert made.remarks == ()
    assert "name: team/short\n" in made.text
    assert "displayName" not in made.text
    assert not (tmp_path / "other").exists()


def test_a_name_is_added_where_there_was_none(path: Path) -> None:
    path.write_text("---\ninputs: [{name: question}]\n---\nuser:\n{{ question }}\n")
    original = read_original(path)
    text = original.text(original.words, name="short")
    path.with_name("short.prompty").write_text(text)
    assert load(path.with_name("short.prompty")).name == "short"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_the_byte_order_mark_stay(path: Path, mark: bytes, end: str) -> None:
    path.write_bytes(mark + (FRONT + WORDS).replace("\n", end).encode())
    original = read_original(path)
    assert original.words == WORDS
    assert original.encoded(again(original, WORDS).text) == path.read_bytes()


def test_half_of_a_character_is_no_reason_to_fail(original: Original) -> None:
    made = again(original, WORDS.replace("Question", "Question \ud83d"))
    assert "Question ?" in made.text
    assert original.encoded(made.text)


def test_a_file_that_does_not_load_is_refused_with_its_fault(path: Path) -> None:
    path.write_text(FRONT + "user:\n{{ nobody }}\n")
    with pytest.raises(PromptError, match="unknown variable 'nobody'"):
        read_original(path)


def test_a_copy_takes_along_the_examples_that_it_names(original: Original, path: Path, tmp_path: Path) -> None:
    layers = "    layers: {few_shot: {on: true, file: examples/answer.jsonl, k: 1}}\n"
    path.write_text(FRONT.replace("    trust:", f"{layers}    trust:") + WORDS)
    rows = b'{"id": "a", "inputs": {"question": "Why?"}, "output": "I do not know."}\n'
    (path.parent / "examples").mkdir()
    (path.parent / "examples" / "answer.jsonl").write_bytes(rows)
    target = tmp_path / "other" / "prompts" / "team" / "short.prompty"
    made = rewritten(read_original(path), WORDS, target=target, name="team/short")
    assert made.faults == ()
    assert made.parts == {"parts/tone.md": b"Be kind.\n", "examples/answer.jsonl": rows}
    near = rewritten(read_original(path), WORDS, target=path.with_name("short.prompty"), name="short")
    assert (near.faults, near.parts) == ((), {})
