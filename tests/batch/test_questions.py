"""What a line may be, and what is said of one that may not."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ragstone.batch.lines import lines
from ragstone.batch.questions import LONGEST, BatchQuestion, of_line, question_of
from ragstone.errors import UsageError


@pytest.mark.parametrize(
    ("line", "question"),
    [
        (b'"When?"', BatchQuestion(question="When?")),
        (b'{"question": "When?"}', BatchQuestion(question="When?")),
        (
            b'{"id": 7, "question": "When?", "k": 3, "where": {"lang": "en"}, "prompt": "p", "inputs": {"k": 1}}',
            BatchQuestion(id=7, question="When?", k=3, where={"lang": "en"}, prompt="p", inputs={"k": 1}),
        ),
        (b'{"id": null, "question": "When?", "answers": ["May"]}', BatchQuestion(question="When?")),
    ],
)
def test_a_line_is_a_text_or_an_object(line: bytes, question: BatchQuestion) -> None:
    assert of_line(line) == question


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"When?", "no JSON: Expecting value (column 1): expected a text in quotes, or an object"),
        (b'{"question": "When?"', "no JSON"),
        (b"[" * 100_000, "nests too deeply"),
        (b"[]", "is no question: expected a text, or an object such as"),
        (b"7", "is no question"),
        (b"null", "is no question: expected a text, or an object such as"),
        (b"9" * 5000, "a number that is too long"),
        (b'"\xff"', "is not UTF-8. Save the file as UTF-8."),
        ('\ufeff"When?"'.encode("utf-16"), "is not UTF-8"),
        (b'""', "the question is empty"),
        (b'"\\ud800"', "half a character"),
        (b"{}", 'there is no question: expected a field "question"'),
        (b'{"question": ["When?"]}', "the question is no text: expected text, found list"),
        (b'{"qestion": "When?"}', "there is no field 'qestion'. Did you mean 'question'?"),
        (b'{"question": "When?", "promt": "p"}', "there is no field 'promt'. Did you mean 'prompt'?"),
        (b'{"question": "When?", "k": 0}', "k is out of range"),
        (b'{"question": "When?", "k": "3"}', "k is no whole number"),
        (b'{"question": "When?", "id": true}', "id is of another kind"),
        (b'{"question": "When?", "id": [1]}', "id is of another kind: expected a text or a whole number, found list"),
        (b'{"question": "When?", "where": "en"}', "where is of another kind"),
        (b'{"question": "When?", "inputs": []}', "inputs is of another kind"),
        (b'{"question": "When?", "prompt": 1}', "prompt is of another kind"),
        (b'"' + b"x" * LONGEST + b'"', "the line is too long: expected at most 1,048,576 bytes"),
    ],
)
def test_a_line_that_is_no_question_says_why(line: bytes, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        of_line(line)
    assert said in str(raised.value)


@pytest.mark.parametrize("given", [None, 7, b"When?", ["When?"], "", BatchQuestion(question=" ")])
def test_what_a_program_gives_is_checked_as_well(given: Any) -> None:
    with pytest.raises(UsageError):
        question_of(given)


def test_lines_have_no_ends_and_blank_ones_do_not_count() -> None:
    found = list(lines(io.BytesIO(b'\xef\xbb\xbf"a"\r\n\r\n  \n"b"\n\n"c"'), ""))
    assert [(line.number, line.place, line.data) for line in found] == [(0, 1, b'"a"'), (1, 4, b'"b"'), (2, 6, b'"c"')]


def test_a_line_has_one_key_however_it_ends_and_another_for_each_change() -> None:
    def keys(data: bytes, settings: str = "") -> list[str]:
        return [line.key for line in lines(io.BytesIO(data), settings)]

    plain = keys(b'"a"\n"b"\n')
    assert plain == keys(b'\xef\xbb\xbf"a"\r\n"b"') == keys(b'\n"a"\n\n"b"\n')
    assert len({*plain, *keys(b'"a"\n"b"\n', "k=3"), *keys(b'"c"\n')}) == 5


def test_a_line_that_is_too_long_is_cut_and_told_apart_by_all_of_it() -> None:
    long = b'"' + b"x" * (3 * LONGEST)
    found = list(lines(io.BytesIO(long + b'1"\n"b"\n' + long + b'2"'), ""))
    assert [line.place for line in found] == [1, 2, 3]
    assert max(len(line.data) for line in found) == LONGEST + 2
    assert len({line.key for line in found}) == 3
    assert [line.data for line in lines(io.BytesIO(b"x" * (LONGEST + 1) + b"\r\ny"), "")][1] == b"y"
