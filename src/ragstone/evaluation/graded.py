"""A file of graded questions, one JSON object a line, and what else of it was graded before.

    {"question": "When does it ship?", "grades": {"local": 1, "openai": 1}}
    {"question": "Who leads it?", "answer": "Ana Ruiz"}

A grade is a number in [0, 1]. Where a line holds the right answer (or a list of them) instead, models are asked, and
what they say is graded; see grading.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ragstone.errors import UsageError, nearest
from ragstone.evaluation.metrics.words import contained
from ragstone.text.answers import plain_words, same_answer
from ragstone.text.features import numbers
from ragstone.text.language import UNKNOWN

__all__ = ["Grade", "GradeFile", "Graded", "grade", "read_graded"]

LIKE = '{"question": "…", "grades": {"local": 1, "openai": 1}}, or {"question": "…", "answer": "…"}'
KEYS = ("question", "grades", "answer")

_MARKER = re.compile(r"\s*\[\d+\]")  # a citation in an answer's text


@dataclass(frozen=True, slots=True)
class Graded:
    """A line: the question, the grades that it holds, and the right answers, by which others can be had."""

    question: str
    grades: Mapping[str, float]
    right: tuple[str, ...]
    where: str


def read_graded(path: Path, *, models: Sequence[str]) -> list[Graded]:
    """The lines of a file about these models. Raises UsageError, with file and line, for what is none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise UsageError("there is no such file", where=str(path), expected=f"lines such as {LIKE}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from None
    found: dict[str, Graded] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            one = _Line(line, f"{path}:{number}").graded(models)
            if one.question in found:
                raise UsageError("this question was graded before", where=one.where, found=found[one.question].where)
            found[one.question] = one
    if not found:
        raise UsageError("there is no question", where=str(path), expected=f"lines such as {LIKE}")
    return [*found.values()]


def grade(text: str, right: Sequence[str]) -> float:
    """1 where a right answer was given or stands in what was said, by its words or its number; else 0."""
    said = _MARKER.sub("", text)
    given = numbers(said, language=UNKNOWN)
    alone = ["".join(plain_words(one)) for one in right]
    known = any(one.isdigit() and one in given for one in alone)  # 1,250 is 1250
    return float(known or any(same_answer(said, one) for one in right) or contained(said, right) == 1)


class _Line:
    """One line of the file."""

    def __init__(self, line: str, where: str) -> None:
        self.where = where
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise UsageError("is no graded question", where=where, expected=LIKE, found=line[:60])
        self.row = cast("dict[str, Any]", row)

    def graded(self, models: Sequence[str]) -> Graded:
        """What it holds. Raises UsageError."""
        question: object = self.row.get("question")
        if not isinstance(question, str) or not question.strip():
            hint = next(filter(None, (nearest(key, ["question"]) for key in self.row if key not in KEYS)), None)
            raise UsageError("the question is missing", where=self.where, expected=LIKE, hint=hint)
        grades, right = self._grades(models), self._right()
        if not grades and not right:
            others = [key for key in self.row if key not in KEYS]
            hint = next(filter(None, (nearest(key, KEYS[1:]) for key in others)), None)
            raise UsageError("holds neither grades nor an answer", where=self.where, expected=LIKE, hint=hint)
        return Graded(question.strip(), grades, right, self.where)

    def _grades(self, models: Sequence[str]) -> dict[str, float]:
        given: object = self.row.get("grades", {})
        if not isinstance(given, dict):
            raise UsageError("grades are no object", where=self.where, expected=LIKE, found=repr(given)[:60])
        grades = cast("dict[str, object]", given)
        for name, value in grades.items():
            if name not in models:
                raise UsageError(
                    f"{name!r} is no model of the route",
                    where=self.where,
                    expected="one of " + ", ".join(models),
                    hint=nearest(name, models),
                )
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                message = f"the grade of {name} is out of range"
                raise UsageError(message, where=self.where, expected="a number from 0 to 1", found=repr(value)[:40])
        return {name: float(cast("float", value)) for name, value in grades.items()}

    def _right(self) -> tuple[str, ...]:
        given: object = self.row.get("answer", [])
        several = cast("list[object]", given) if isinstance(given, list) else [given]
        for one in several:
            if isinstance(one, bool) or not isinstance(one, str | int | float) or not str(one).strip():
                raise UsageError(
                    "the answer is none", where=self.where, expected="a text, or a list of them", found=repr(one)[:60]
                )
        return tuple(str(one) for one in several)


# ── What was graded before ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Grade:
    """What makes a grade the same one: the question, its right answers, the model, and the version of the prompt."""

    question: str
    right: tuple[str, ...]
    model: str
    prompt: str


class GradeFile:
    """Keeps each grade as soon as it is known, so that a run which was cut short goes on where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = dict(self._read())

    def keep(self, key: Grade, value: float, *, said: str) -> None:
        """Adds one, with the words that were graded."""
        row = {"question": key.question, "answer": list(key.right), "model": key.model, "prompt": key.prompt}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**row, "grade": value, "said": said}, ensure_ascii=False) + "\n")
        self.kept[key] = value

    def _read(self) -> Iterator[tuple[Grade, float]]:
        """What can be read: the last line of a run that was cut short may be half a line."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        if text and not text.endswith("\n"):
            self.path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
        for line in text.split("\n")[:-1]:
            try:
                row = json.loads(line)
                key = Grade(row["question"], tuple(row["answer"]), row["model"], row["prompt"])
                yield key, float(row["grade"])
            except (ValueError, KeyError, TypeError):
                continue
