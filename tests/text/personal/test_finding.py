"""What the patterns find, and what they leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.text.personal.finding import apart, find
from ragstone.text.personal.masks import finding
from ragstone.text.personal.spans import ABOUT, IDENTIFYING, TYPES, Span

FOUND = [
    ("EMAIL_ADDRESS", "Write to «jane.doe+x@mail.example.co.uk», please."),
    ("EMAIL_ADDRESS", "`«jürgen@müller.example»`"),
    ("EMAIL_ADDRESS", "请写信给 «li@example.cn»。"),
    ("URL", "See «https://example.com/a(b)?c=d»."),
    ("URL", "My site is «www.example.org»!"),
    ("IP_ADDRESS", "blocked «86.231.85.193» today"),
    ("IP_ADDRESS", "from «d80:e4b5:79da:6cf6:71f3:51f7:9161:c319»"),
    ("IP_ADDRESS", "at «fe80::1ff:fe23:4567:890a»,"),
    ("CREDIT_CARD", "card «4111 1111 1111 1111»"),
    ("CREDIT_CARD", "«378282246310005»"),
    ("CREDIT_CARD", "cc «4222222222222»"),
    ("IBAN_CODE", "to «GB82 WEST 1234 5698 7654 32» by Monday"),
    ("IBAN_CODE", "«de89370400440532013000»"),
    ("US_SSN", "my number is «078-05-1120»"),
    ("US_SSN", "Social security number: «078 05 1120»"),
    ("US_ITIN", "«912-75-1234»"),
    ("US_DRIVER_LICENSE", "my driver's license number is «F162823540116»"),
    ("US_PASSPORT", "passport no. «C03005988»"),
    ("UK_NHS", "NHS number «943 476 5919»"),
    ("US_BANK_NUMBER", "bank account number «945456787654»"),
    ("PHONE_NUMBER", "Call «(415) 555-0132 x12» now"),
    ("PHONE_NUMBER", "«+49 231 5550142»"),
    ("PHONE_NUMBER", "Tel. «0231/555 0142»"),
    ("PHONE_NUMBER", "stop messages to «699 956 915»"),
    ("DATE_TIME", "born on «3/23/1940»"),
    ("DATE_TIME", "When: «1993-01-04 14:56:41»"),
    ("DATE_TIME", "on «3 May 2031» it ships"),
    ("DATE_TIME", "am «3. Mai 2031»"),
    ("DATE_TIME", "since «1974»"),
    ("AGE", "a «38»-year-old man"),
    ("AGE", "I'm «31» y/o"),
    ("TITLE", "by «Dr.» Wells"),
    ("NRP", "a «Danish» engineer"),
    ("STREET_ADDRESS", "She lives at «1668 Glyn Street», you know"),
    ("STREET_ADDRESS", "The letter came to «Hauptstraße 5»."),
    ("STREET_ADDRESS", "Send it to «12 Harbour Road\n Suite 4\n Bergen 50110»."),
    ("STREET_ADDRESS", "my address is «PSC 6293, Box 8158\nAPO AP 04336»"),
]


@pytest.mark.parametrize(("type_", "said"), FOUND, ids=[f"{type_}-{said[:24]}" for type_, said in FOUND])
def test_it_is_found_where_it_stands(type_: str, said: str):
    text = said.replace("«", "").replace("»", "")
    start, end = said.index("«"), said.index("»") - 1
    assert [(one.type, one.start, one.end) for one in find(text)] == [(type_, start, end)]


@pytest.mark.parametrize(
    "text",
    [
        "A chunk holds 200 tokens, with 2,000 of them in 10 passages.",
        "Order 4111111111111112 of 1,250.00 EUR",  # the checksum is another one
        "GB82 WEST 1234 5698 7654 33",
        "The area 000-12-3456 and the group 123-00-4567 are given to nobody.",
        "Version 10.2.3.4 runs on 127.0.0.1",
        "std::vector<int> at 0x7f and a::b::c",
        "ISBN 978-3-16-148410-0",
        "We sold 1234567 pieces at 12.50 each.",
        "The 12 Monkeys sing 99 songs.",
        "a@b and @someone and foo@",
        "pi is 3.14159265358979",
        "The Czech Republic and Saudi Arabia",
        "8 passages of at most 250 tokens",
    ],
)
def test_what_only_looks_like_it_is_left(text: str):
    assert find(text) == []


def test_the_names_of_people_are_not_found():
    assert find("Ana Ruiz of Acme lives in Bergen.") == []


def test_only_the_types_that_are_asked_for_are_told_and_the_others_still_decide():
    text = "The card 4111 1111 1111 1111 was used on 3/23/1940."
    assert [one.type for one in find(text, ["DATE_TIME"])] == ["DATE_TIME"]
    assert find(text, ["PHONE_NUMBER"]) == []


@pytest.mark.parametrize("gap", [" ", ", ", "\n"])
def test_values_that_stand_beside_each_other_are_all_found(gap: str):
    values = ["+49 231 555 0142", "4111 1111 1111 1111", "5500-0000-0000-0004", "GB82 WEST 1234 5698 7654 32"]
    values += ["DE89370400440532013000", "4111111111111111", "(415) 555-0132", "078-05-1120", "86.231.85.193"]
    for order in (values, values[::-1], sorted(values), sorted(values, key=len)):
        text = gap.join(order)
        assert [text[span.start : span.end] for span in find(text, IDENTIFYING)] == order


def test_a_range_is_that_of_the_text_as_it_was_given():
    text = "Write to jane\u200b.doe＠example.com soon"
    (span,) = find(text)
    assert text[span.start : span.end] == "jane\u200b.doe＠example.com"


def test_a_verdict_names_types_and_no_values():
    text = "a@example.com or b@example.com"
    found = finding(text, find(text))
    assert not found.passed
    assert found.reason == "it holds personal data: EMAIL_ADDRESS (2)"
    assert found.fixed == "<EMAIL_ADDRESS> or <EMAIL_ADDRESS>"
    assert [flaw.label for flaw in found.flaws] == ["EMAIL_ADDRESS"] * 2


def test_every_type_is_of_one_sort():
    assert not set(IDENTIFYING) & set(ABOUT)
    assert {type_ for type_, _ in FOUND} == set(TYPES)


def test_of_two_that_claim_the_same_characters_the_surer_one_has_them():
    spans = [Span(0, 5, "URL", 0.5), Span(3, 9, "AGE", 0.9), Span(9, 12, "NRP", 0.1)]
    assert apart(spans) == spans[1:]


PIECES = st.sampled_from(
    [
        "jane@example.com",
        "4111 1111 1111 1111",
        "12 Main Street",
        "+49 231 555 0142",
        "1.2.3.4",
        "3/4/1990",
        "Dr. ",
        " ",
        "\n",
        ", ",
        "a",
        "0",
        "-",
        "@",
        ":",
        "é",
        "\u200b",
        "Apt. 5",
        "12345",
        "GB82WEST12345698765432",
    ]
)


@given(st.lists(PIECES, max_size=20).map("".join))
def test_ranges_are_in_order_and_apart(text: str):
    spans = find(text)
    ends = [0, *(one.end for one in spans)]
    assert all(one.start >= end and one.start < one.end <= len(text) for one, end in zip(spans, ends, strict=False))


UNITS = ["a", "1", "1 ", "a.", "@", "a@", "1-", ":", "1.", "A ", "12 A ", "+1 ", "(1", "1)", "http://a ", "12 Street "]
UNITS += ["no 1 ", ", A\n", "12 Street\n", "corner of a ", "corner of A and ", "aged ", "in 19", "GB82 ", "Unit 1234 "]
UNITS += [
    "passport ",
    "a" * 30 + "straße ",
    "A.",
    "1:",
    "DL 1",
    "é",
    "@a.",
    "www.",
    "<",
    "P.O. Box ",
    "12 a ",
    "Tel 1 ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_long_text_takes_time_that_grows_with_its_length(unit: str):
    """A pattern that explodes would take hours here, and no figure is asked for."""
    find((unit * 20_000)[:20_000])
