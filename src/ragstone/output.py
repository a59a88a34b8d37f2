"""The form that an answer must have, and the prompt for a model that can only be told of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ragstone.types import Message, Prompt

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from pydantic import BaseModel

__all__ = ["Output", "first_json", "fitted", "in_words", "read_json"]

_FENCE = re.compile(r"```+|~~~+")
_HALF = re.compile(r"[\ud800-\udfff]")

DEEPEST = 100  # levels of an answer: whatever reads it later goes down level by level

TOO_DEEP = "the answer is nested too deeply"

SHOWN = 3  # faults that are named
LONGEST_FAULT = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The form of an answer: a JSON object that obeys `schema`, which is of draft 2020-12.

    `strict` is the same in the subset that servers take, where a property that may be missing is null instead. `words`
    ask a model for it that takes no schema. `model` is the class of pydantic that the object becomes.
    """

    name: str
    schema: Mapping[str, Any]
    strict: Mapping[str, Any]
    words: str
    model: type[BaseModel] | None = None


def in_words(prompt: Prompt) -> Prompt:
    """The prompt for a model that takes no schema: the words that ask for the output end the last user message.

    One that has them stays as it is.
    """
    last = max((index for index, message in enumerate(prompt.messages) if message.role == "user"), default=None)
    if prompt.output is None or last is None or prompt.messages[last].content.endswith(prompt.output.words):
        return prompt
    asked = Message("user", f"{prompt.messages[last].content}\n\n{prompt.output.words}")
    return replace(prompt, messages=(*prompt.messages[:last], asked, *prompt.messages[last + 1 :]))


# ── Whether an object has the form ──────────────────────────────────────────────────────────────────────────────────


def fitted(value: Mapping[str, Any], output: Output) -> tuple[Any, str]:
    """The object as the caller wants it, and what is wrong with it; None and words, or the object and none."""
    if output.model is not None:
        from pydantic import ValidationError

        try:
            return output.model.model_validate_json(json.dumps(value)), ""
        except ValidationError as error:
            told = [(detail["loc"], detail["msg"]) for detail in error.errors(include_url=False)]
            return None, _told([(place, f"{message[:1].lower()}{message[1:]}") for place, message in told])
    from jsonschema import Draft202012Validator

    checker = cast("Any", Draft202012Validator)(output.schema, format_checker=_formats())
    errors = sorted(checker.iter_errors(value), key=lambda error: [str(key) for key in error.absolute_path])
    return (None, _told([(tuple(e.absolute_path), e.message) for e in errors])) if errors else (value, "")


def _told(faults: Sequence[tuple[Sequence[object], str]]) -> str:
    lines = [f"{'.'.join(map(str, place)) or 'the answer'}: {message}"[:LONGEST_FAULT] for place, message in faults]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "; ".join([*lines[:SHOWN], *more])


@cache
def _formats() -> FormatChecker:
    """The formats that a schema may name; a moment is checked by what Python reads as one, with its time zone."""
    from datetime import datetime

    from jsonschema import FormatChecker

    checker = FormatChecker(("date", "email", "ipv4", "ipv6", "time", "uuid"))

    def moment(value: object) -> bool:
        return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None

    checker.checkers = {**checker.checkers, "date-time": (moment, (ValueError,))}
    return checker


# ── Out of the wrapping ─────────────────────────────────────────────────────────────────────────────────────────────


def read_json(text: str) -> tuple[dict[str, Any] | None, str, str]:
    """The object that a text is, or that stands in its one code fence; a remark on that; and what is wrong else."""
    value, fault = _json(text)
    if value is not None:
        return value, "", ""
    fenced = list(islice(_fenced(text), 2))
    if len(fenced) == 1:
        ((inside, around),) = fenced
        value, wrong = _json(inside)
        remark = "a code fence was taken off" + (", and the words around it" if around.strip() else "")
        return value, remark, wrong
    return None, "", fault


def first_json(text: str) -> dict[str, Any] | None:
    """The object that begins with the first brace of a text, whatever follows it; None where it is none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        value: object = json.JSONDecoder(parse_constant=_refuse).raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
    value = _usable(value)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _fenced(text: str) -> Iterator[tuple[str, str]]:
    """What stands in each code fence, and what stands around it. Of many that are never closed, each is seen once."""
    lines = text.split("\n")
    closing = {line.rstrip(): number for number, line in enumerate(lines) if _FENCE.fullmatch(line.rstrip())}
    fence, opened = "", 0
    for number, line in enumerate(lines):
        if fence and line.rstrip() == fence:
            yield "\n".join(lines[opened + 1 : number]), "\n".join([*lines[:opened], *lines[number + 1 :]])
            fence = ""
        elif not fence and (found := _FENCE.match(line)) and closing.get(found[0], 0) > number:
            fence, opened = found[0], number


def _json(text: str) -> tuple[dict[str, Any] | None, str]:
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        return None, TOO_DEEP
    except json.JSONDecodeError as error:
        return None, f"the answer is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except ValueError as error:  # a number that JSON does not know, or one of thousands of digits
        return None, f"the answer is no JSON: {error}"
    if not isinstance(value, dict):
        return None, "the answer is no JSON object"
    value = _usable(cast("object", value))
    return (None, TOO_DEEP) if value is None else (cast("dict[str, Any]", value), "")


def _usable(value: object) -> object:
    """A value with a sign in place of each half of a character, which nobody can send; None for one too deep."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            said = json.dumps(value, ensure_ascii=False)
            if _HALF.search(said) is None:
                return value
            return json.loads(said.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return None


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"it holds {word}")
