"""Questions with known answers, as the cases of a prompt."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import PromptError, UsageError
from ragstone.prompts.schema import Property
from ragstone.prompts.testing.cases import Subject
from ragstone.prompts.testing.gold import read_gold
from ragstone.text.answers import same_answer

GSM8K = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[4] / "shared/data")) / "reasoning/gsm8k_train.jsonl"
QUESTION = Subject(inputs=[Property(name="question", required=True)], passages=False, outputs=None)
FORMED = Subject(inputs=QUESTION.inputs, passages=True, outputs=("reasons", "answer"))


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "cases.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_row_is_a_case(tmp_path: Path) -> None:
    path = write(
        tmp_path, {"question": "1 + 1?", "answer": 2, "id": "x"}, "", {"question": "Who?", "answer": ["A", "B"]}
    )
    first, second = read_gold(path, subject=QUESTION)
    assert (first.name, first.where, dict(first.inputs)) == ("line 1", f"{path}:1", {"question": "1 + 1?"})
    assert (first.expect[0].name, first.expect[0].value.right) == ("answer", [2])
    assert (second.name, second.expect[0].value.right) == ("line 3", ["A", "B"])


def test_only_so_many_rows_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": "a", "answer": "b"}, "broken")
    assert len(read_gold(path, subject=QUESTION, limit=1)) == 1
    with pytest.raises(PromptError, match=r"cases\.jsonl:2: is no JSON"):
        read_gold(path, subject=QUESTION, limit=2)


@pytest.mark.skipif(not GSM8K.exists(), reason="RAGSTONE_DATA is not there")
def test_gsm8k_is_read_as_it_is() -> None:
    cases = read_gold(GSM8K, subject=QUESTION, limit=50)
    assert len(cases) == 50
    assert str(cases[0].expect[0].value.right[0]).endswith("#### 72")


@pytest.mark.skipif(not GSM8K.exists(), reason="RAGSTONE_DATA is not there")
def test_every_answer_of_gsm8k_is_a_number() -> None:
    rows = [json.loads(line) for line in GSM8K.read_text(encoding="utf-8").split("\n") if line]
    assert len(rows) > 7000
    for row in rows:
        assert same_answer(f"So in all it is ${row['final']} a day.", row["answer"]), row
        assert not same_answer("It is 987654321.", row["answer"]), row


def test_passages_and_the_compared_output(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": "a", "gold": True, "passages": ["One.", "Two."]})
    (case,) = read_gold(path, subject=FORMED, key="gold", field="reasons")
    assert [hit.chunk.text for hit in case.passages] == ["One.", "Two."]
    assert (case.expect[0].value.right, case.expect[0].value.field) == ([True], "reasons")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("[1]", ":1: holds no object"),
        ({"question": "a"}, ":1: the answer 'answer' is missing"),
        ({"question": "a", "answers": "b"}, "Did you mean 'answers'"),
        ({"question": "a", "answer": " "}, ":1: 'answer' is no answer"),
        ({"question": "a", "answer": []}, "is missing"),
        ({"question": "a", "answer": {"b": 1}}, "is no answer"),
        ({"answer": "b", "qestion": "a"}, "the input 'question' is missing: found answer, qestion. Did you mean 'qest"),
        ({"question": 3, "answer": "b"}, "the input 'question' is of another kind"),
        ("", ":1: holds no cases"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_with_its_line(row: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError) as raised:
        read_gold(write(tmp_path, row), subject=QUESTION)
    assert words in str(raised.value)


def test_passages_must_be_texts(tmp_path: Path) -> None:
    for wrong in ("One.", [""], [1]):
        with pytest.raises(PromptError, match="no list of texts"):
            read_gold(write(tmp_path, {"question": "a", "answer": "b", "passages": wrong}), subject=FORMED)


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": "a", "answer": "b"})
    with pytest.raises(UsageError, match="no such file"):
        read_gold(tmp_path / "other.jsonl", subject=QUESTION)
    with pytest.raises(UsageError, match="has no outputs"):
        read_gold(path, subject=QUESTION, field="answer")
    with pytest.raises(UsageError, match=r"there is no output 'anser'.*Did you mean 'answer'"):
        read_gold(path, subject=FORMED, field="anser")
    two = Subject(inputs=QUESTION.inputs, passages=False, outputs=("a", "b"))
    with pytest.raises(UsageError, match="not clear which output is the answer"):
        read_gold(path, subject=two)
    asked = Subject(inputs=[Property(name="answer")], passages=False, outputs=None)
    with pytest.raises(UsageError, match=r"'answer' is an input of the prompt.*--gold"):
        read_gold(path, subject=asked)
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "\xe9"}')
    with pytest.raises(UsageError, match="cannot be read"):
        read_gold(tmp_path / "latin.jsonl", subject=QUESTION)
