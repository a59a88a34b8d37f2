"""Files of questions that a prompt could be asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ragstone.errors import ConfigError, UsageError
from ragstone.prompts import questions
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.questions import Asked, asking_input, distinct, read_questions

DATA = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[3] / "shared/data"))
GSM8K = DATA / "reasoning" / "gsm8k_train.jsonl"


def prompt(root: Path, inputs: str = "[{name: question, required: true}]", body: str = "{{ question }}") -> PromptFile:
    path = root / "ask.prompty"
    path.write_text(f"---\ninputs: {inputs}\n---\nuser:\n{body}", encoding="utf-8")
    return load(path, root=root)


def read(root: Path, data: str | bytes, *, suffix: str = ".jsonl", file: PromptFile | None = None) -> list[Asked]:
    path = root / f"q{suffix}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_questions(path, file or prompt(root), name=asking_input(file or prompt(root)))


def test_an_object_on_each_line_keeps_what_it_holds_beside_the_inputs(tmp_path: Path) -> None:
    inputs = "[{name: question, required: true}, {name: tone, enumValues: [plain, formal], default: plain}]"
    file = prompt(tmp_path, inputs, "{{ question }} {{ tone }}")
    rows = (
        '\ufeff{"question": " Why? ", "tone": "formal", "final": "7"}\r\n\r\n{"question": "Wie geht’s?", "id": "b"}\n'
    )
    assert read(tmp_path, rows, file=file) == [
        Asked(line=1, text="Why?", inputs={"question": " Why? ", "tone": "formal"}, more={"final": "7"}),
        Asked(line=3, text="Wie geht’s?", inputs={"question": "Wie geht’s?"}, more={"id": "b"}),
    ]


def test_plain_lines_are_questions(tmp_path: Path) -> None:
    assert [(one.line, one.text) for one in read(tmp_path, "Why?\n\n  When? \nWas kostet {das}?", suffix=".txt")] == [
        (1, "Why?"),
        (3, "When?"),
        (4, "Was kostet {das}?"),
    ]
    assert [one.text for one in read(tmp_path, '{"question": "Why?"}', suffix=".txt")] == ["Why?"]


def test_an_input_of_another_name_takes_what_the_file_calls_a_question(tmp_path: Path) -> None:
    file = prompt(tmp_path, "[{name: problem, required: true}]", "{{ problem }}")
    rows = '{"question": "Why?"}\n{"problem": "When?", "question": "Who?"}'
    assert [one.inputs for one in read(tmp_path, rows, file=file)] == [{"problem": "Why?"}, {"problem": "When?"}]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"question": "Why?"', ":2:20: is no JSON: Expecting ',' delimiter"),
        ("Why?", ':2:1: is no JSON: Expecting value: expected {"question": "…"} on one line, found \'Why?\''),
        ('["Why?"]', ":2: is no object"),
        ("[" * 50_000, ":2: is no JSON"),
        ('{"question": ""}', ":2: 'question' is empty"),
        ('{"question": "  "}', ":2: 'question' is empty"),
        ('{"question": 7}', ":2: 'question' is no text"),
        ('{"question": null}', ":2: 'question' is missing"),
        (
            '{"qestion": "Why?"}',
            ':2: \'question\' is missing: expected {"question": "…"}, found the keys qestion. Did you',
        ),
        ("{}", ":2: 'question' is missing"),
        ('{"question": "Why?", "tone": "rude"}', ":2: the input 'tone' has another value"),
        ('{"question": "Why?", "tone": 1}', ":2: the input 'tone' is of another kind"),
        (b'{"question": "\xff"}', ":2:15: is no UTF-8"),
        (b"x" * 50_000_000, ":2: the line is longer than 100,000 bytes"),
    ],
    ids=range(14),
)
def test_a_line_that_is_no_question_is_told_with_its_number(tmp_path: Path, line: str | bytes, why: str) -> None:
    inputs = "[{name: question, required: true}, {name: tone, enumValues: [plain], default: plain}]"
    file = prompt(tmp_path, inputs, "{{ question }} {{ tone }}")
    data = line if isinstance(line, bytes) else line.encode()
    with pytest.raises((UsageError, ConfigError)) as caught:
        read(tmp_path, b'{"question": "Why?"}\n' + data + b"\n", file=file)
    assert f"q.jsonl{why}" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_input_that_the_prompt_needs_is_not_left_out(tmp_path: Path) -> None:
    file = prompt(
        tmp_path, "[{name: question, required: true}, {name: unit, required: true}]", "{{ question }} {{ unit }}"
    )
    with pytest.raises(ConfigError, match=r"q\.jsonl:1: the input 'unit' is missing"):
        read(tmp_path, '{"question": "Why?"}', file=file)


def test_a_prompt_that_reads_passages_needs_some_with_each_question(tmp_path: Path) -> None:
    file = prompt(tmp_path, body="{{ passages }} {{ question }}")
    with pytest.raises(UsageError, match=r"q\.jsonl:1: has no passages, and the prompt 'ask' reads some"):
        read(tmp_path, '{"question": "Why?"}', file=file)
    with pytest.raises(ConfigError, match=r"q\.jsonl:1: passage 1 is none"):
        read(tmp_path, '{"question": "Why?", "passages": ["So."]}', file=file)


@pytest.mark.parametrize("data", ["", "\n \n", "\ufeff"])
def test_a_file_without_a_question_is_told(tmp_path: Path, data: str) -> None:
    with pytest.raises(UsageError, match="there is no question"):
        read(tmp_path, data)


def test_a_file_that_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    file = prompt(tmp_path)
    (tmp_path / "questions.jsonl").write_text("Why?")
    with pytest.raises(UsageError, match=r"there is no such file\. Did you mean 'questions\.jsonl'"):
        read_questions(tmp_path / "question.jsonl", file, name="question")
    with pytest.raises(UsageError, match="cannot be read"):
        read_questions(tmp_path, file, name="question")


def test_too_many_questions_are_told_before_anything_is_done_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MOST", 2)
    assert len(read(tmp_path, "A?\nB?", suffix=".txt")) == 2
    with pytest.raises(UsageError, match="holds more than 2 questions"):
        read(tmp_path, "A?\nB?\nC?", suffix=".txt")


@pytest.mark.parametrize(
    ("inputs", "named", "found"),
    [
        ("[{name: question}, {name: text, required: true}]", None, "question"),
        ("[{name: problem, required: true}, {name: tone}]", None, "problem"),
        ("[{name: a, required: true}, {name: b, required: true}]", "b", "b"),
    ],
)
def test_the_input_that_holds_the_question(tmp_path: Path, inputs: str, named: str | None, found: str) -> None:
    assert asking_input(prompt(tmp_path, inputs, "Go."), named) == found


@pytest.mark.parametrize(
    ("inputs", "named", "why"),
    [
        ("[{name: a, required: true}, {name: b, required: true}]", None, "no input is called question"),
        ("[{name: a, required: true}, {name: b, required: true}]", "c", "there is no input 'c' that is a text"),
        ("[{name: count, kind: integer}]", "count", "there is no input 'count' that is a text"),
        ("[{name: count, kind: integer}]", None, "no input that is a text"),
    ],
)
def test_a_prompt_whose_question_cannot_be_told_is_refused(
    tmp_path: Path, inputs: str, named: str | None, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        asking_input(prompt(tmp_path, inputs, "Go."), named)


def test_questions_that_say_the_same_are_one(tmp_path: Path) -> None:
    read_ = read(tmp_path, "How  many?\nWhy?\nhow many? \nWHY?\nWho?", suffix=".txt")
    assert [one.line for one in distinct(read_)] == [1, 2, 5]


@pytest.mark.skipif(not GSM8K.exists(), reason="RAGSTONE_DATA is not there")
def test_gsm8k_is_read_as_it_is(tmp_path: Path) -> None:
    found = read_questions(GSM8K, prompt(tmp_path), name="question")
    rows = [json.loads(line) for line in GSM8K.read_text(encoding="utf-8").strip().split("\n")]
    assert [one.inputs["question"] for one in found] == [row["question"] for row in rows]
    assert found[-1].line == len(rows)
    assert set(found[0].more) == {"id", "answer", "final"}
