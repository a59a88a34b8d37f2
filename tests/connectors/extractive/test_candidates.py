from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.extractive.candidates import MOST_CHARACTERS, candidates, trimmed
from ragstone.types import Chunk, Hit

MakeHit = Callable[..., Hit]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("It ships in May.", "It ships in May."),
        ("- It ships in May.", "It ships in May."),
        ("  * [x] It ships in May.", "It ships in May."),
        ("1. It ships in May.", "It ships in May."),
        ("(2) It ships in May.", "It ships in May."),
        ("> - It ships in May.", "It ships in May."),
        ("### Halibut", "Halibut"),
        ("**It ships in May.**", "It ships in May."),
        ("_It ships in May._", "It ships in May."),
        ("**Halibut** ships in **May**", "**Halibut** ships in **May**"),
        ("It ships in May.[2] [13]", "It ships in May."),
        ("It ships [2] in May.", "It ships [2] in May."),
        ("- **It ships in May.**[2]", "It ships in May."),
        ("-5 degrees are the limit.", "-5 degrees are the limit."),
        ("2031 is the year.", "2031 is the year."),
        ("[1]", "[1]"),
    ],
)
def test_marks_around_the_words_are_left_out(text: str, quoted: str) -> None:
    assert text[slice(*trimmed(text, 0, len(text)))] == quoted


@given(st.text(alphabet="ab .*_-#>[]()12\n中é", max_size=40), st.data())
def test_trimming_stays_inside_and_loses_no_letter(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    first, last = trimmed(text, start, end)
    assert start <= first <= last <= end
    assert text[first:last] == text[first:last].strip()
    assert {each for each in text[start:end] if each.isalpha()} == {each for each in text[first:last] if each.isalpha()}


@given(st.lists(st.text(alphabet="ab. -*#|?`~\n中。", max_size=80), max_size=4))
def test_a_candidate_is_a_range_of_its_passage(texts: list[str]) -> None:
    hits = [
        Hit(Chunk(id="c", document_id="d", uri="u", title="", text=text, start=0, end=len(text), line=1), 1, {})
        for text in texts
    ]
    for candidate in candidates(hits):
        assert candidate.text == texts[candidate.number - 1][candidate.start : candidate.end]
        assert candidate.text.strip()


def test_headings_questions_heads_of_tables_and_code_do_not_answer(hit: MakeHit) -> None:
    text = (
        "# When does it ship?\n\nWhen does it ship?\n\nThe plan\n========\n\n"
        "| part | date |\n|---|---|\n| hull | May |\n\n"
        "```\nship --now\n```\n\nHalibut\n\nIt ships in May.\n"
    )
    assert [each.text for each in candidates([hit(text)])] == ["| hull | May |", "It ships in May."]


def test_the_words_of_a_heading_do_not_answer_where_a_format_has_no_marks(hit: MakeHit) -> None:
    found = candidates([hit("Shipping the halibut\n\nIt ships in May.", headings=("Shipping the halibut",))])
    assert [each.text for each in found] == ["It ships in May."]


def test_where_there_is_nothing_else_they_do(hit: MakeHit) -> None:
    assert [each.text for each in candidates([hit("# Ships in May"), hit("```\nship --now\n```")])] == [
        "Ships in May",
        "```\nship --now\n```",
    ]


def test_a_candidate_knows_what_was_read_before_it(hit: MakeHit) -> None:
    found = candidates([hit("# Halibut\n\nIt ships in May. Ana leads it."), hit("Rui cooks.")])
    assert [each.before for each in found] == ["# Halibut", "It ships in May.", ""]


def test_passages_beyond_the_limit_are_not_read(hit: MakeHit) -> None:
    long = hit("It ships in May. " * (MOST_CHARACTERS // 17 + 100))
    found = candidates([long, hit("Ana leads it.")])
    assert {each.number for each in found} == {1}
    assert max(each.end for each in found) <= MOST_CHARACTERS


def test_items_that_end_in_a_semicolon_are_no_questions_but_in_greek(hit: MakeHit) -> None:
    assert [each.text for each in candidates([hit("- It ships in May;\n- Ana leads it;\n")])] == [
        "It ships in May;",
        "Ana leads it;",
    ]
    assert [each.text for each in candidates([hit("Πότε φεύγει; Φεύγει τον Μάιο.")])] == ["Φεύγει τον Μάιο."]
