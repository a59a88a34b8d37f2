"""What a Guard asks of a text, and of each part of an answer that is JSON.

A Guard is taken apart, and its validators are asked one by one. What it would do about their results it does not do:
it fixes nothing, raises nothing, asks no model, keeps no history and traces nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from importlib import import_module
from typing import Any, cast

from ragstone.connectors.guardrails import vendor
from ragstone.connectors.guardrails.validators import Result, asked, validators_of
from ragstone.errors import ConfigError

__all__ = ["Form", "taken_apart"]

ROOT, MESSAGES = "$", "messages"


class Form:
    """The form that a Guard wants of an answer: a JSON Schema, a pydantic model, validators on the parts."""

    def __init__(self, guard: Any, parts: Mapping[str, Sequence[Any]]) -> None:
        self._kind: Any = guard._output_type
        self._schema: dict[str, Any] = guard.output_schema.model_dump(exclude_none=True, by_alias=True)
        self._model: Any = guard._base_model
        self._known = _known(guard)
        self._parts: dict[str, list[Any]] = {}
        for path, found in parts.items():
            self._parts.setdefault(_place(path), []).extend(found)

    def asked(self, text: str) -> Iterator[Result]:
        """What is wrong with an answer; nothing where it has the form."""
        parsing: Any = import_module("guardrails.utils.parsing_utils")
        value, error = parsing.parse_llm_output(text, self._kind)
        if error or not isinstance(value, dict | list):
            yield _failed("it is no JSON of the wanted form")
            return
        value = parsing.coerce_types(parsing.prune_extra_keys(value, self._schema), self._schema)
        yield from self._schema_faults(value)
        yield from self._model_faults(value)
        for path, part, place in _walked(value, ROOT, ROOT, self._known):
            for validator in self._parts.get(place, ()):
                found = asked(validator, part)
                if not found.passed:
                    yield _failed(f"{path}: {found.reason}", found.label)

    def _schema_faults(self, value: Any) -> Iterator[Result]:
        checking: Any = import_module("guardrails.schema.validator")
        try:
            checking.validate_payload(value, self._schema)
        except checking.SchemaValidationError as error:
            fields = cast("Mapping[str, list[str]]", error.fields or {})  # pyright: ignore[reportAttributeAccessIssue]
            for path, said in fields.items():
                yield _failed(f"{path}: " + "; ".join(said), "schema")
            if not fields:
                yield _failed(" ".join(str(error).split()), "schema")

    def _model_faults(self, value: Any) -> Iterator[Result]:
        """What the model's own validators say, which a Guard never asks."""
        if self._model is None:
            return
        from pydantic import TypeAdapter, ValidationError

        try:
            TypeAdapter(self._model).validate_python(value)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False, include_context=False):
                path = ".".join([ROOT, *(str(part) for part in fault["loc"])])
                yield _failed(f"{path}: {fault['msg']}", "model")


def taken_apart(guard: Any, where: str) -> tuple[dict[str, list[Any]], Form | None]:
    """The validators of a Guard for each of our stages, and the form that it wants of an answer.

    Raises ConfigError for a Guard whose validators Guardrails would never ask without saying so.
    """
    base: Any = vendor.imported("guardrails").Guard
    if not isinstance(guard, base):
        raise ConfigError("is no Guard", where=where, found=type(guard).__name__)
    vendor.silenced()  # a Guard that is made reads the settings again
    opened: Any = guard
    if opened._use_server:
        raise ConfigError("this Guard sends its texts to a server", where=where, expected="one that works here")
    parts: dict[str, list[Any]] = {path: list(found) for path, found in opened._validator_map.items() if found}
    there = [(path, one.rail_alias) for path, found in parts.items() for one in found]
    for reference in opened.validators:
        if (ROOT if reference.on == "output" else reference.on, reference.id) not in there:
            hint = "Import the module that registers it before the Guard is made."
            raise ConfigError(f"the Guard names a validator {reference.id!r} that it has not", where=where, hint=hint)
    for found in parts.values():
        validators_of(found, where)
    stages = {"input": parts.pop(MESSAGES, [])}
    structured = opened._output_type != import_module("guardrails.classes.output_type").OutputTypes.STRING
    known = _known(opened) if structured else {ROOT}
    for path in parts:
        if _plain(path) not in known:
            raise ConfigError(
                f"the Guard has validators on {path!r}, which is no part of an answer, so that nobody would ask them",
                where=where,
                expected="on: one of " + ", ".join(["output", MESSAGES, *sorted(known - {ROOT})]),
            )
    if structured:
        return stages, Form(opened, parts)
    stages["output"] = parts.pop(ROOT, [])
    return stages, None


def _known(guard: Any) -> set[str]:
    """Every path of the form, without the places in lists."""
    schema = guard.output_schema.model_dump(exclude_none=True, by_alias=True)
    paths: set[str] = import_module("guardrails.schema.parser").get_all_paths(schema)
    return {ROOT, *map(_plain, paths)}


def _walked(value: Any, path: str, place: str, known: Set[str]) -> Iterator[tuple[str, Any, str]]:
    """Each part of a value with its path, and the place that validators of it stand under.

    In a place, as in a Guard's, the numbers in lists are left out. A mapping with free keys has a place for all its
    values, too, whose validators a Guard does not find.
    """
    yield path, value, place
    within = _plain(place)
    if isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            below = f"{within}.{key}"
            yield from _walked(part, f"{path}.{key}", below if below in known else f"{within}.*", known)
    elif isinstance(value, list):
        for number, part in enumerate(cast("list[Any]", value)):
            yield from _walked(part, f"{path}.{number}", f"{within}.*", known)


def _place(path: str) -> str:
    return _plain(path) + (".*" if path.endswith(".*") else "")


def _plain(path: str) -> str:
    return path.replace(".*", "")


def _failed(reason: str, label: str = "form") -> Result:
    return Result(passed=False, reason=reason, label=label)
