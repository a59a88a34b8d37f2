"""The file of a prompt's tests: what it may hold, and how each mistake in it is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import PromptError
from ragstone.prompts.file import PromptFile, load

PROMPT = """---
inputs:
  - {{name: question, kind: string, required: true}}
  - {{name: count, kind: integer, default: 3}}
  - {{name: tone, kind: string, enumValues: [kind, plain]}}
{more}---
system:
Answer.

user:
{passages}{{{{ question }}}} {{{{ count }}}} {{{{ tone }}}}
"""
READS = "{{ passages }}\n"
GOOD = """cases:
  - name: first
    inputs: {question: Why?, count: 2}
    passages: [One., {text: Two., title: T, uri: two.md}]
    history: [{role: user, content: Hi.}, {role: assistant, content: Hello.}]
    sent: [{contains: {text: [One, Two], role: user}}, {roles: [system, user, assistant, user]}, {max_tokens: 90}]
    expect: [{contains: a}, {citation: [1, 2]}, {similarity: yes}, {judge: It is good.}]
    repeats: 3
    at_least: 0.5
    needs_writing: true
"""


def write(
    folder: Path, cases: str | None, *, more: str = "", passages: str = READS, named: str = "tests/a.yaml"
) -> Path:
    (folder / "tests").mkdir(exist_ok=True)
    if cases is not None:
        (folder / "tests" / "a.yaml").write_text(cases, encoding="utf-8")
    path = folder / "a.prompty"
    front = f"{more}metadata: {{ragstone: {{tests: {named}}}}}\n"
    path.write_text(PROMPT.format(more=front, passages=passages), encoding="utf-8")
    return path


def read(folder: Path, cases: str | None, **given_: str) -> PromptFile:
    file = load(write(folder, cases, **given_), root=folder)
    file.cases()
    return file


def faults(folder: Path, cases: str | None, **given_: str) -> list[str]:
    with pytest.raises(PromptError) as error:
        read(folder, cases, **given_)
    return [str(one).replace(f"{folder}{os.sep}", "") for one in error.value.faults or (error.value,)]


def test_a_case_has_what_the_file_says(tmp_path: Path) -> None:
    (case,) = read(tmp_path, GOOD).cases()
    assert (case.name, case.repeats, case.at_least, case.needs_writing) == ("first", 3, 0.5, True)
    assert case.inputs == {"question": "Why?", "count": 2}
    assert [(hit.chunk.uri, hit.chunk.text, hit.rank) for hit in case.passages] == [
        ("passage-1", "One.", 1),
        ("two.md", "Two.", 2),
    ]
    assert [turn.content for turn in case.history] == ["Hi.", "Hello."]
    assert [check.name for check in case.sent] == ["contains", "roles", "max_tokens"]
    assert [check.name for check in case.expect] == ["contains", "citation", "similarity", "judge"]
    assert case.where.endswith("a.yaml:2:5")
    assert case.expect[1].where.endswith("a.yaml:7:30")


def test_no_version_depends_on_the_tests(tmp_path: Path) -> None:
    with_tests = write(tmp_path, GOOD)
    first = load(with_tests, root=tmp_path).version
    (tmp_path / "tests" / "a.yaml").write_text(GOOD.replace("first", "second"), encoding="utf-8")
    assert load(with_tests, root=tmp_path).version == first
    text = with_tests.read_text(encoding="utf-8")
    for change in ("", "metadata: {tags: []}\n"):
        with_tests.write_text(text.replace("metadata: {ragstone: {tests: tests/a.yaml}}\n", change), encoding="utf-8")
        assert (load(with_tests, root=tmp_path).version == first) is (change == "")
    assert load(with_tests, root=tmp_path).cases() == ()


CASE = "cases:\n  - name: a\n    inputs: {question: Why?}\n    "


@pytest.mark.parametrize(
    ("cases", "fault"),
    [
        ("", "tests/a.yaml:1:1: the key 'cases' is missing"),
        ("- name: a", "tests/a.yaml:1:1: holds no cases: expected a line 'cases:' and a list below it"),
        ("cases: []", "tests/a.yaml:1:1: has no cases."),
        ("cases: {a: 1}", "tests/a.yaml:1:1: cases:"),
        ("cases: [", "tests/a.yaml:1:9: is not valid YAML:"),
        ("case: []", "tests/a.yaml:1:1: unknown key 'case': expected one of cases. Did you mean 'cases'?"),
        (CASE, "tests/a.yaml:2:5: the case 'a' checks nothing: expected a list under `sent` or `expect`"),
        (CASE + "expects: []", "tests/a.yaml:4:5: unknown key 'cases.0.expects'"),
        (CASE + "expect: [{contians: x}]", "Did you mean 'contains'?"),
        (CASE + "sent: [{citation: 1}]", "tests/a.yaml:4:13: unknown key 'cases.0.sent.0.citation'"),
        (CASE + "expect: [contains]", "tests/a.yaml:4:14:"),
        (CASE + "expect: [{}]", "tests/a.yaml:4:14: each check stands on a line of its own: expected one key"),
        (CASE + "expect: [{contains: a, regex: b}]", "expected one key, found contains, regex"),
        (CASE + "expect: [contains: ]", "tests/a.yaml:4:14: the check 'contains' has no value"),
        (CASE + "expect: [contains: 5]", "tests/a.yaml:4:14:"),
        (CASE + "expect: [contains: []]", "tests/a.yaml:4:14:"),
        (CASE + "expect: [regex: '(']", "tests/a.yaml:4:14: cases.0.expect.0.regex: is no regular expression:"),
        (CASE + "expect: [json_schema: {type: strng}]", "is no JSON Schema: type: 'strng' is not"),
        (CASE + "expect: [json_schema: {$ref: 'http://example.org/a'}]", "leads nowhere in it"),
        (CASE + "expect: [json_schema: {$ref: '#/$defs/b'}]", "leads nowhere in it"),
        (CASE + "expect: [answer: []]", "tests/a.yaml:4:14:"),
        (CASE + "expect: [answer: {right: 4, feild: a}]", "unknown key 'cases.0.expect.0.answer.feild'"),
        (CASE + "expect: [answer: {right: 4, field: a}]", "tests/a.yaml:4:14: the prompt has no outputs, so no field"),
        (CASE + "expect: [schema: true]", "tests/a.yaml:4:14: the prompt has no outputs. Write json_schema"),
        (CASE + "expect: [citation: 1]", "the case has no such passage: expected at most 0"),
        (CASE + "expect: [citation: always]", "should be the number of a passage, a list of such numbers, 'nothing'"),
        (CASE + "expect: [citation: 0]", "should be the number of a passage"),
        (CASE + "expect: [words: many]", "tests/a.yaml:4:14:"),
        (CASE + "expect: [lines: -1]", "lines: should be greater than or equal to 0: found -1"),
        (CASE + "expect: [similarity: {to: a, at_least: 2}]", "at_least: input should be less than or equal to 1"),
        (CASE + "expect: [judge: {rubric: a, at_least: 6}]", "at_least: input should be less than or equal to 5"),
        (CASE + "expect: [judge: {rubrik: a}]", "unknown key"),
        (CASE + "sent: [roles: [sistem]]", "Did you mean 'system'?"),
        (CASE + "repeats: 0", "repeats: input should be greater than or equal to 1"),
        (CASE + "at_least: 0", "at_least: input should be greater than 0"),
        ("cases: [{name: a, sent: [contains: a]}]", "tests/a.yaml:1:9: the input 'question' is missing"),
        (
            CASE + "sent: [contains: a]\n" + CASE[7:] + "sent: [contains: a]",
            "tests/a.yaml:5:5: the case 'a' stands here twice",
        ),
        (
            "cases:\n  - {name: a, inputs: {qestion: Why?}, sent: [contains: a]}",
            "tests/a.yaml:2:24: there is no input 'qestion': expected one of question, count, tone. "
            "Did you mean 'question'?",
        ),
        (
            "cases:\n  - {name: a, inputs: {question: 5}, sent: [contains: a]}",
            "tests/a.yaml:2:24: the input 'question' is of another kind: expected string, found int 5",
        ),
        (
            "cases:\n  - {name: a, inputs: {question: a, tone: rude}, sent: [contains: a]}",
            "tests/a.yaml:2:37: the input 'tone' is none of its enumValues: found 'rude'",
        ),
    ],
)
def test_a_mistake_is_told_when_the_prompt_is_read(cases: str, fault: str, tmp_path: Path) -> None:
    found = faults(tmp_path, cases)
    assert any(fault in one for one in found), found
    assert all(one.startswith("tests/a.yaml:") for one in found)


def test_passages_need_a_prompt_that_reads_them(tmp_path: Path) -> None:
    cases = CASE + "passages: [One.]\n    expect: [citation: nothing]"
    assert faults(tmp_path, cases, passages="") == [
        "tests/a.yaml:4:5: the prompt reads no passages. Give the text as an input.",
        "tests/a.yaml:5:14: the prompt reads no passages, so it cites nothing",
    ]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    cases = CASE + "expect: [citation: 3, {}]\n  - name: a\n    sent: [contains: b]"
    assert len(faults(tmp_path, cases)) == 4


@pytest.mark.parametrize("named", ["tests/b.yaml", "../a.yaml", "/etc/passwd", "tests", "tests/link.yaml"])
def test_a_file_that_is_not_in_the_folder_is_told_at_its_name(named: str, tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    (folder / "tests").mkdir(parents=True)
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    (folder / "tests" / "link.yaml").symlink_to(tmp_path / "a.yaml")
    (fault,) = faults(folder, GOOD, named=named)
    assert fault.startswith("a.prompty:6:23: the tests cannot be used: ")
    assert "there is no such file" in fault or "lies outside the folder of prompts" in fault
    if named == "tests/b.yaml":
        assert fault.endswith("Did you mean 'a.yaml'?")


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    begun = time.perf_counter()
    (fault,) = faults(tmp_path, "cases: [" + "{name: a}, " * 5_000_000 + "]")
    assert "is longer than 1,000,000 bytes" in fault
    assert time.perf_counter() - begun < 5


def test_a_file_with_too_many_values_is_refused(tmp_path: Path) -> None:
    assert "holds more than 20,000 values" in faults(tmp_path, "cases: [" + "{name: a}, " * 20_000 + "]")[0]


@given(st.text(max_size=200))
def test_any_text_is_told_with_its_place(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    told = None
    try:
        read(folder, text.encode("utf-8", "replace").decode())
    except PromptError as error:
        told = error
    assert told is not None, "no such text is a case"
    assert told.where
