"""The texts that a command is given: one whole file, or one field of each line of JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from ragstone.cli import end_interrupted, show
from ragstone.errors import UsageError

__all__ = ["Line", "field_of", "printing", "readable", "texts_of", "unread"]

FIELD = "text"

SHOWN = 60  # characters of a line that is no JSON


@dataclass(frozen=True, slots=True)
class Line:
    """A text, or why there is none; `number` counts lines from 1."""

    number: int
    text: str | None
    error: str = ""


def field_of(field: str | None, *, jsonl: bool) -> str | None:
    """The key of the text in each line; None where the whole file is one text. Raises UsageError."""
    if field is not None and not jsonl:
        raise UsageError("is a key of JSON lines", where="--field", expected="--jsonl beside it", found=field)
    return (field or FIELD) if jsonl else None


def texts_of(file: str, field: str | None) -> Iterator[Line]:
    """The texts of a file, or of standard input where it is named `-`; bytes that are no UTF-8 are replaced.

    Raises UsageError where there is no such file, or standard input is closed.
    """
    with _opened(file) as source:
        if field is None:
            yield Line(1, source.read().decode("utf-8-sig", "replace"))
            return
        for number, line in enumerate(source, 1):
            yield _line(number, line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip("\r\n"), field)


def readable(path: Path) -> Path:
    """The same path, of a file or a pipe (`<(…)` in a shell is one). Raises UsageError where it is neither."""
    if path.is_dir():
        raise UsageError("is a folder", where=str(path), expected="a file")
    if not path.exists():
        raise UsageError("there is no such file", where=str(path))
    return path


@contextmanager
def printing() -> Generator[None]:
    """Around what prints as it reads: it ends well where its reader has seen enough, and is left by Ctrl-C."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # as in `| head`; Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        end_interrupted("Nothing is kept: run it again from the beginning.")


def unread(lines: int) -> None:
    """Says how many lines held no text, to whoever reads JSON: which ones stands there."""
    if lines:
        show.remarks([f"No text in {lines:,} line{'s' * (lines != 1)}: see `error` there."])


def _opened(file: str) -> BinaryIO:
    if file == "-":
        if (standard := cast("TextIO | None", sys.stdin)) is None:
            raise UsageError("is closed", where="standard input", hint="Name a file, or pipe a text in.")
        return standard.buffer
    try:
        return readable(Path(file)).open("rb")
    except UsageError as error:
        error.hint = "`-` reads standard input."
        raise
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
