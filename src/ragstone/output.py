"""The form that an answer must have, and the prompt for a model that can only be told of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ragstone.types import Message, Prompt

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from pydantic import BaseModel

__all__ = ["Output", "fitted", "in_words", "read_json"]

_FENCED = re.compile(r"^(?P<fence>```+|~~~+)[^\n]*\n(?P<inside>.*?)\n?^(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE)

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
    """The prompt for a model that takes no schema: the words that ask for the output end the last user message."""
    last = max((index for index, message in enumerate(prompt.messages) if message.role == "user"), default=None)
    if prompt.output is None or last is None:
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
    fenced = list(_FENCED.finditer(text))
    if len(fenced) == 1:
        value, inside = _json(fenced[0]["inside"])
        around = (text[: fenced[0].start()] + text[fenced[0].end() :]).strip()
        remark = "a code fence was taken off" + (", and the words around it" if around else "")
        return value, remark, inside
    return None, "", fault


def _json(text: str) -> tuple[dict[str, Any] | None, str]:
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        return None, "the answer is nested too deeply"
    except json.JSONDecodeError as error:
        return None, f"the answer is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except ValueError as error:  # a number that JSON does not know, or one of thousands of digits
        return None, f"the answer is no JSON: {error}"
    if not isinstance(value, dict):
        return None, "the answer is no JSON object"
    return cast("dict[str, Any]", value), ""


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"it holds {word}")
