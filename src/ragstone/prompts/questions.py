"""Reads questions that a prompt could be asked: a JSON object on each line, or each line a question.

    {"question": "How long is the warranty?", "id": "w-1", "final": "two years"}

An object holds values for the inputs of a prompt file, beside whatever else it may hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

from ragstone.errors import PromptError, UsageError, nearest
from ragstone.prompts.examples import Declared, read_example
from ragstone.prompts.file import PromptFile

__all__ = ["QUESTION", "Asked", "asking_input", "distinct", "read_questions"]

QUESTION = "question"

LONGEST = 100_000  # bytes of a line
MOST = 20_000  # questions
SHOWN = 60  # characters of a line that cannot be read
_PASSAGES = "passages"
_OBJECTS = (".jsonl", ".ndjson", ".json")
_NO_OUTPUT = "."  # an example is checked with an output, and a question has none yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question: its line, its words, all inputs of the prompt that it gives, and what else its line holds."""

    line: int
    text: str
    inputs: Mapping[str, object]
    passages: Sequence[Mapping[str, str]] = ()
    more: Mapping[str, object] = field(default_factory=dict[str, object])


def asking_input(file: PromptFile, named: str | None = None) -> str:
    """The input of a prompt that holds the question: that named, or `question`, or the only text it cannot do without.

    Raises UsageError where there is none.
    """
    texts = [one.name for one in file.given if one.kind == "string"]
    if named is not None:
        if named not in texts:
            expected = "one of " + ", ".join(texts) if texts else "a prompt with an input that is a text"
            where, hint = f"prompt {file.name!r}", nearest(named, texts)
            raise UsageError(f"there is no input {named!r} that is a text", where=where, expected=expected, hint=hint)
        return named
    required = [one.name for one in file.given if one.kind == "string" and one.required]
    if QUESTION in texts:
        return QUESTION
    if len(required) == 1:
        return required[0]
    hint = f"Name it: --input {texts[0]}" if texts else "Declare one under inputs in the prompt file."
    found = ", ".join(texts) or "no input that is a text"
    raise UsageError("no input is called question", where=f"prompt {file.name!r}", found=found, hint=hint)


def read_questions(path: Path, file: PromptFile, *, name: str) -> list[Asked]:
    """The questions of a file, for the input of a prompt that is called `name`. Blank lines count for nothing.

    Raises UsageError with file and line for what is no question, and PromptError for one that the prompt cannot take.
    """
    declared = Declared(version=file.version, inputs=file.inputs, render=lambda values: _rendered(file, values))
    found: list[Asked] = []
    objects: bool | None = None
    for number, line in _lines(path):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        if objects is None:
            objects = path.suffix.lower() in _OBJECTS or line.lstrip().startswith("{")
        row = _object(line, where) if objects else {name: line.strip()}
        one = _asked(row, file, name=name, where=where, number=number)
        given: dict[str, object] = {"inputs": one.inputs, "output": _NO_OUTPUT}
        read_example({**given, _PASSAGES: one.passages}, declared=declared, where=where, number=number)
        found.append(one)
        if len(found) > MOST:
            raise UsageError(f"holds more than {MOST:,} questions", where=str(path), hint="Take a sample of them.")
    if not found:
        raise UsageError("there is no question", where=str(path))
    return found


def distinct(questions: Sequence[Asked]) -> list[Asked]:
    """The first of all that say the same, but for capitals and spaces."""
    return list({" ".join(one.text.casefold().split()): one for one in reversed(questions)}.values())[::-1]


def _rendered(file: PromptFile, values: Mapping[str, object]) -> None:
    if not any(message.role == "user" for message in file.body.render({"mark": "", "canary": "", **values})):
        raise PromptError("makes every user message empty", where=str(file.path))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, one in memory at a time."""
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(LONGEST + 1):
                number += 1
                where = f"{path}:{number}"
                if len(data) > LONGEST:
                    hint = "Each question stands on a line of its own."
                    raise UsageError(f"the line is longer than {LONGEST:,} bytes", where=where, hint=hint)
                try:
                    yield number, data.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise UsageError(
                        "is no UTF-8", where=f"{where}:{error.start + 1}", hint="Save the file as UTF-8."
                    ) from None
    except FileNotFoundError:
        beside = [each.name for each in path.parent.glob("*")]
        hint = nearest(path.name, beside)
        raise UsageError("there is no such file", where=str(path), hint=hint) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=str(path)) from None


def _object(line: str, where: str) -> dict[str, object]:
    expected = '{"question": "…"} on one line'

    def refuse(message: str, at: str = where) -> NoReturn:
        shown = line.strip()
        found = repr(shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…")
        raise UsageError(message, where=at, expected=expected, found=found)

    try:
        row: Any = json.loads(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        refuse(f"is no JSON: {error.msg}", f"{where}:{error.colno}")
    except (RecursionError, ValueError):
        refuse("is no JSON that can be read")
    if not isinstance(row, dict):
        refuse("is no object")
    return cast("dict[str, object]", row)


def _asked(row: Mapping[str, object], file: PromptFile, *, name: str, where: str, number: int) -> Asked:
    key = name if name in row else QUESTION
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        message = f"{key!r} is no text" if text is not None and not isinstance(text, str) else f"{name!r} is missing"
        if isinstance(text, str):
            message = f"{key!r} is empty"
        hint = nearest(name, row) if text is None else None
        raise UsageError(message, where=where, expected=f'{{"{name}": "…"}}', found=_keys(row), hint=hint)
    inputs = {one.name: row[one.name] for one in file.given if one.name in row} | {name: text}
    taken = {*inputs, key}
    passages: Any = ()
    if _PASSAGES in file.body.uses:
        passages = row.get(_PASSAGES, [])
        taken.add(_PASSAGES)
        if not passages:
            hint = 'Give each question the passages that it is to be answered from: [{"uri": "a.md", "text": "…"}].'
            message = f"has no passages, and the prompt {file.name!r} reads some"
            raise UsageError(message, where=where, expected='"passages": […]', hint=hint)
    more = {key: value for key, value in row.items() if key not in taken}
    return Asked(line=number, text=text.strip(), inputs=inputs, passages=passages, more=more)


def _keys(row: Mapping[str, object]) -> str | None:
    return "the keys " + ", ".join(list(row)[:8]) if row else None
