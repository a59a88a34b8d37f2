"""The form that an answer must have, and the prompt for a model that can only be told of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ragstone.patterns import Pattern
from ragstone.repair import ODD_SPACES, repaired
from ragstone.types import Message, Prompt

if TYPE_CHECKING:
    from jsonschema import FormatChecker, ValidationError
    from pydantic import BaseModel

__all__ = ["Output", "first_json", "fitted", "in_words", "misfit", "read_json", "read_value"]

_FENCE = re.compile(r"```+|~~~+")
_FENCE_LINE = re.compile(r"^[ \t]*(?:```+|~~~+)[\w+-]*[ \t\r]*$", re.MULTILINE)
_HALF = re.compile(r"[\ud800-\udfff]")

DEEPEST = 100  # levels of an answer: whatever reads it later goes down level by level

TOO_DEEP = "the answer is nested too deeply"
NULL = "the answer is null"
NO_OBJECT = "the answer is no JSON object"

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
    fault = misfit(value, output.schema)
    return (None, fault) if fault else (value, "")


def misfit(value: object, schema: Mapping[str, Any]) -> str:
    """What of a value does not obey a JSON Schema, in words; none where all of it does."""
    checker = cast("Any", _validator())(schema, format_checker=_formats())
    errors = sorted(checker.iter_errors(value), key=lambda error: [str(key) for key in error.absolute_path])
    return _told([(tuple(error.absolute_path), error.message) for error in errors])


def _told(faults: Sequence[tuple[Sequence[object], str]]) -> str:
    lines = [f"{'.'.join(map(str, place)) or 'the answer'}: {message}"[:LONGEST_FAULT] for place, message in faults]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "; ".join([*lines[:SHOWN], *more])


@cache
def _validator() -> object:
    """The validator of draft 2020-12 whose patterns and comparisons take time in proportion to the value."""
    from jsonschema import Draft202012Validator, validators

    own = {
        "pattern": _matching,
        "patternProperties": _named_so,
        "additionalProperties": _others,
        "uniqueItems": _distinct,
    }
    return cast("Any", validators).extend(Draft202012Validator, own)


def _matching(_: Any, source: str, value: object, __: object) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _pattern(source).found(value):
        yield _wrong(f"{value!r} does not match {source!r}")


def _named_so(checker: Any, given: Mapping[str, Any], value: object, _: object) -> Iterator[ValidationError]:
    for source, schema in given.items() if isinstance(value, dict) else ():
        for name, each in cast("dict[str, Any]", value).items():
            if _pattern(source).found(name):
                yield from checker.descend(each, schema, path=name, schema_path=source)


def _others(checker: Any, given: Any, value: object, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    for name in _unnamed(cast("dict[str, Any]", value), schema) if isinstance(value, dict) else ():
        if given is False:
            yield _wrong(f"Additional properties are not allowed ({name!r} was unexpected)")
        elif given is not True:
            yield from checker.descend(cast("dict[str, Any]", value)[name], given, path=name)


def _distinct(_: Any, given: bool, value: object, __: object) -> Iterator[ValidationError]:
    items = cast("list[object]", value) if isinstance(value, list) and given else []
    if len({json.dumps(_plain(item), sort_keys=True) for item in items}) < len(items):
        yield _wrong(f"{value!r} has non-unique elements")


def _wrong(message: str) -> ValidationError:
    from jsonschema import ValidationError

    return ValidationError(message)


def _unnamed(value: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The properties of a value that its schema neither names nor describes by a pattern."""
    sources = schema.get("patternProperties", {})
    rest = [name for name in value if name not in schema.get("properties", {})]
    return [name for name in rest if not any(_pattern(source).found(name) for source in sources)]


def _plain(value: object) -> object:
    """The value with each number written in one way, since 1 and 1.0 are the same to a schema."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[object]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@lru_cache(maxsize=256)
def _pattern(source: str) -> Pattern:
    return Pattern(source)


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


def read_json(text: str, *, cut: bool = False) -> tuple[dict[str, Any] | None, str, str]:
    """The object that a text is or holds; a remark on what was done to read it; and what is wrong else.

    What wraps it is taken off, and what is broken in it is mended, see `repair.py`; where its end is missing, only if
    `cut`.
    """
    value, remark, fault = read_value(text, cut=cut)
    if isinstance(value, dict):
        return cast("dict[str, Any]", value), remark, ""
    return None, "", fault if fault not in ("", NULL) else NO_OBJECT


def read_value(text: str, *, cut: bool = False) -> tuple[Any, str, str]:
    """The same for a list, too, and for whatever else is JSON as it stands; for null there is a fault."""
    value, fault = _json(text)
    if fault in ("", NULL, TOO_DEEP):
        return value, "", fault
    fenced = [] if text.lstrip().startswith(("{", "[")) else list(islice(_fenced(text), 2))
    if len(fenced) > 1:
        return None, "", fault
    inside, around = fenced[0] if fenced else (text, "")
    if fenced:
        value, fault = _json(inside)
    repairs: tuple[str, ...] = ()
    if fault:
        found = repaired(inside)
        if found is None or (found.cut and not cut):
            return None, "", fault
        value = _usable(found.value)
        if value is None:
            return None, "", TOO_DEEP
        repairs, around = found.repairs, f"{around}\n{inside[: found.start]}\n{inside[found.end :]}"
    return value, _remark(bool(fenced), around, repairs), ""


def _remark(fenced: bool, around: str, repairs: Sequence[str]) -> str:
    """What was done to read an answer, in words."""
    bare = _FENCE_LINE.sub("", around)
    if fenced or bare != around:
        wrapped = "a code fence was taken off" + (", and the words around it" if bare.strip() else "")
    else:
        wrapped = "the words around it were taken off" if around.strip() else ""
    mended = f"repaired: {', '.join(repairs)}" if repairs else "" if wrapped else f"repaired: {ODD_SPACES}"
    return "; ".join(filter(None, (wrapped, mended)))


def first_json(text: str) -> dict[str, Any] | None:
    """The object that begins with the first brace of a text, whatever follows it; None where it is none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        value: object = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).raw_decode(text, start)[0]
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


def _json(text: str) -> tuple[Any, str]:
    """What a text is that is JSON as it stands, or what is wrong with it."""
    try:
        value: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        return None, TOO_DEEP
    except json.JSONDecodeError as error:
        return None, f"the answer is no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except ValueError as error:  # a number that JSON does not know, or one of thousands of digits
        return None, f"the answer is no JSON: {error}"
    if value is None:
        return None, NULL
    value = _usable(value)
    return value, TOO_DEEP if value is None else ""


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


def _finite(digits: str) -> float:
    """The number; Python takes 1e999 for infinity, which is no JSON any more when it is written."""
    number = float(digits)
    return number if isfinite(number) else _refuse("a number that is too large")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"it holds {word}")
