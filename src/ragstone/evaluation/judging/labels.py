"""Grades that people have given, one JSON object a line.

{"question": "When does it ship?", "answer": "On 3 May.", "grade": 5, "rubric": "It names the day."}
{"question": "Who leads it?", "answer": "Nobody knows.", "grade": 1, "expected": ["Ana Ruiz", "A. Ruiz"]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ragstone.errors import UsageError, nearest

__all__ = ["BEST", "WORST", "Label", "read_labels"]

WORST, BEST = 1, 5
LIKE = '{"question": "…", "answer": "…", "grade": 4}'
KEYS = ("question", "answer", "grade", "expected", "rubric")
SHOWN = 40  # characters of a value that an error tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A person's grade, from 1 to 5, of an answer. `expected` are right answers; `where` is its place in the file."""

    question: str
    answer: str
    grade: int
    expected: tuple[str, ...] = ()
    rubric: str = ""
    where: str = ""


def read_labels(path: Path) -> list[Label]:
    """The lines of a file. Raises UsageError, with file and line, for what is no label, and for a file without any.

    A key that is not known is let alone, unless it looks like one that was meant.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except FileNotFoundError:
        raise UsageError("there is no such file", where=str(path), expected=f"lines such as {LIKE}") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    found = [_label(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError("there is no label", where=str(path), expected=f"lines such as {LIKE}")
    return found


def _label(line: bytes, where: str) -> Label:
    try:
        row: object = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError("is not UTF-8", where=where, expected=LIKE) from None
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise UsageError("is no label", where=where, expected=LIKE, found=repr(line[:60])[1:])
    given = cast("dict[str, Any]", row)
    for name in given:
        if name not in KEYS and (hint := nearest(name, KEYS)):
            raise UsageError(f"unknown key {name!r}", where=where, expected="one of " + ", ".join(KEYS), hint=hint)
    return Label(
        question=_text(given, "question", where),
        answer=_text(given, "answer", where),
        grade=_grade(given, where),
        expected=_expected(given, where),
        rubric=_text(given, "rubric", where) if given.get("rubric") else "",
        where=where,
    )


def _text(given: Mapping[str, Any], key: str, where: str) -> str:
    value: object = given.get(key)
    if not isinstance(value, str) or not value.strip():
        found = _shown(value) if key in given else None
        raise UsageError(f"{key} is missing, or no text", where=where, expected=LIKE, found=found)
    return value.strip()


def _grade(given: Mapping[str, Any], where: str) -> int:
    value: object = given.get("grade")
    if isinstance(value, bool) or value not in range(WORST, BEST + 1):
        expected = f"a whole number from {WORST} to {BEST}"
        found = _shown(value) if "grade" in given else "none"
        raise UsageError("the grade is none", where=where, expected=expected, found=found)
    return int(cast("float", value))


def _expected(given: Mapping[str, Any], where: str) -> tuple[str, ...]:
    value: object = given.get("expected") or []
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    for one in several:
        if not isinstance(one, str) or not one.strip():
            raise UsageError("`expected` is no text, and no list of texts", where=where, found=_shown(one))
    return tuple(str(one).strip() for one in several)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:SHOWN]
