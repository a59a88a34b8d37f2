from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.csv import CsvParser
from ragstone.types import Parsed


def parsed(text: str) -> Parsed:
    return CsvParser().parse(text.encode(), uri="tables/fish_prices.csv")


def rows(found: Parsed) -> list[tuple[str, str]]:
    return [(span.label, found.text[span.start : span.end]) for span in found.spans if span.kind == "row"]


def test_the_text_stays_and_each_record_is_a_row_of_one_table() -> None:
    found = parsed("fish,kg\r\ncod,3\r\neel,4\r\n")
    assert found.text == "fish,kg\r\ncod,3\r\neel,4\r\n"
    assert rows(found) == [("1", "fish,kg"), ("2", "cod,3"), ("3", "eel,4")]
    (table,) = [span for span in found.spans if span.kind == "table"]
    assert found.text[table.start : table.end] == "fish,kg\r\ncod,3\r\neel,4"
    assert (found.title, found.verbatim) == ("Fish prices", True)


def test_a_quoted_line_break_stays_in_its_row() -> None:
    found = parsed('fish,note\ncod,"cold,\nwet"\neel,dry\n')
    assert rows(found) == [("1", "fish,note"), ("2", 'cod,"cold,\nwet"'), ("3", "eel,dry")]


def test_blank_records_are_counted_and_no_rows() -> None:
    assert rows(parsed("a,b\n\n,\nc,d\n")) == [("1", "a,b"), ("4", "c,d")]


@pytest.mark.parametrize(
    ("delimiter", "kind"), [(",", "csv"), (";", "csv"), ("|", "csv"), ("\t", "tab-separated-values")]
)
def test_the_delimiter_is_found(delimiter: str, kind: str) -> None:
    found = parsed(f'fish{delimiter}kg\ncod{delimiter}"3\n1"\n')
    assert found.media_type == f"text/{kind}"
    assert len(rows(found)) == 2


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest() -> None:
    found = parsed('fish,kg\n"cod,3\n' + "eel,4\n" * 30_000)
    assert len(rows(found)) == 30_002
    assert found.warnings == ("a quote is never closed: each line was read as a row",)


def test_a_field_without_end_is_read_all_the_same() -> None:
    assert len(rows(parsed('"' * 300_000))) == 1


def test_shift_jis_is_guessed_and_reported() -> None:
    text = "名前,年齢,住所\r\n佐藤太郎,30,東京\r\n三木英子,25,大阪\r\n"
    found = CsvParser().parse(text.encode("cp932"), uri="a.csv")
    assert (found.text, found.warnings) == (text, ("decoded as cp932: not valid UTF-8",))


def test_a_blank_file_is_refused() -> None:
    with pytest.raises(ParseError, match="is empty"):
        parsed("\n \n")


cells = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters="\n\r\t"), max_size=8)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_what_a_program_wrote_comes_back_row_by_row(records: list[list[str]], end: str) -> None:
    made = io.StringIO()
    csv.writer(made, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *records])
    found = CsvParser().parse(b"\xef\xbb\xbf" + made.getvalue().encode(), uri="a.csv")
    assert found.text == made.getvalue()
    read = [next(csv.reader(io.StringIO(text, newline=""))) for _, text in rows(found)]
    assert read == [["a", "b", "c"], *(record for record in records if any(cell.strip() for cell in record))]
