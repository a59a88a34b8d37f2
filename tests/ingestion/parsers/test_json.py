from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.json import JsonLinesParser, JsonParser

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values, st.sampled_from([None, 2]))
def test_json_stays_as_it_is(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    found = JsonParser().parse(text.encode(), uri="a/fish_prices.json")
    assert (found.text, found.warnings, found.verbatim) == (text, (), True)
    assert found.title == "Fish prices"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('{\n"a": }', "is no valid JSON, and was read as text: Expecting value in line 2"),
        ("[" * 100_000, "is no valid JSON, and was read as text: it is nested too deeply"),
    ],
)
def test_damaged_json_is_still_text(text: str, warning: str) -> None:
    found = JsonParser().parse(text.encode(), uri="a.json")
    assert (found.text, found.warnings) == (text, (warning,))


@given(st.lists(values, min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_each_line_is_a_row(records: list[Any], end: str) -> None:
    lines = [json.dumps(record) for record in records]
    found = JsonLinesParser().parse(end.join(lines).encode(), uri="a.jsonl")
    assert [(span.label, found.text[span.start : span.end]) for span in found.spans] == [
        (str(number), line) for number, line in enumerate(lines, 1)
    ]
    assert (found.text, found.warnings, found.verbatim) == (end.join(lines), (), True)


def test_blank_lines_are_no_rows_and_damaged_ones_are_reported() -> None:
    found = JsonLinesParser().parse(b'{"a": 1}\n\n{"a"\n{"b"\n', uri="a.jsonl")
    assert [span.label for span in found.spans] == ["1", "3", "4"]
    assert found.warnings == ("line 3 and 1 more is no valid JSON, and was read as text",)


@pytest.mark.parametrize("parser", [JsonParser(), JsonLinesParser()])
def test_a_blank_file_is_refused(parser: JsonParser | JsonLinesParser) -> None:
    with pytest.raises(ParseError, match="is empty"):
        parser.parse(b" \n", uri="a.json")
