"""Declares inputs from a schema: dotprompt's Picoschema, or JSON Schema, whose objects become inputs of their own.

question: string, What the reader asks
limit?: integer
tags(array): string
tone(enum): [plain, formal]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ragstone.prompts.importing.draft import Draft
from ragstone.prompts.importing.inputs import Steps, kind_of

__all__ = ["declare"]

_OBJECT_KEYS = ("properties", "required", "type", "additionalProperties", "description", "$schema", "title")


def declare(draft: Draft, schema: object, at: Sequence[str | int]) -> None:
    """Adds an input for each property of the schema at that place of the file."""
    if not isinstance(schema, dict):
        draft.leave_out(at, "It is no schema of named values.")
        return
    given = cast("dict[str, Any]", schema)
    if isinstance(given.get("properties"), dict):
        _json_object(draft, given, at, ())
    elif given.get("type") == "object":
        return
    else:
        _pico_object(draft, given, at, ())


def _pico_object(draft: Draft, given: Mapping[str, Any], at: Sequence[str | int], parent: Steps) -> None:
    for key, value in given.items():
        place = (*at, key)
        if key == "(*)":
            draft.leave_out(place, "Every input has a name here.")
            continue
        name, _, inside = key.partition("(")
        kind, _, said = inside.removesuffix(")").partition(",")
        required = not name.endswith("?")
        steps = (*parent, name.removesuffix("?"))
        if kind.strip() == "enum":
            _enum(draft, value, place, steps, required=required, description=said.strip())
        elif kind.strip() == "array":
            items = value.partition(",")[0].strip() if isinstance(value, str) else "object"
            _array(draft, place, steps, items, required=required, description=said.strip())
        elif isinstance(value, dict):
            draft.inputs.group(steps, draft.where(*place))
            _pico_object(draft, cast("dict[str, Any]", value), place, steps)
        elif isinstance(value, str):
            kind, _, said = value.partition(",")
            _plain(draft, place, steps, kind.strip(), required=required, description=said.strip())
        else:
            draft.leave_out(place, "It is neither a kind nor a group of values.")


def _json_object(draft: Draft, given: Mapping[str, Any], at: Sequence[str | int], parent: Steps) -> None:
    wanted: object = given.get("required")
    required = [str(name) for name in cast("list[object]", wanted)] if isinstance(wanted, list) else []
    for name, value in cast("dict[str, Any]", given["properties"]).items():
        place, steps = (*at, "properties", name), (*parent, name)
        if not isinstance(value, dict):
            draft.leave_out(place, "It is no schema.")
            continue
        inner = cast("dict[str, Any]", value)
        kind, said = _kind(inner.get("type")), str(inner.get("description") or "")
        if isinstance(inner.get("properties"), dict):
            draft.inputs.group(steps, draft.where(*place))
            _json_object(draft, inner, place, steps)
        elif "enum" in inner:
            _enum(draft, inner["enum"], place, steps, required=name in required, description=said)
        elif kind == "array":
            raw: object = inner.get("items")
            items = _kind(cast("dict[str, Any]", raw).get("type")) if isinstance(raw, dict) else ""
            _array(draft, place, steps, items, required=name in required, description=said)
        else:
            _plain(draft, place, steps, kind or "any", required=name in required, description=said)
        facts = {key: inner[key] for key in ("default",) if key in inner}
        if steps in draft.inputs.found:
            draft.inputs.describe(draft.inputs.found[steps], facts, draft.where(*place))
        for key in inner:
            if key not in (*_OBJECT_KEYS, "enum", "items", "default"):
                draft.leave_out((*place, key), "Values are checked by their kind alone.")


def _kind(value: object) -> str:
    """The type, or the one beside null."""
    if isinstance(value, list):
        kinds = [str(kind) for kind in cast("list[object]", value) if kind != "null"]
        return kinds[0] if len(kinds) == 1 else "any"
    return value if isinstance(value, str) else ""


def _plain(
    draft: Draft, place: Sequence[str | int], steps: Steps, kind: str, *, required: bool, description: str
) -> None:
    made = draft.inputs.declare(steps, draft.where(*place), kind=kind, required=required)
    draft.inputs.describe(made, {"description": description}, draft.where(*place))


def _array(
    draft: Draft, place: Sequence[str | int], steps: Steps, items: str, *, required: bool, description: str
) -> None:
    where = draft.where(*place)
    if items in ("object", "array"):
        draft.losses.change(where, f"the items of {'.'.join(steps)!r}", "The items of a list are texts and numbers.")
    made = draft.inputs.declare(steps, where, kind="array", items=items, required=required)
    draft.inputs.describe(made, {"description": description}, where)


def _enum(
    draft: Draft, values: object, place: Sequence[str | int], steps: Steps, *, required: bool, description: str
) -> None:
    where = draft.where(*place)
    given = cast("list[object]", values) if isinstance(values, list) else []
    allowed = [value for value in given if value is not None]
    kinds = {kind_of(value) for value in allowed}
    kind = kinds.pop() if len(kinds) == 1 else "string"
    made = draft.inputs.declare(steps, where, kind=kind, required=required)
    draft.inputs.describe(made, {"description": description, "enumValues": allowed}, where)
