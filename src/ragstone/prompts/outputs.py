"""The form that an answer must have, from a prompt file's `outputs`; `classes.py` makes one of a class of pydantic.

    outputs:
      - {name: answer, kind: string, description: One sentence with its citation.}
      - {name: allowed, kind: boolean}
      - {name: hours, kind: integer, required: false}

Properties as above, as Prompty v2 has them, or a JSON Schema become one `Output`. All that would keep a server from
honouring it is found when the file is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ragstone.config import Located, template, validate
from ragstone.errors import PromptError
from ragstone.output import Output, fitted
from ragstone.prompts.json_schema import Keys, Node, canonical, faults, strict
from ragstone.prompts.syntax import Source, read
from ragstone.prompts.template import compile_body

__all__ = ["PART", "of_file", "output_of"]

PART = "parts/outputs.md"
"""The file that asks for an answer by a schema in words."""

_TYPES = {"float": "number"}  # the kinds that JSON Schema calls by another name
_LONGEST_NAME = 64  # characters of a schema's name that servers take
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class OutputProperty(BaseModel):
    """One property of an answer. It is required unless `required: false` says that it may be missing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)

    name: str = ""
    kind: Literal["string", "integer", "float", "boolean", "array", "object"] = "string"
    description: str = ""
    required: bool | None = None
    example: Any = None
    enum_values: list[str | int | float] | None = None
    items: OutputProperty | None = None
    properties: list[OutputProperty] | None = None

    def as_schema(self) -> dict[str, Any]:
        """The property as a JSON Schema."""
        made: dict[str, Any] = {"type": _TYPES.get(self.kind, self.kind)}
        if self.description:
            made["description"] = self.description
        if self.example is not None:
            made["examples"] = [self.example]
        if self.enum_values is not None:
            made["enum"] = self.enum_values
        if self.items is not None:
            made["items"] = self.items.as_schema()
        if self.properties is not None:
            made |= _object(self.properties)
        return made


class _Outputs(BaseModel):
    outputs: list[OutputProperty]


def of_file(located: Located, *, name: str, root: Path) -> Output | None:
    """What the front matter says under `outputs`, or None. Raises PromptError; its `faults` hold every one."""
    given = located.value.get("outputs")
    if given in (None, [], {}):
        return None
    found: list[PromptError]
    if isinstance(given, list):
        properties = validate(_Outputs, replace(located, value={"outputs": cast("object", given)})).outputs
        found = list(_property_faults(properties, ("outputs",), located))
        schema = _object(properties)
        # The words of this schema stand in no file, so what is wrong with the whole is said of the whole.
        found = found or list(faults(schema, lambda keys: located.where(("outputs",))))
    else:
        schema = cast("dict[str, Any]", given)
        found = list(faults(given, lambda keys: located.where(("outputs", *keys))))
    if found:
        found[0].faults = tuple(found)
        raise found[0]
    return output_of(schema, name=name, root=root)


def output_of(schema: Node, *, name: str, root: Path) -> Output:
    """The form of an answer, of a schema in which nothing is wrong; `root` is the folder of prompts."""
    whole = canonical(schema)
    named = _NO_NAME.sub("_", name)[:_LONGEST_NAME].strip("_") or "answer"
    return Output(name=named, schema=whole, strict=strict(whole), words=_words(whole, root))


def _words(schema: Node, root: Path) -> str:
    """The file PART with the schema in place; a folder of prompts without it has the one that ships with Ragstone."""
    folder = root if (root / PART).exists() else template() / "prompts"
    text = read(folder / PART, folder)
    # A part has no role of its own. The line before its first one makes it a message, and moves no line number.
    body = compile_body(Source(folder / PART, f"user:\n{text}", 0), root=folder, names=["schema"])
    if "schema" not in body.uses:
        raise PromptError("never shows the schema", where=str(folder / PART), hint="Write {{ schema }} in it.")
    shown = {word: value for word, value in schema.items() if word != "$schema"}
    return body.render({"schema": json.dumps(shown, ensure_ascii=False, indent=2)})[0].content


# ── Properties ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _object(properties: Sequence[OutputProperty]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {each.name: each.as_schema() for each in properties},
        "required": [each.name for each in properties if each.required is not False],
    }


def _property_faults(properties: Sequence[OutputProperty], at: Keys, located: Located) -> Iterator[PromptError]:
    if not properties:
        yield PromptError("names no properties", where=located.where(at))
    for index, each in enumerate(properties):
        place = (*at, index)
        if not each.name:
            yield PromptError("the key 'name' is missing", where=located.where(place))
        elif each.name in [other.name for other in properties[:index]]:
            message = f"the output {each.name!r} stands here twice"
            yield PromptError(message, where=located.where((*place, "name")))
        yield from _kind_faults(each, place, located)


def _kind_faults(each: OutputProperty, place: Keys, located: Located) -> Iterator[PromptError]:
    for word, value, kind in (("items", each.items, "array"), ("properties", each.properties, "object")):
        if value is None and each.kind == kind:
            yield PromptError(f"the key {word!r} is missing", where=located.where(place), found=f"kind: {kind}")
        elif value is not None and each.kind != kind:
            where = located.where((*place, word))
            yield PromptError(f"{word!r} does nothing here", where=where, expected=f"kind: {kind}", found=each.kind)
    for index, value in enumerate(each.enum_values or []):
        if not _fits(value, each.kind):
            where = located.where((*place, "enumValues", index))
            yield PromptError("the value is of another kind", where=where, expected=each.kind, found=repr(value))
    if each.enum_values == []:
        yield PromptError("enumValues holds no value", where=located.where((*place, "enumValues")))
    if each.example is not None and not _example_fits(each):
        where, found = located.where((*place, "example")), repr(each.example)
        yield PromptError("the example does not fit", where=where, expected=f"a value of kind {each.kind}", found=found)
    if each.items is not None:
        if each.items.required is not None or each.items.name:
            where = located.where((*place, "items"))
            yield PromptError("the items of a list have no name and are never required", where=where)
        yield from _kind_faults(each.items, (*place, "items"), located)
    if each.properties is not None:
        yield from _property_faults(each.properties, (*place, "properties"), located)


def _fits(value: object, kind: str) -> bool:
    kinds = {"string": str, "integer": int, "float": (int, float), "boolean": bool}
    return isinstance(value, kinds.get(kind, ())) and isinstance(value, bool) == (kind == "boolean")


def _example_fits(each: OutputProperty) -> bool:
    if each.kind == "array":
        return isinstance(each.example, list)
    if each.kind == "object":
        return isinstance(each.example, dict)
    return _fits(each.example, each.kind) and (each.enum_values is None or each.example in each.enum_values)


# ── Examples ────────────────────────────────────────────────────────────────────────────────────────────────────────


def misfit(given: object, output: Output) -> str | None:
    """What is wrong with the output of a solved example, an object or the text of one; None where nothing is."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return "it is no JSON object"
    if not isinstance(given, dict):
        return "it is no JSON object"
    return fitted(cast("dict[str, Any]", given), output)[1] or None
