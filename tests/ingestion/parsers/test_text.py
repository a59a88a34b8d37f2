from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.text import TextParser

BOMS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
printable = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\r\n\f\x85"), min_size=1
).filter(lambda text: text.strip() and not text.startswith("\ufeff"))


def parsed(data: bytes) -> tuple[str, tuple[str, ...]]:
    found = TextParser().parse(data, uri="documents/a.txt")
    return found.text, found.warnings


@given(text=printable, encoding=st.sampled_from(sorted(BOMS)))
def test_a_file_with_a_byte_order_mark_is_decoded_to_the_same_text(text: str, encoding: str) -> None:
    assert parsed(BOMS[encoding] + text.encode(encoding)) == (text, ())


@given(printable)
def test_utf_8_is_decoded_to_the_same_text_line_ends_and_all(text: str) -> None:
    assert parsed(text.encode()) == (text, ())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told_by_its_zeros(encoding: str) -> None:
    text = "Der Dorsch schwimmt über den Grund.\r\n"
    assert parsed(text.encode(encoding)) == (text, (f"decoded as {encoding}: it has no byte-order mark",))


def test_what_is_not_utf_8_is_read_as_cp1252_with_a_warning() -> None:
    assert parsed("„Köder“ für 3 €".encode("cp1252")) == (
        "„Köder“ für 3 €",
        ("decoded as cp1252: not valid UTF-8",),
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n\t ", "is empty"),
        (codecs.BOM_UTF8, "is empty"),
        (b"cod\0liver", "is a binary file"),
        (b"cod \0" + codecs.BOM_UTF8, "is a binary file"),
        (codecs.BOM_UTF16_LE + b"c\0\0\0", "is a binary file"),
        (bytes(range(1, 256)), "is a binary file"),
        (b"cod \x81", "its encoding is unknown: expected UTF-8, UTF-16 or cp1252. Save it as UTF-8."),
        (codecs.BOM_UTF8 + b"\xff", "is not valid utf-8, as its first bytes say"),
        (codecs.BOM_UTF16_LE + b"\x00\xdc", "is not valid utf-16-le, as its first bytes say"),
    ],
)
def test_what_is_no_text_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason) as caught:
        parsed(data)
    assert caught.value.where == "documents/a.txt"


def test_a_log_with_colours_is_text() -> None:
    assert parsed(b"\x1b[31merror\x1b[0m\n" * 9) == ("\x1b[31merror\x1b[0m\n" * 9, ())


@pytest.mark.parametrize(
    ("uri", "title"),
    [
        ("documents/halibut.txt", "Halibut"),
        ("documents/soup_of-the_day.txt", "Soup of the day"),
        ("2024-05-01.txt", "2024-05-01"),
        ("a/README", "README"),
        ("a/v1.2-notes.md", "V1.2 notes"),
        ("a/---.txt", "---"),
    ],
)
def test_a_title_is_made_of_the_file_name(uri: str, title: str) -> None:
    assert title_from(uri) == title
