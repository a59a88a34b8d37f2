"""Every check that a test of a prompt may make, in one place: the shape of its value, and the function that decides.

A check of SENT looks at the messages that would be sent and needs no model; one of EXPECT looks at what a model said.
Each function gives None where all is well, and else a Miss.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeAlias, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ragstone.text.answers import same_answer
from ragstone.text.grades import GOOD
from ragstone.types import Completion, Prompt, Role

__all__ = ["EXPECT", "SENT", "Expected", "Miss", "Reply", "RightAnswer", "Sent", "Tools", "compared_field"]

NEAR = 0.7
"""The similarity that is asked for where a test names none."""


_MARKER = re.compile(r"\s?\[\d+\]")  # of a citation: its number is no part of an answer


class Tools(Protocol):
    """What a check may ask for beside the reply."""

    async def similarity(self, first: str, second: str) -> float:
        """The cosine of two texts' vectors, from -1 to 1."""
        ...

    async def grade(self, reply: Reply, rubric: str, reference: str) -> tuple[int | None, str]:
        """A grade from 1 to 5, None where none was given, and the words of whoever gave it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model said to one case. `cited` are the passages by their places in the case, from 1.

    `misfit` says what is wrong with its form, "" where nothing is, and is None where the prompt asks for no form;
    `fields` are those of an answer that has it. `completion` is None where no model was asked.
    """

    text: str
    question: str
    tools: Tools
    cited: tuple[int, ...] = ()
    abstained: bool = False
    misfit: str | None = None
    fields: Mapping[str, Any] | None = None
    completion: Completion | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """What a check expected, and what it found."""

    expected: str
    found: str


Found: TypeAlias = Miss | None


# ── The shapes of values ────────────────────────────────────────────────────────────────────────────────────────────


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _as_words(value: object) -> object:
    return value if isinstance(value, dict) else {"text": value}  # pyright: ignore[reportUnknownVariableType]


def _as_bounds(value: object) -> object:
    return {"at_least": value, "at_most": value} if isinstance(value, int) else value


def _as_similarity(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


def _as_rubric(value: object) -> object:
    return {"rubric": value} if isinstance(value, str) else value


def _as_right(value: object) -> object:
    return value if isinstance(value, dict) else {"right": value}  # pyright: ignore[reportUnknownVariableType]


def _right_listed(value: object) -> object:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from None


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        cast("Any", Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path))
        raise ValueError(f"is no JSON Schema: {f'{place}: ' if place else ''}{error.message}") from None
    for reference in _references(schema):
        if not _leads(schema, reference):
            raise ValueError(f"its $ref {reference!r} leads nowhere in it; write one such as '#/$defs/name'")
    return schema


def _cited(value: object) -> object:
    numbers = cast("list[object]", value) if isinstance(value, list) else [value]
    if value in ("nothing", "abstains"):
        return value
    if numbers and all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in numbers):
        return numbers
    raise ValueError("should be the number of a passage, a list of such numbers, 'nothing' or 'abstains'")


def _references(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            if key in ("$ref", "$dynamicRef"):
                yield value
            yield from _references(value)
    elif isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _references(item)


def _leads(schema: Mapping[str, Any], reference: object) -> bool:
    """Whether a reference names a part of the same schema: nothing is ever fetched."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return False
    node: object = schema
    for word in filter(None, reference[1:].split("/")):
        if not isinstance(node, dict) or word not in node:
            return False
        node = cast("dict[str, object]", node)[word]
    return True


_Texts: TypeAlias = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_listed), Field(min_length=1)]


class Words(_Strict):
    """Words that stand in a text, or do not."""

    text: _Texts


class WordsSent(Words):
    """The same, perhaps in the messages of one role alone."""

    role: Role | None = None


class Bounds(_Strict):
    """How many there may be, both ends included."""

    at_least: int = Field(default=0, ge=0)
    at_most: int | None = Field(default=None, ge=0)


class Similarity(_Strict):
    """A text that the reply shall mean, and how near it must come."""

    to: Annotated[str, Field(min_length=1)]
    at_least: float = Field(default=NEAR, ge=-1, le=1)


class Rubric(_Strict):
    """What makes a reply good, and the grade that it must get."""

    rubric: Annotated[str, Field(min_length=1)]
    reference: str = ""
    at_least: int = Field(default=GOOD, ge=1, le=5)


class RightAnswer(_Strict):
    """Answers that are right, and the field of the outputs that holds the model's; "" finds it by itself."""

    right: Annotated[
        list[Annotated[str, Field(min_length=1)] | bool | int | float],
        BeforeValidator(_right_listed),
        Field(min_length=1),
    ]
    field: str = ""


_Pattern: TypeAlias = Annotated[str, AfterValidator(_pattern)]
_Schema: TypeAlias = Annotated[dict[str, Any], AfterValidator(_schema)]
_Number: TypeAlias = Annotated[int, Field(ge=1)]
_Cited: TypeAlias = Annotated[Any, AfterValidator(_cited)]


# ── What is sent ────────────────────────────────────────────────────────────────────────────────────────────────────


def _said(prompt: Prompt, role: Role | None = None) -> str:
    return "\n\n".join(message.content for message in prompt.messages if role in (None, message.role))


def _sent_contains(value: WordsSent, prompt: Prompt) -> Found:
    return _contains(value, _said(prompt, value.role))


def _sent_not_contains(value: WordsSent, prompt: Prompt) -> Found:
    return _not_contains(value, _said(prompt, value.role))


def _sent_regex(value: re.Pattern[str], prompt: Prompt) -> Found:
    return _regex(value, _said(prompt))


def _sent_roles(value: list[Role], prompt: Prompt) -> Found:
    roles = [message.role for message in prompt.messages]
    return None if roles == value else Miss(f"the roles {', '.join(value)}", ", ".join(roles))


def _sent_max_tokens(value: int, prompt: Prompt) -> Found:
    return None if prompt.tokens <= value else Miss(f"at most {value} tokens", f"{prompt.tokens} tokens")


# ── What is said ────────────────────────────────────────────────────────────────────────────────────────────────────


def _folded(text: str) -> str:
    """A text as it compares: capitals, and where its lines break, do not count."""
    return " ".join(text.casefold().split())


def _contains(value: Words, text: str) -> Found:
    there = _folded(text)
    missing = [words for words in value.text if _folded(words) not in there]
    return Miss(f"the words {missing[0]!r}", text) if missing else None


def _not_contains(value: Words, text: str) -> Found:
    there = _folded(text)
    found = [words for words in value.text if _folded(words) in there]
    return Miss(f"not the words {found[0]!r}", text) if found else None


def _regex(value: re.Pattern[str], text: str) -> Found:
    return None if value.search(text) else Miss(f"a match of {value.pattern}", text)


def _reply_contains(value: Words, reply: Reply) -> Found:
    return _contains(value, reply.text)


def _reply_not_contains(value: Words, reply: Reply) -> Found:
    return _not_contains(value, reply.text)


def _reply_regex(value: re.Pattern[str], reply: Reply) -> Found:
    return _regex(value, reply.text)


def _reply_equals(value: Words, reply: Reply) -> Found:
    """The whole reply is one of these; a full stop at its end does not count."""
    allowed = {_folded(words).rstrip(".") for words in value.text}
    named = " or ".join(map(repr, value.text))
    return None if _folded(reply.text).rstrip(".") in allowed else Miss(f"{named} alone", reply.text)


def compared_field(names: Iterable[str], wanted: str = "") -> str | None:
    """The field of an answer that is compared: the one that is named, else the only one, else `answer`."""
    known = [*names]
    if not wanted:
        wanted = known[0] if len(known) == 1 else "answer"
    return wanted if wanted in known else None


def _reply_answer(value: RightAnswer, reply: Reply) -> Found:
    """The reply, or the field of it that counts, is one of the right answers."""
    said = reply.text
    if reply.misfit:
        return Miss(f"the prompt's own outputs ({reply.misfit})", said)
    if reply.misfit is not None:
        fields = reply.fields or {}
        name = compared_field(fields, value.field)
        said = "" if name is None else _plain(fields[name])
    if reply.cited:
        said = _MARKER.sub("", said)
    right = [_plain(one) for one in value.right]
    return None if any(same_answer(said, one) for one in right) else Miss(" or ".join(map(repr, right)), said)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reply_words(value: Bounds, reply: Reply) -> Found:
    return _within(value, len(reply.text.split()), "words", reply.text)


def _reply_lines(value: Bounds, reply: Reply) -> Found:
    return _within(value, sum(bool(line.strip()) for line in reply.text.splitlines()), "lines", reply.text)


def _within(bounds: Bounds, count: int, unit: str, text: str) -> Found:
    if count < bounds.at_least:
        return Miss(f"at least {bounds.at_least} {unit} (it has {count})", text)
    if bounds.at_most is not None and count > bounds.at_most:
        return Miss(f"at most {bounds.at_most} {unit} (it has {count})", text)
    return None


def _reply_json_schema(value: dict[str, Any], reply: Reply) -> Found:
    """The whole reply is JSON, with nothing around it, and obeys the schema."""
    from jsonschema import Draft202012Validator

    try:
        said: object = json.loads(reply.text)
    except (ValueError, RecursionError) as error:
        return Miss(f"JSON ({error})", reply.text)
    errors = cast("Any", Draft202012Validator)(value).iter_errors(said)
    fault = min(errors, key=lambda error: [str(key) for key in error.absolute_path], default=None)
    if fault is None:
        return None
    place = ".".join(map(str, fault.absolute_path)) or "the reply"
    return Miss(f"JSON that obeys the schema ({place}: {fault.message})", reply.text)


def _reply_schema(_: bool, reply: Reply) -> Found:
    return Miss(f"the prompt's own outputs ({reply.misfit})", reply.text) if reply.misfit else None


def _reply_citation(value: str | list[int], reply: Reply) -> Found:
    if value == "abstains":
        return None if reply.abstained else Miss("the words for 'no answer'", reply.text)
    if value == "nothing":
        return Miss("no citation", reply.text) if reply.cited else None
    missing = [number for number in cast("list[int]", value) if number not in reply.cited]
    named = ", ".join(map(str, reply.cited)) or "none"
    return Miss(f"a citation of passage {missing[0]} (cited: {named})", reply.text) if missing else None


async def _reply_similarity(value: Similarity, reply: Reply) -> Found:
    near = await reply.tools.similarity(value.to, reply.text)
    wanted = f"a similarity of {value.at_least:.2f} to {value.to!r} (it is {near:.2f})"
    return None if near >= value.at_least else Miss(wanted, reply.text)


async def _reply_judge(value: Rubric, reply: Reply) -> Found:
    grade, words = await reply.tools.grade(reply, value.rubric, value.reference)
    if grade is None:
        return Miss("a grade from 1 to 5 on the last line of the judge", words)
    wanted = f"a grade of {value.at_least} for {value.rubric!r} (it is {grade}: {' '.join(words.split())[:120]})"
    return None if grade >= value.at_least else Miss(wanted, reply.text)


# ── The register ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Sent:
    """A check of the messages: the shape that its value must have, and what decides."""

    shape: Any
    miss: Callable[[Any, Prompt], Found]


@dataclass(frozen=True, slots=True)
class Expected:
    """A check of a reply. `writes`: it asks a model itself, one that writes."""

    shape: Any
    miss: Callable[[Any, Reply], Found | Awaitable[Found]]
    writes: bool = False


SENT: dict[str, Sent] = {
    "contains": Sent(Annotated[WordsSent, BeforeValidator(_as_words)], _sent_contains),
    "not_contains": Sent(Annotated[WordsSent, BeforeValidator(_as_words)], _sent_not_contains),
    "regex": Sent(_Pattern, _sent_regex),
    "roles": Sent(list[Role], _sent_roles),
    "max_tokens": Sent(_Number, _sent_max_tokens),
}
"""What may stand under `sent`, by name."""

EXPECT: dict[str, Expected] = {
    "contains": Expected(Annotated[Words, BeforeValidator(_as_words)], _reply_contains),
    "not_contains": Expected(Annotated[Words, BeforeValidator(_as_words)], _reply_not_contains),
    "equals": Expected(Annotated[Words, BeforeValidator(_as_words)], _reply_equals),
    "regex": Expected(_Pattern, _reply_regex),
    "answer": Expected(Annotated[RightAnswer, BeforeValidator(_as_right)], _reply_answer),
    "words": Expected(Annotated[Bounds, BeforeValidator(_as_bounds)], _reply_words),
    "lines": Expected(Annotated[Bounds, BeforeValidator(_as_bounds)], _reply_lines),
    "json_schema": Expected(_Schema, _reply_json_schema),
    "schema": Expected(Literal[True], _reply_schema),
    "citation": Expected(_Cited, _reply_citation),
    "similarity": Expected(Annotated[Similarity, BeforeValidator(_as_similarity)], _reply_similarity),
    "judge": Expected(Annotated[Rubric, BeforeValidator(_as_rubric)], _reply_judge, writes=True),
}
"""What may stand under `expect`, by name."""
