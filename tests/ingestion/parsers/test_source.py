from __future__ import annotations

from ragstone.ingestion.parsers.source import SourceParser


def test_code_stays_as_it_is() -> None:
    text = "# fish\r\n\r\ndef cod():\r\n\treturn 3\r\n"
    found = SourceParser().parse(text.encode(), uri="src/fish_prices.py")
    assert (found.text, found.title, found.media_type, found.spans, found.verbatim) == (
        text,
        "fish_prices.py",
        "text/x-source",
        (),
        True,
    )
