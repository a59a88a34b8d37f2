"""A text that is JSON of a given schema.

- json_schema: {file: schemas/order.json, on_fail: fix}
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from ragstone.errors import ConfigError
from ragstone.output import misfit, read_value
from ragstone.patterns import Pattern
from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.verdicts import PASSED, Finding, Stage, Subject

__all__ = ["JsonSchemaCheck"]


class JsonSchemaCheck(Check):
    """The text is JSON that obeys `schema` (draft 2020-12), which may also stand in a `file`.

    JSON that is wrapped in words or broken in a common way fails; a fix is what it was mended to. An answer whose
    prompt file has `outputs` is read by those: name the check `output` then.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input")
    fixes = True

    def __init__(self, *, schema: dict[str, Any] | None = None, file: Path | None = None) -> None:
        if (schema is None) == (file is None):
            found = "none" if schema is None else "both"
            raise ConfigError("schema: one is asked for", expected="`schema` or `file`", found=found)
        self.schema = schema if schema is not None else _read(cast("Path", file))
        _sound(self.schema, "schema" if file is None else "file")

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Fails what is no such JSON as it stands."""
        return await asyncio.to_thread(self._found, subject.text)

    def _found(self, text: str) -> Finding:
        value, remark, fault = (None, "", "") if text.strip() == "null" else read_value(text, cut=True)
        if fault:
            return Finding(passed=False, reason=fault.replace("the answer", "it"))
        fault = misfit(value, self.schema).replace("the answer", "it")
        if fault:
            return Finding(passed=False, reason=fault, repaired=remark, told="it does not obey its schema")
        if not remark:
            return PASSED
        fixed = json.dumps(value, ensure_ascii=False, indent=2)
        return Finding(passed=False, reason="it is no JSON as it stands", repaired=remark, fixed=fixed)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"file: cannot be read: {error}", found=str(path)) from None
    if not isinstance(found, dict):
        raise ConfigError("file: it holds no JSON Schema", expected="an object", found=type(found).__name__)
    return cast("dict[str, Any]", found)


def _sound(schema: Mapping[str, Any], name: str) -> None:
    """Raises ConfigError for what is no JSON Schema, or one whose patterns or references cannot be followed here."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        cast("Any", Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path))
        raise ConfigError(f"{name}: is no JSON Schema: {error.message}", found=place or None) from None
    except RecursionError:
        raise ConfigError(f"{name}: is nested too deeply") from None
    for node in _nodes(schema):
        for source in (node.get("pattern"), *_keys(node.get("patternProperties"))):
            if isinstance(source, str):
                Pattern(source, name=f"{name}: {source!r}")
        if "unevaluatedProperties" in node:
            raise ConfigError(f"{name}: 'unevaluatedProperties' is not known here", hint="Write additionalProperties.")
        reference = _reference(node)
        if reference and _target(schema, reference) is None:
            expected = "one of this schema, such as #/$defs/order"
            raise ConfigError(f"{name}: there is no such reference", expected=expected, found=reference)
        if _circles(schema, node):
            hint = "Describe the value that it stands for."
            raise ConfigError(f"{name}: a reference leads back to itself", found=reference, hint=hint)


def _nodes(schema: object) -> Iterator[Mapping[str, Any]]:
    """Every object inside of a schema; what merely looks like one in an example does no harm."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield cast("dict[str, Any]", node)
            waiting += cast("dict[str, object]", node).values()
        elif isinstance(node, list):
            waiting += cast("list[object]", node)


def _keys(node: object) -> list[str]:
    return list(cast("dict[str, object]", node)) if isinstance(node, dict) else []


def _reference(node: Mapping[str, Any]) -> str:
    found = node.get("$ref", node.get("$dynamicRef"))
    return found if isinstance(found, str) else ""


def _circles(schema: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """Whether what a node refers to is, by references alone, the node itself: no value would ever be looked at."""
    seen = {id(node)}
    while reference := _reference(node):
        target = _target(schema, reference)
        if not isinstance(target, dict):
            return False
        node = cast("dict[str, Any]", target)
        if id(node) in seen:
            return True
        seen.add(id(node))
    return False


def _target(schema: Mapping[str, Any], reference: str) -> object:
    """What a reference leads to; None for one that leads nowhere, or out of the schema: nothing is fetched."""
    if reference == "#":
        return schema
    if not reference.startswith("#/"):
        return None
    node: object = schema
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and key in node:
            node = cast("dict[str, object]", node)[key]
        elif isinstance(node, list) and key.isdigit() and int(key) < len(cast("list[object]", node)):
            node = cast("list[object]", node)[int(key)]
        else:
            return None
    return node
