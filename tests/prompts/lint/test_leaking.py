"""Whether the examples of a prompt give its tests away."""

from __future__ import annotations

import pytest

from ragstone.prompts.lint.leaking import leaks, likeness
from ragstone.prompts.testing.cases import Case

LONG = "On which day of the year 2031 does the halibut project ship to the office in Lund?"


@pytest.mark.parametrize(
    ("test", "example", "much"),
    [
        (LONG, LONG, 1.0),
        (LONG, f"A customer asks us this. {LONG.upper()} He is in a hurry.", 1.0),
        (LONG, "On which day of the year 2031 does the sturgeon project ship to the office in Graz?", 0.1),
        (LONG, "How long is a chunk?", 0.0),
        ("How long is a chunk?", "how long is a CHUNK", 1.0),
        ("How long is a chunk?", f"How long is a chunk? {LONG}", 0.0),
        ("Why not?", "Why not?", 0.0),
        ("春鲑项目什么时候在隆德发布？", "请问：春鲑项目什么时候在隆德发布？", 1.0),
        ("", "", 0.0),
    ],
)
def test_the_runs_of_words_that_two_texts_share(test: str, example: str, much: float) -> None:
    assert likeness(test, example) == pytest.approx(much, abs=0.2)


def test_an_example_that_is_a_test_is_shown_where_it_stands() -> None:
    cases = [
        Case(name="the day", where="tests/a.yaml:2:5", inputs={"question": LONG}),
        Case(name="labels", where="tests/a.yaml:9:5", inputs={"text": "A lovely shop!", "labels": ["praise", "other"]}),
    ]
    examples = [
        ("examples/a.jsonl:1", "What is reranking, and when is it worth the time that it takes?"),
        ("examples/a.jsonl:2", f"{LONG} Please answer soon."),
        ("examples/a.jsonl:3", "A lovely shop!\npraise\nother"),
    ]
    found = list(leaks(examples, cases))
    assert [(one.where, one.message) for one in found] == [
        ("examples/a.jsonl:2", "this example is nearly the test 'the day'"),
        ("examples/a.jsonl:3", "this example is nearly the test 'labels'"),
    ]
    assert list(leaks(examples[:1], cases)) == []
