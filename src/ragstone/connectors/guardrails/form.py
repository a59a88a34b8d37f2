"""The form that a Guard wants of an answer: a JSON Schema, a pydantic model, and validators on the parts.

A place is where a part of the form stands, without the numbers in lists: `$.rooms.name`. What validators are asked of
each item of a list, or of each value of a mapping with free keys, stands at `$.rooms.*`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from importlib import import_module
from typing import Any, cast, get_args

from ragstone.connectors.guardrails.validators import Result, asked

__all__ = ["ROOT", "Form", "plain"]

ROOT = "$"


class Form:
    """What is wrong with an answer that should have a form. `parts` are the validators at each place.

    Guardrails finds the validators of a model only where it is a field, in a list, or one of a `Union`: those of a
    `Room | None`, of a tuple and of a mapping's values are added here.
    """

    def __init__(self, guard: Any, parts: Mapping[str, Sequence[Any]]) -> None:
        self._kind: Any = guard._output_type
        self._schema: dict[str, Any] = guard.output_schema.model_dump(exclude_none=True, by_alias=True)
        self._model: Any = guard._base_model
        self.places = {ROOT, *_places(self._schema, self._schema.get("$defs", {}), ROOT, ())}
        self.parts: dict[str, list[Any]] = {}
        for path, found in parts.items():
            place = plain(path) + (".*" if path.endswith(".*") else "")
            self.parts.setdefault(place, []).extend(found)
        for place, validator in _declared(self._model, ROOT, ()):
            there = self.parts.setdefault(place, [])
            if all(validator is not one for one in there):
                there.append(validator)

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
        for path, part, place in _walked(value, ROOT, ROOT, self.places):
            for validator in self.parts.get(place, ()) if part is not None else ():
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


def plain(path: str) -> str:
    """A place, or a path of Guardrails, without what says that items are meant."""
    return path.replace(".*", "")


def _places(schema: Any, named: Mapping[str, Any], place: str, within: tuple[str, ...]) -> Iterator[str]:
    """The places of a JSON Schema below one; `within` are the names that it was reached by, each at most once."""
    if not isinstance(schema, dict):
        return
    node = cast("dict[str, Any]", schema)
    name = str(node.get("$ref", "")).rpartition("/")[2]
    if name in named and name not in within:
        yield from _places(named[name], named, place, (*within, name))
    for key in ("items", "additionalProperties"):
        yield from _places(node.get(key), named, place, within)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for part in cast("list[Any]", node.get(key) or ()):
            yield from _places(part, named, place, within)
    for key, part in cast("dict[str, Any]", node.get("properties") or {}).items():
        yield f"{place}.{key}"
        yield from _places(part, named, f"{place}.{key}", within)


def _declared(model: Any, place: str, within: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The validators that the fields of a model name, wherever in its annotation it stands."""
    base: Any = import_module("guardrails.validator_base").Validator
    for part in get_args(model):
        yield from _declared(part, place, within)
    for name, field in cast("dict[str, Any]", getattr(model, "model_fields", {})).items():
        below = f"{place}.{field.alias or name}"
        found: Any = _extra(field).get("validators", [])
        for one in cast("list[Any]", found if isinstance(found, list) else [found]):
            if isinstance(one, base):
                yield below, one
        if model not in within:
            yield from _declared(field.annotation, below, (*within, model))


def _extra(field: Any) -> dict[str, Any]:
    extra: object = field.json_schema_extra  # or a function
    return cast("dict[str, Any]", extra) if isinstance(extra, dict) else {}


def _walked(value: Any, path: str, place: str, places: Set[str]) -> Iterator[tuple[str, Any, str]]:
    """Each part of a value with its path and its place."""
    yield path, value, place
    within = plain(place)
    if isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            below = f"{within}.{key}"
            yield from _walked(part, f"{path}.{key}", below if below in places else f"{within}.*", places)
    elif isinstance(value, list):
        for number, part in enumerate(cast("list[Any]", value)):
            yield from _walked(part, f"{path}.{number}", f"{within}.*", places)


def _failed(reason: str, label: str = "form") -> Result:
    return Result(passed=False, reason=reason, label=label)
