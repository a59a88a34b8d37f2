"""The texts that a command is given: one whole file, or one field of each line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from ragstone.errors import UsageError

__all__ = ["Line", "texts_of"]

SHOWN = 60  # characters of a line that is no JSON


@dataclass(frozen=True, slots=True)
class Line:
    """A text, or why there is none; `number` counts lines from 1."""

    number: int
    text: str | None
    error: str = ""


def texts_of(file: str, *, jsonl: bool, field: str) -> Iterator[Line]:
    """The texts of a file, or of standard input where it is named `-`; bytes that are no UTF-8 are replaced.

    Raises UsageError where there is no such file, or standard input is closed.
    """
    with _opened(file) as source:
        if not jsonl:
            yield Line(1, source.read().decode("utf-8-sig", "replace"))
            return
        for number, line in enumerate(source, 1):
            yield _line(number, line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip("\r\n"), field)


def _opened(file: str) -> BinaryIO:
    if file == "-":
        if (standard := cast("TextIO | None", sys.stdin)) is None:
            raise UsageError("is closed", where="standard input", hint="Name a file, or pipe a text in.")
        return standard.buffer
    path = Path(file)
    if not path.is_file():
        raise UsageError("there is no such file", where=file, hint="`-` reads standard input.")
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError("cannot be read", where=file, found=error.strerror) from error


def _line(number: int, line: str, field: str) -> Line:
    if not line.strip():
        return Line(number, None, "the line is empty")
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return Line(number, None, f"no JSON: {line[:SHOWN]!r}")
    if not isinstance(value, dict):
        return Line(number, None, "no JSON object")
    found = cast("dict[str, Any]", value).get(field)
    if not isinstance(found, str):
        return Line(number, None, f"no text in the field {field!r}")
    return Line(number, found)
