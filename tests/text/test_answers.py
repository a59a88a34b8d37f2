"""When two answers are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.text.answers import alike, plain_words, same_answer

SAME = [
    ("72", "72"),
    ("She sold 48 + 24 = 72 clips.", "Half of 48 is 24.\n#### 72"),
    ("It is easy.\n#### 1,234", "#### 1234"),
    ("The answer is $1,234.50.", "1234.5"),
    ("1\u202f234 €", "1234"),
    ("1.234,50 EUR", "1,234.50"),
    ("In all 0,5 litres", "0.5"),
    ("\\boxed{42}, as 6 times 7", "42"),
    ("That is 50 %.", "50%"),
    ("It falls to −5 degrees", "-5"),
    ("from 3 to 10-12", "12"),
    ("3/4 of them", "0.75"),
    ("72.0", "72"),
    ("The answer is 72.", "72 clips"),
    ("**72** clips", "72 clips"),
    ("So it is 1 clip", "1 clips"),
    ("72", 72),
    ("The answer: the Eiffel Tower!", "Eiffel tower"),
    ("First I think of Rome.\nParis", "paris."),
    ("答案是:巴黎", "巴黎"),
    ("YES", "Yes."),
    ("C++", "c++"),
    ("+", "+"),
]
OTHER = [
    ("71", "72"),
    ("It was 72, and is 73 now.", "72"),
    ("no number", "72"),
    ("", "72"),
    ("", "Paris"),
    ("1,234", "1.234"),
    ("5", "-5"),
    ("3 June", "3 May"),
    ("72 boxes", "72 clips"),
    ("Paris is not it, Rome is", "Paris"),
    ("Not Paris", "Paris"),
    ("1/0", "0"),
    ("A4", "4"),
    ("-", "+"),
]


@pytest.mark.parametrize(("said", "right"), SAME)
def test_what_is_the_same(said: str, right: object) -> None:
    assert same_answer(said, str(right))


@pytest.mark.parametrize(("said", "right"), OTHER)
def test_what_is_not(said: str, right: str) -> None:
    assert not same_answer(said, right)


@given(st.integers(-(10**9), 10**9))
def test_a_whole_number_is_itself_however_it_is_written(number: int) -> None:
    for said in (f"{number:,}", f"{number}.", f"= {number}.0", f"the result is {number:,}"):
        assert same_answer(said, str(number))
        assert not same_answer(said, str(number + 1))


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_can_be_compared(said: str, right: str) -> None:
    assert same_answer(said, right) in (True, False)


def test_words_without_articles_case_and_marks() -> None:
    assert plain_words("The “Eiffel” Tower, 東京") == ["eiffel", "tower", "東", "京"]


@pytest.mark.parametrize(
    ("answers", "plain"),
    [
        (["72", "72 clips", "70", 72.0], ["72", "72", "70", "72"]),
        (["3 pm", "3 am", 3], ["3 pm", "3 am", "3"]),
        (["A", "a)", "(B)"], ["a", "a", "b"]),
        ([True, "true", "Yes.", "**yes**"], ["true", "true", "yes", "yes"]),
        ([["Bonn", "Ulm"], ["ulm.", "bonn"], []], ["bonn; ulm", "bonn; ulm", None]),
        (["", "  ", None, "…"], [None, None, None, "..."]),
        (["1/2", 0.5, "0,5"], ["1/2", "1/2", "1/2"]),
        (["東京。", "東京"], ["東 京", "東 京"]),
        ([float("nan"), float("inf")], ["nan", "inf"]),
    ],
)
def test_answers_that_mean_the_same_have_one_plain_form(answers: list[object], plain: list[str | None]) -> None:
    assert alike(answers) == plain


@pytest.mark.parametrize(
    "digits", ["1" * 4000 + "." + "1" * 4000, "1" * 5000, "1" * 4000 + "/7", "1,234" + ",567" * 900]
)
def test_a_number_of_thousands_of_digits_compares_as_words(digits: str) -> None:
    same, other, short = alike([digits, f" {digits}.", "7"])
    assert same == other
    assert (same is not None, short) == (True, "7")


def test_a_whole_number_may_be_as_long_as_json_can_tell() -> None:
    assert alike([10**4000, 10**4000, float("inf")]) == [str(10**4000), str(10**4000), "inf"]
