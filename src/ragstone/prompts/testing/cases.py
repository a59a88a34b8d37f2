"""Reads the tests of a prompt file and checks them, so that a mistake in them is found before any model is asked.

cases:
- name: names the day
inputs: {question: When does it ship?}
passages: [The halibut project ships on 3 May 2031.]
sent: [{contains: "[1]"}]
expect: [{contains: 3 May 2031}, {citation: 1}]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from ragstone.config import Located, parse_yaml, validate
from ragstone.errors import PromptError, nearest
from ragstone.prompts.schema import Property
from ragstone.prompts.syntax import read
from ragstone.prompts.testing.checks import EXPECT, SENT, Expected, Sent, compared_field
from ragstone.types import Chunk, Hit, Message

__all__ = ["Case", "Check", "Subject", "Tests", "field_fault", "hit", "input_faults", "load_cases"]

MOST_REPEATS = 1000

Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a case: its name in SENT or EXPECT, its value, and where it stands."""

    name: str
    value: Any
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: what is given to a prompt, what must be sent, and what a model must say to it.

    It passes when at least the share `at_least` of its `repeats` does. `needs_writing`: a model that only quotes cannot
    do it.
    """

    name: str
    where: str
    inputs: Mapping[str, Any]
    passages: tuple[Hit, ...] = ()
    history: tuple[Message, ...] = ()
    sent: tuple[Check, ...] = ()
    expect: tuple[Check, ...] = ()
    repeats: int = 1
    at_least: float = 1.0
    needs_writing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What of a prompt file its tests must fit: its inputs, whether it reads passages, and the names of its outputs.

    `outputs` is None for free text.
    """

    inputs: Sequence[Property]
    passages: bool
    outputs: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """A file of tests, and where a prompt file names it. It is read when somebody tests: no answer waits for it."""

    path: Path
    root: Path
    where: str
    subject: Subject

    def cases(self) -> tuple[Case, ...]:
        """Its cases. Raises PromptError or ConfigError as `load_cases` does."""
        return load_cases(self.path, root=self.root, where=self.where, subject=self.subject)


# ── The shape of the file ───────────────────────────────────────────────────────────────────────────────────────────


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _as_passage(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class _Passage(_Strict):
    text: Annotated[str, Field(min_length=1)]
    title: str = ""
    uri: str = ""


class _Turn(_Strict):
    role: Literal["user", "assistant"]
    content: Annotated[str, Field(min_length=1)]


class _Case(_Strict):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    inputs: dict[str, Any] = {}
    passages: list[Annotated[_Passage, BeforeValidator(_as_passage)]] = []
    history: list[_Turn] = []
    sent: Sequence[BaseModel] = ()
    expect: Sequence[BaseModel] = ()
    repeats: int = Field(default=1, ge=1, le=MOST_REPEATS)
    at_least: float = Field(default=1.0, gt=0, le=1)
    needs_writing: bool = False


class _File(_Strict):
    cases: Sequence[_Case]


def _checks_of(name: str, register: Mapping[str, Sent] | Mapping[str, Expected]) -> Any:
    """A list of models with a key for each check, so that an unknown one is told as any unknown key is."""
    fields: dict[str, Any] = {f"{key}_": (kind.shape | None, Field(None, alias=key)) for key, kind in register.items()}
    return _list_of(create_model(name, __base__=_Strict, **fields))


def _list_of(model: type[BaseModel]) -> Any:
    return list[model]


_whole_case = create_model(
    "_WholeCase", __base__=_Case, sent=(_checks_of("_Sent", SENT), []), expect=(_checks_of("_Expect", EXPECT), [])
)
_whole_file = create_model("_WholeFile", __base__=_File, cases=(_list_of(_whole_case), ...))


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def load_cases(path: Path, *, root: Path, where: str, subject: Subject) -> tuple[Case, ...]:
    """The cases of a file that a prompt names at `where`.

    Raises PromptError or ConfigError with the place of the first fault; its `faults` hold every one that was found.
    """
    try:
        text = read(path, root)
    except PromptError as error:
        message = f"the tests cannot be used: {error.message}"
        raise PromptError(message, where=where, expected=error.expected, found=str(path), hint=error.hint) from None
    located = parse_yaml(text, path)
    if not isinstance(located.value, dict):
        raise PromptError("holds no cases", where=located.where(), expected="a line 'cases:' and a list below it")
    found = validate(_whole_file, located)
    faults = tuple(_faults(found, located, subject))
    if faults:
        faults[0].faults = faults
        raise faults[0]
    return tuple(_case(one, index, located) for index, one in enumerate(found.cases))


def _case(given: _Case, index: int, located: Located) -> Case:
    at: Keys = ("cases", index)
    return Case(
        name=given.name,
        where=located.where(at),
        inputs=given.inputs,
        passages=tuple(
            hit(one.text, number, title=one.title, uri=one.uri) for number, one in enumerate(given.passages, 1)
        ),
        history=tuple(Message(turn.role, turn.content) for turn in given.history),
        sent=tuple(_checks(given.sent, (*at, "sent"), located)),
        expect=tuple(_checks(given.expect, (*at, "expect"), located)),
        repeats=given.repeats,
        at_least=given.at_least,
        needs_writing=given.needs_writing,
    )


def hit(text: str, number: int, *, title: str = "", uri: str = "") -> Hit:
    """A passage as a search would have found it: each is a document of its own."""
    uri = uri or title or f"passage-{number}"
    chunk = Chunk(
        id=f"passage-{number}",
        document_id=f"passage-{number}",
        uri=uri,
        title=title or uri,
        text=text,
        start=0,
        end=len(text),
        line=1,
    )
    return Hit(chunk, rank=number, scores={})


def _checks(given: Sequence[BaseModel], at: Keys, located: Located) -> Iterator[Check]:
    for place, one in enumerate(given):
        for name, value in _named(one):
            yield Check(name, value, located.where((*at, place, name)))


def _named(check: BaseModel) -> list[tuple[str, Any]]:
    """The checks that one item of a list holds; it shall be one."""
    return [(field.removesuffix("_"), getattr(check, field)) for field in sorted(check.model_fields_set)]


# ── Faults that concern several keys ────────────────────────────────────────────────────────────────────────────────


def _faults(file: _File, located: Located, subject: Subject) -> Iterator[PromptError]:
    if not file.cases:
        hint = "Write below it: - {name: …, inputs: {…}, expect: [contains: …]}"
        yield PromptError("has no cases", where=located.where(("cases",)), hint=hint)
    before: set[str] = set()
    for index, case in enumerate(file.cases):
        at: Keys = ("cases", index)
        if case.name in before:
            yield PromptError(f"the case {case.name!r} stands here twice", where=located.where((*at, "name")))
        before.add(case.name)
        if not case.sent and not case.expect:
            expected = "a list under `sent` or `expect`"
            yield PromptError(f"the case {case.name!r} checks nothing", where=located.where(at), expected=expected)
        yield from input_faults(case.inputs, subject.inputs, partial(_input_place, located, (*at, "inputs")))
        yield from _check_faults(case.sent, (*at, "sent"), located, list(SENT))
        yield from _check_faults(case.expect, (*at, "expect"), located, list(EXPECT))
        yield from _misfits(case, at, located, subject)


def input_faults(
    inputs: Mapping[str, Any], declared: Sequence[Property], where: Callable[[str | None], str]
) -> Iterator[PromptError]:
    """What is wrong with the inputs of a case; `where` tells the place of one, and of all of them."""
    known = {given.name: given for given in declared}
    for name, value in inputs.items():
        given = known.get(name)
        if given is None:
            expected = "one of " + ", ".join(known) if known else "none"
            message, hint = f"there is no input {name!r}", nearest(name, known)
            yield PromptError(message, where=where(name), expected=expected, hint=hint)
        elif not given.fits(value):
            found = f"{type(value).__name__} {value!r}"[:60]
            message = f"the input {name!r} is of another kind"
            yield PromptError(message, where=where(name), expected=given.kind, found=found)
        elif given.enum_values is not None and value not in given.enum_values:
            message = f"the input {name!r} is none of its enumValues"
            yield PromptError(message, where=where(name), found=repr(value)[:60])
    for given in declared:
        if given.required and given.default is None and given.name not in inputs:
            yield PromptError(f"the input {given.name!r} is missing", where=where(None))


def _check_faults(
    checks: Sequence[BaseModel], at: Keys, located: Located, known: Sequence[str]
) -> Iterator[PromptError]:
    for place, one in enumerate(checks):
        names = [name for name, _ in _named(one)]
        where = located.where((*at, place))
        if len(names) != 1:
            found = ", ".join(names) or "nothing"
            yield PromptError("each check stands on a line of its own", where=where, expected="one key", found=found)
        elif _named(one)[0][1] is None:
            yield PromptError(f"the check {names[0]!r} has no value", where=where)


def field_fault(field: str, subject: Subject) -> tuple[str, str | None, str | None] | None:
    """What is wrong with the field that is compared with a right answer: message, expected, hint."""
    if subject.outputs is None:
        return ("the prompt has no outputs, so no field is compared", None, "Leave it out.") if field else None
    if compared_field(subject.outputs, field) is not None:
        return None
    message = f"there is no output {field!r}" if field else "it is not clear which output is the answer"
    return message, "one of " + ", ".join(subject.outputs), nearest(field, subject.outputs)


def _input_place(located: Located, at: Keys, name: str | None) -> str:
    return located.where(at if name is None else (*at, name))


def _misfits(case: _Case, at: Keys, located: Located, subject: Subject) -> Iterator[PromptError]:
    """What a case asks of a prompt that cannot do it."""
    if case.passages and not subject.passages:
        hint = "Give the text as an input."
        yield PromptError("the prompt reads no passages", where=located.where((*at, "passages")), hint=hint)
    for place, one in enumerate(case.expect):
        for name, value in _named(one):
            where = located.where((*at, "expect", place, name))
            if name == "schema" and subject.outputs is None:
                hint = "Write json_schema and a schema."
                yield PromptError("the prompt has no outputs", where=where, hint=hint)
            elif name == "answer" and (fault := field_fault(value.field, subject)):
                yield PromptError(fault[0], where=where, expected=fault[1], found=value.field or None, hint=fault[2])
            elif name == "citation" and not subject.passages:
                yield PromptError("the prompt reads no passages, so it cites nothing", where=where)
            elif name == "citation" and isinstance(value, list):
                for number in cast("list[int]", value):
                    if number > len(case.passages):
                        expected = f"at most {len(case.passages)}, the number of its passages"
                        yield PromptError(
                            "the case has no such passage", where=where, expected=expected, found=str(number)
                        )
