r"""Reads questions with known answers, one JSON object a line, as the cases of a prompt file.

    {"question": "How many clips did she sell?", "answer": "48 in April, 24 in May.\n#### 72"}

A row holds the inputs of the prompt by their names, and the right answer, or a list of them. Where the prompt reads
passages it may hold `passages`, a list of texts. Other keys do not count, but one that is nearly an input's name does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from ragstone.errors import PromptError, UsageError, nearest
from ragstone.prompts.testing.cases import Case, Check, Subject, field_fault, hit, input_faults
from ragstone.prompts.testing.checks import RightAnswer
from ragstone.types import Hit

__all__ = ["ANSWER", "read_gold"]

ANSWER = "answer"
"""The key of a row that holds the right answer, unless another is named."""

PASSAGES = "passages"


def read_gold(
    path: Path, *, subject: Subject, key: str = ANSWER, field: str = "", limit: int | None = None
) -> tuple[Case, ...]:
    """The first cases of a file, for a prompt with these inputs; `field` is the output that is compared.

    Raises PromptError with the number of the first line that cannot be used, and UsageError for a wrong argument.
    """
    if any(given.name == key for given in subject.inputs):
        hint = "Say with --gold which key holds the right answer."
        raise UsageError(f"{key!r} is an input of the prompt, and cannot hold the right answer, too", hint=hint)
    if fault := field_fault(field, subject):
        raise UsageError(fault[0], where="--field", expected=fault[1], hint=fault[2])
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise UsageError("there is no such file", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from None
    found: list[Case] = []
    for number, line in enumerate(lines, 1):
        if limit is not None and len(found) >= limit:
            break
        if line.strip():
            found.append(_Row(line, f"{path}:{number}", subject).case(key, field))
    if not found:
        raise PromptError("holds no cases", where=f"{path}:1", expected=f'a line such as {{"{key}": "72", …}}')
    return tuple(found)


class _Row:
    """One line of the file."""

    def __init__(self, line: str, where: str, subject: Subject) -> None:
        self.where, self.subject = where, subject
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PromptError(f"is no JSON: {error}", where=where, found=line[:60]) from None
        if not isinstance(row, dict):
            raise PromptError("holds no object", where=where, expected='{"name": value, …}', found=line[:60])
        self.row = cast("dict[str, Any]", row)

    def case(self, key: str, field: str) -> Case:
        """The case. Raises PromptError."""
        names = [given.name for given in self.subject.inputs]
        inputs = {name: self.row[name] for name in names if name in self.row}
        fault = next(input_faults(inputs, self.subject.inputs, lambda _: self.where), None)
        if fault is not None:
            raise self._helped(fault, names, key)
        right = self._right(key)
        return Case(
            name=f"line {self.where.rpartition(':')[2]}",
            where=self.where,
            inputs=inputs,
            passages=tuple(self._passages()),
            expect=(Check("answer", RightAnswer(right=right, field=field), self.where),),
        )

    def _helped(self, fault: PromptError, names: Sequence[str], key: str) -> PromptError:
        """The fault with the key that was perhaps meant."""
        others = [name for name in self.row if name not in (*names, key)]
        missing = [name for name in names if name not in self.row]
        hint = next(filter(None, (nearest(name, others) for name in missing)), None)
        found = ", ".join(self.row) if missing else fault.found
        return PromptError(fault.message, where=self.where, expected=fault.expected, found=found, hint=hint)

    def _right(self, key: str) -> list[str | int | float | bool]:
        value: object = self.row.get(key)
        given = cast("list[object]", value) if isinstance(value, list) else [value]
        if value is None or value == []:
            hint = nearest(key, self.row) or f"Give each line its right answer as {key!r}, or name the key with --gold."
            raise PromptError(f"the answer {key!r} is missing", where=self.where, hint=hint)
        for one in given:
            if not isinstance(one, str | int | float) or (isinstance(one, str) and not one.strip()):
                expected = "a text, a number, or a list of them"
                raise PromptError(f"{key!r} is no answer", where=self.where, expected=expected, found=repr(one)[:60])
        return cast("list[str | int | float | bool]", given)

    def _passages(self) -> Iterator[Hit]:
        value: object = self.row.get(PASSAGES, []) if self.subject.passages else []
        texts = cast("list[object]", value) if isinstance(value, list) else [None]
        for number, text in enumerate(texts, 1):
            if not isinstance(text, str) or not text.strip():
                found = json.dumps(value, ensure_ascii=False)[:60]
                raise PromptError("'passages' is no list of texts", where=self.where, found=found)
            yield hit(text, number)
