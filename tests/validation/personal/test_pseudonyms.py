"""Names that stand in for values, and the way back, whatever a model makes of a name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.validation.personal.pseudonyms import Pseudonyms, same

MAIL, STREET = "jane@example.com", 'The "Mill"\n5110 Bergen'


def names() -> Pseudonyms:
    found = Pseudonyms()
    found.of(MAIL, "EMAIL_ADDRESS")
    found.of("33", "AGE")
    found.of(STREET, "STREET_ADDRESS")
    return found


def test_names_are_numbered_by_type_and_a_value_has_one():
    found = Pseudonyms()
    said = [found.of(value, "EMAIL_ADDRESS") for value in (MAIL, "b@example.com", "JANE@example.com")]
    assert said == ["<EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_1>"]
    assert found.of("33", "AGE") == "<AGE_1>"
    assert len(found) == 3


def test_a_name_that_a_text_has_already_is_somebody_elses():
    found = Pseudonyms(["Who is <email_address_1>, and EMAIL_ADDRESS_2?", "< Email Address 3 >, my_email_address_4"])
    assert found.of(MAIL, "EMAIL_ADDRESS") == "<EMAIL_ADDRESS_5>"
    assert found.restore("<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_5>") == f"<EMAIL_ADDRESS_1> {MAIL}"


@pytest.mark.parametrize(
    "written",
    [
        "<EMAIL_ADDRESS_1>",
        "<email_address_1>",
        "EMAIL_ADDRESS_1",
        "Email_Address_1",
        "< EMAIL_ADDRESS_1 >",
        "<Email Address 1>",
        "<EMAIL-ADDRESS-1>",
        r"<EMAIL\_ADDRESS\_1>",
        "&lt;EMAIL_ADDRESS_1&gt;",
        r"\u003cEMAIL_ADDRESS_1\u003e",
        "<EMAIL_ADDRESS_1",
    ],
)
def test_a_name_is_known_however_a_model_writes_it(written: str):
    assert names().restore(f"Mail {written}, please.") == f"Mail {MAIL}, please."


@pytest.mark.parametrize(
    "text",
    ["<EMAIL_ADDRESS_2>", "<EMAIL_ADDRESS_11>", "PAGE_1", "email address 1", "<EMAIL_ADDRESS>", "EMAIL_ADDRESS"],
)
def test_what_is_no_name_is_left(text: str):
    assert names().restore(text) == text


def test_brackets_of_another_kind_stay():
    assert names().restore("(AGE_1) [EMAIL_ADDRESS_1](mailto:<EMAIL_ADDRESS_1>) <b>AGE_1</b>") == (
        f"(33) [{MAIL}](mailto:{MAIL}) <b>33</b>"
    )


def test_a_value_in_json_is_written_as_json_has_it():
    assert json.loads(names().restore('{"a": "<STREET_ADDRESS_1>"}', escaped=True)) == {"a": STREET}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("+1 (415) 555-0132", "+1 415 555 0132", True),
        ("4111 1111 1111 1111", "4111-1111-1111-1111", True),
        ("Main  Street", "main street", True),
        ("a.b@example.com", "ab@example.com", False),
        ("12", "1 3", False),
    ],
)
def test_two_ways_to_write_one_value(one: str, other: str, alike: bool):
    assert (same(one) == same(other)) is alike


ATOMS = [
    "<",
    ">",
    "EMAIL",
    "ADDRESS",
    "AGE",
    "_",
    "1",
    "2",
    " ",
    "-",
    "\\",
    r"\u003c",
    r"\u003e",
    "&lt;",
    "&gt;",
    "P",
    "x",
]
ATOMS += [
    "\n",
    "email",
    "<EMAIL_ADDRESS_1>",
    "<AGE_1>",
    "EMAIL_ADDRESS_",
    "&",
    "l",
    "e",
    "u003",
    "STREET_ADDRESS_1",
    "é",
]
TEXTS = st.lists(st.sampled_from(ATOMS), max_size=16).map("".join)


@given(TEXTS, st.lists(st.integers(1, 9), min_size=1, max_size=6), st.booleans())
def test_a_text_that_comes_in_pieces_is_restored_as_the_whole_is(text: str, sizes: list[int], escaped: bool):
    known = names()
    restoring = known.restoring(escaped=escaped)
    said, at, turn = "", 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        said += restoring.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert said + restoring.finish() == known.restore(text, escaped=escaped)


def test_the_last_letter_of_a_name_may_begin_another_and_is_held_by_neither():
    restoring = names().restoring()
    assert restoring.feed(r"<AGE_1\u003e") + restoring.feed("!") + restoring.finish() == "33!"


@given(TEXTS)
def test_no_more_is_held_back_than_may_become_a_name(text: str):
    known = names()
    restoring = known.restoring()
    said = restoring.feed(text)
    rest = restoring.finish()
    assert said + rest == known.restore(text)
    assert restoring.feed("! ") == "! "


@given(st.lists(st.tuples(st.sampled_from(["EMAIL_ADDRESS", "AGE", "URL"]), st.text(min_size=1)), max_size=8))
def test_what_was_named_comes_back(values: list[tuple[str, str]]):
    known = Pseudonyms()
    for type_, value in values:
        back = known.restore(known.of(value, type_))
        assert same(back) == same(value)


def test_without_any_value_nothing_is_held():
    restoring = Pseudonyms().restoring()
    assert restoring.feed("<EMAIL_ADDRESS_1") == "<EMAIL_ADDRESS_1"
    assert restoring.finish() == ""
