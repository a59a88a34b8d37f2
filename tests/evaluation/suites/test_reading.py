"""Cases from files: what is read, and what is refused, with its place."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import UsageError
from ragstone.evaluation.cases import Evidence
from ragstone.evaluation.suites.reading import read_cases

WHOLE = {
    "id": "q1",
    "question": "When is first class allowed?",
    "expected": ["above four hours", "more than four hours"],
    "relevant": ["documents/travel.md", {"uri": "documents/rules.md", "grade": 2, "quote": "four hours"}],
    "contains": ["four"],
    "not_contains": ["always"],
    "rubric": "It names the hours.",
    "tags": ["travel", "numbers"],
    "inputs": {"tone": "plain"},
    "where": {"lang": "en"},
    "principals": ["group:hr"],
    "metadata": {"ticket": 7},
}


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_a_line_says_all_that_a_case_can_say(tmp_path: Path):
    (case,) = read_cases([lines(tmp_path / "c.jsonl", WHOLE)])
    assert (case.id, case.question, case.where) == ("q1", "When is first class allowed?", f"{tmp_path / 'c.jsonl'}:1")
    assert case.expected == ("above four hours", "more than four hours")
    assert case.relevant == (
        Evidence(uri="documents/travel.md"),
        Evidence(uri="documents/rules.md", grade=2, quote="four hours"),
    )
    assert (case.contains, case.not_contains, case.rubric) == (("four",), ("always",), "It names the hours.")
    assert (case.tags, case.inputs, case.filters, case.principals) == (
        ("travel", "numbers"),
        {"tone": "plain"},
        {"lang": "en"},
        ("group:hr",),
    )
    assert case.expects == {"expected", "relevant", "contains", "not_contains", "rubric"}


def test_one_text_will_do_where_a_list_may_stand(tmp_path: Path):
    (case,) = read_cases([lines(tmp_path / "c.jsonl", {"question": "q", "expected": "a", "relevant": "d.md"})])
    assert (case.expected, case.relevant) == (("a",), (Evidence(uri="d.md"),))


def test_a_table_says_the_same(tmp_path: Path):
    path = tmp_path / "c.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["question", "expected", "relevant", "tags", "abstains", "where", "id"])
        table.writerow(["Who, and\nwhen?", "Ana | Ana Ruiz", "a.md|b.md", "x | y", "", '{"lang": "en"}', "7"])
        table.writerow([])
        table.writerow(["Nobody knows?", "", '[{"uri": "c.md", "grade": 3}]', "", "yes", "", ""])
    first, second = read_cases([path])
    assert (first.question, first.expected, first.tags) == ("Who, and\nwhen?", ("Ana", "Ana Ruiz"), ("x", "y"))
    assert (first.relevant, first.filters, first.id) == (
        (Evidence(uri="a.md"), Evidence(uri="b.md")),
        {"lang": "en"},
        "7",
    )
    assert (second.abstains, second.relevant) == (True, (Evidence(uri="c.md", grade=3),))
    assert (first.where, second.where) == (f"{path}:2", f"{path}:5")


@pytest.mark.parametrize(("name", "between"), [("c.csv", ";"), ("c.csv", "\t"), ("c.tsv", "\t"), ("c.csv", ",")])
def test_a_table_of_any_office_program_is_read(tmp_path: Path, name: str, between: str):
    path = tmp_path / name
    path.write_text(f"\ufeffquestion{between}expected\r\nWho?{between}Ana\r\n", encoding="utf-8")
    (case,) = read_cases([path])
    assert (case.question, case.expected) == ("Who?", ("Ana",))


def test_the_id_of_a_case_is_that_of_what_is_asked(tmp_path: Path):
    before, other = read_cases([lines(tmp_path / "a.jsonl", {"question": "q"}, {"question": "q", "inputs": {"n": 1}})])
    after, _ = read_cases([lines(tmp_path / "b.jsonl", {"question": "q", "expected": "new"}, {"question": "z"})])
    assert before.id == after.id != other.id


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("no json", "is no case"),
        ('["question"]', "is no case"),
        ({"expected": "a"}, "'question'"),
        ({"question": "  "}, "'question' is empty"),
        ({"question": 7}, "'question'"),
        ({"question": "q", "answer": "a"}, "Call it 'expected'"),
        ({"question": "q", "expcted": "a"}, "expected"),
        ({"question": "q", "colour": "red"}, "Put it under 'metadata'"),
        ({"question": "q", "expected": [""]}, "'expected.0'"),
        ({"question": "q", "relevant": {"uri": "a", "grade": 0}}, "'relevant.0.grade'"),
        ({"question": "q", "relevant": {"uri": "a", "start": 3}}, "one end of a range"),
        ({"question": "q", "relevant": {"uri": "a", "start": 3, "end": 3}}, "an empty range"),
        ({"question": "q", "abstains": True, "expected": "a"}, "expects an answer, and none"),
        ({"question": "q", "abstains": "true"}, "'abstains'"),
    ],
)
def test_what_is_no_case_is_refused_with_its_place(tmp_path: Path, row: object, said: str):
    path = lines(tmp_path / "c.jsonl", {"question": "first"}, "", row)
    with pytest.raises(UsageError) as caught:
        read_cases([path])
    assert said in str(caught.value)
    assert f"{path}:3" in str(caught.value)


def test_two_cases_of_one_id_are_refused_whatever_their_files(tmp_path: Path):
    one, two = lines(tmp_path / "a.jsonl", {"question": "q"}), lines(tmp_path / "b.jsonl", {"question": "q"})
    with pytest.raises(UsageError, match="there are two cases") as caught:
        read_cases([one, two])
    assert f"{two}:1" in str(caught.value)
    assert f"{one}:1" in str(caught.value)


def test_a_file_without_a_case_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="there is no case"):
        read_cases([lines(tmp_path / "c.jsonl", "", "  ")])
    with pytest.raises(UsageError, match="there is no such file"):
        read_cases([tmp_path / "none.jsonl"])
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b'{"question": "\xfc"}\n')
    with pytest.raises(UsageError, match="cannot be read"):
        read_cases([latin])


def test_a_table_with_too_many_cells_is_refused(tmp_path: Path):
    path = tmp_path / "c.csv"
    path.write_text("question,expected\nWho?,Ana,Ruiz\n", encoding="utf-8")
    with pytest.raises(UsageError, match="more cells") as caught:
        read_cases([path])
    assert f"{path}:2" in str(caught.value)


text = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(str.strip)


@given(
    st.lists(
        st.tuples(text, st.lists(text.filter(lambda t: "|" not in t and t[:1] not in "[{"), max_size=3)), max_size=5
    )
)
def test_a_table_and_lines_give_the_same_cases(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, list[str]]]
):
    folder = tmp_path_factory.mktemp("cases")
    unique = {question.strip(): [word.strip() for word in words] for question, words in rows if question.strip()}
    if not unique:
        return
    table, plain = folder / "c.csv", folder / "c.jsonl"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "contains"])
        writer.writerows([question, " | ".join(words)] for question, words in unique.items())
    lines(plain, *({"question": question, "contains": words} for question, words in unique.items()))
    one, two = read_cases([table]), read_cases([plain])
    assert [(case.id, case.question, case.contains) for case in one] == [
        (case.id, case.question, case.contains) for case in two
    ]
