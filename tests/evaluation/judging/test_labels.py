"""Files of grades that people have given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragstone.errors import UsageError
from ragstone.evaluation.judging.labels import Label, read_labels

GOOD = {"question": "When?", "answer": "On 3 May.", "grade": 5}


def test_a_line_holds_a_grade_and_what_the_answer_is_held_against(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    rows = [
        GOOD,
        {**GOOD, "grade": 1.0, "expected": "3 May", "rubric": "The day.", "id": 7},
        GOOD | {"expected": ["a", "b"]},
    ]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n\n".join(json.dumps(row) for row in rows).encode())
    first, second, third = read_labels(path)
    assert first == Label(question="When?", answer="On 3 May.", grade=5, where=f"{path}:1")
    assert (second.grade, second.expected, second.rubric, second.where) == (1, ("3 May",), "The day.", f"{path}:3")
    assert third.expected == ("a", "b")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "is no label"),
        ("[1]", "is no label"),
        ("\udcff", "is not UTF-8"),
        ({"answer": "a", "grade": 3}, "question is missing, or no text"),
        (
            {**GOOD, "answer": " "},
            'answer is missing, or no text: expected {"question": ',
        ),
        ({"question": "q", "answer": "a"}, "the grade is none: expected a whole number from 1 to 5, found none"),
        *(({**GOOD, "grade": grade}, "the grade is none") for grade in (0, 6, 3.5, "4", True, None, float("nan"), [3])),
        ({**GOOD, "expected": [3]}, "`expected` is no text, and no list of texts: found 3"),
        ({**GOOD, "rubric": ["x"]}, "rubric is missing, or no text"),
        (
            {**GOOD, "rubrik": "x"},
            "unknown key 'rubrik': expected one of question, answer, grade, expected",
        ),
    ],
)
def test_a_line_that_is_no_label_is_named(line: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_bytes(f"{json.dumps(GOOD)}\n{text}\n".encode(errors="surrogateescape"))
    with pytest.raises(UsageError) as raised:
        read_labels(path)
    assert str(raised.value).startswith(f"{path}:2: {words}")


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text("\n \n")
    with pytest.raises(UsageError, match="there is no label"):
        read_labels(tmp_path / "l.jsonl")
    with pytest.raises(UsageError, match="no such file"):
        read_labels(tmp_path / "m.jsonl")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_labels(tmp_path)
