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
    ("type_", "one", "other", "alike"),
    [
        ("PHONE_NUMBER", "+1 (415) 555-0132", "+1 415 555 0132", True),
        ("PHONE_NUMBER", "0231/5550142", "0231 555\u20110142", True),
        ("PHONE_NUMBER", "+49 231 5550142", "0231 5550142", False),
        ("CREDIT_CARD", "4111 1111 1111 1111", "4111-1111-1111-1111", True),
        ("IBAN_CODE", "GB82 WEST 1234 5698 7654 32", "gb82west12345698765432", True),
        ("US_SSN", "078-05-1120", "０７８ 05 1120", True),
        ("US_DRIVER_LICENSE", "D 123-4567", "d1234567", True),
        ("STREET_ADDRESS", "Main  Street", "main\u00a0street", True),
        ("STREET_ADDRESS", "12 3rd Street", "1 23rd Street", False),
        ("STREET_ADDRESS", "12 Harbour Road, Bergen", "12 Harbour Road Bergen", False),
        ("EMAIL_ADDRESS", "Jane@Example.com", "jane＠example.com", True),
        ("EMAIL_ADDRESS", "a.b@example.com", "ab@example.com", False),
        ("EMAIL_ADDRESS", "jane.1@example.com", "jane1@example.com", False),
        ("IP_ADDRESS", "10.1.11.2", "10.11.1.2", False),
        ("IP_ADDRESS", "10.1.11.2", "10.1.11.2:80", False),
        ("IP_ADDRESS", "10.1.11.2:80", "10.1.11.28:0", False),
        ("IP_ADDRESS", "fe80::1:12", "fe80::11:2", False),
        ("IP_ADDRESS", "fe80::1:12", "FE80:0:0:0:0:0:0001:0012", True),
        ("IP_ADDRESS", "[fe80::1]:80", "[FE80:0::1]:80", True),
        ("IP_ADDRESS", "[fe80::1]:80", "fe80::1:80", False),
        ("IP_ADDRESS", "[fe80::1]:80", "fe80::1", False),
        ("IP_ADDRESS", "10.1.011.2", "10.1.11.2", False),
        ("DATE_TIME", "1/11/2026", "11/1/2026", False),
        ("DATE_TIME", "1 May 2026", "1 MAY 2026", True),
        ("URL", "https://Example.com/a", "HTTPS://example.com/a", True),
        ("URL", "https://example.com/a", "https://example.com/A", False),
        ("URL", "https://example.com/1-1", "https://example.com/11", False),
        ("PERSON", "Weiß", "Weiss", False),
        ("AGE", "12", "1 3", False),
    ],
)
def test_two_ways_to_write_one_value(type_: str, one: str, other: str, alike: bool):
    assert (same(one, type_) == same(other, type_)) is alike


def test_a_number_in_groups_is_no_date_of_the_same_digits():
    known = Pseudonyms()
    assert known.of("2026-1122", "PHONE_NUMBER") != known.of("20261122", "DATE_TIME")


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


TYPES = st.sampled_from(["EMAIL_ADDRESS", "AGE", "URL", "IP_ADDRESS", "DATE_TIME", "STREET_ADDRESS", "PHONE_NUMBER"])


@given(st.lists(st.tuples(TYPES, st.text(min_size=1)), max_size=8))
def test_what_was_named_comes_back(values: list[tuple[str, str]]):
    known = Pseudonyms()
    for type_, value in values:
        back = known.restore(known.of(value, type_))
        assert same(back, type_) == same(value, type_)


DIGITS = st.lists(st.integers(1, 12), min_size=4, max_size=4)
MARKED = st.one_of(
    st.tuples(st.just("IP_ADDRESS"), DIGITS.map(lambda each: ".".join(map(str, each)))),
    st.tuples(st.just("IP_ADDRESS"), DIGITS.map(lambda each: "fe80::" + ":".join(map(str, each)))),
    st.tuples(st.just("DATE_TIME"), DIGITS.map(lambda each: f"{each[0]}/{each[1]}/20{each[2]}{each[3]}")),
    st.tuples(st.just("STREET_ADDRESS"), DIGITS.map(lambda each: f"{each[0]} {each[1]}th Street")),
    st.tuples(st.just("URL"), DIGITS.map(lambda each: f"https://e.com/{each[0]}-{each[1]}")),
    st.tuples(st.just("EMAIL_ADDRESS"), DIGITS.map(lambda each: f"a{each[0]}.{each[1]}@e.com")),
    st.tuples(st.just("PHONE_NUMBER"), DIGITS.map(lambda each: f"+{''.join(map(str, each))}")),
)


@given(st.lists(st.tuples(st.sampled_from(["", " ", "x ", "AGE_1 ", "<", ">", "&lt;"]), MARKED), max_size=12))
def test_a_text_of_several_values_comes_back_as_it_was(pieces: list[tuple[str, tuple[str, str]]]):
    text = "".join(f"{before} {value}" for before, (_, value) in pieces)
    known = Pseudonyms([text])
    masked = "".join(f"{before} {known.of(value, type_)}" for before, (type_, value) in pieces)
    assert known.restore(masked) == text
    assert len({known.of(value, type_) for _, (type_, value) in pieces}) == len({value for _, (_, value) in pieces})


def test_without_any_value_nothing_is_held():
    restoring = Pseudonyms().restoring()
    assert restoring.feed("<EMAIL_ADDRESS_1") == "<EMAIL_ADDRESS_1"
    assert restoring.finish() == ""
