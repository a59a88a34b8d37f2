"""JSON, and JSON by lines: the text as it stands."""

from __future__ import annotations

import json
from typing import ClassVar

from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.text import LINE, decode
from ragstone.protocols import Parser
from ragstone.types import Parsed, Span

__all__ = ["JsonLinesParser", "JsonParser"]


class JsonParser(Parser):
    """The decoded file, unchanged but for a byte-order mark."""

    media_types: ClassVar[tuple[str, ...]] = ("application/json",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text, with a warning where it is no valid JSON. Raises ParseError for a binary or blank file."""
        text, warnings = decode(data, uri=uri)
        if fault := _fault(text):
            warnings = (*warnings, f"is no valid JSON, and was read as text: {fault}")
        return Parsed(text=text, media_type="application/json", title=title_from(uri), warnings=warnings, verbatim=True)


class JsonLinesParser(Parser):
    """The decoded file, unchanged but for a byte-order mark; each line that is not blank is a row."""

    media_types: ClassVar[tuple[str, ...]] = ("application/x-ndjson",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its rows, with a warning for the first that is no valid JSON. Raises ParseError as above."""
        text, warnings = decode(data, uri=uri)
        rows: list[Span] = []
        faulty: list[int] = []
        for number, line in enumerate(LINE.finditer(text), 1):
            record = line[0].rstrip("\r\n")
            if not record.strip():
                continue
            rows.append(Span("row", line.start(), line.start() + len(record), str(number)))
            if _fault(record):
                faulty.append(number)
        if faulty:
            more = f" and {len(faulty) - 1} more" if len(faulty) > 1 else ""
            warnings = (*warnings, f"line {faulty[0]}{more} is no valid JSON, and was read as text")
        return Parsed(
            text=text,
            media_type="application/x-ndjson",
            title=title_from(uri),
            spans=tuple(rows),
            warnings=warnings,
            verbatim=True,
        )


def _fault(text: str) -> str:
    """Why it is no valid JSON; "" where it is."""
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        return f"{error.msg} in line {error.lineno}"
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:  # a number of more digits than Python converts
        return str(error).partition(";")[0]
    return ""
