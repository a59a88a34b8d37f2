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
from ragstone.evaluation.lines import read_objects

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
    return [_label(row, where) for row, where in read_objects(path, noun="label", like=LIKE)]


def _label(given: dict[str, Any], where: str) -> Label:
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
