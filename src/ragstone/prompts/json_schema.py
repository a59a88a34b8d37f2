"""Checks a JSON Schema before anyone is asked by it, and writes it in the two forms that are used.

`canonical` is draft 2020-12 with every object closed: answers are checked by it. `strict` is what goes to a server: the
subset that OpenAI's strict mode takes, where every property is required and one that may be missing may be null.

    answer.prompty:9:24: unknown type 'strng': expected string, integer, … . Did you mean 'string'?
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from ragstone.errors import ConfigError, PromptError, nearest
from ragstone.patterns import Pattern

__all__ = ["ANNOTATIONS", "FORMATS", "REFUSED", "WORDS", "Keys", "Node", "canonical", "faults", "strict"]

Keys: TypeAlias = tuple[str | int, ...]
Node: TypeAlias = Mapping[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
DEEPEST, MOST_PROPERTIES, MOST_VALUES = 10, 5000, 1000  # what OpenAI's strict mode takes
FORMATS = ("date", "date-time", "email", "ipv4", "ipv6", "time", "uuid")
"""The formats that servers know and that are checked here too."""

ANNOTATIONS = frozenset({"$comment", "$defs", "$schema", "default", "deprecated", "description", "examples", "title"})
"""What says something about a value and forbids none."""

_NUMBER = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_BY_TYPE: dict[str, set[str]] = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "integer": _NUMBER,
    "number": _NUMBER,
    "boolean": set(),
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems", "uniqueItems"},
    "null": set(),
}
_OURS = {"minLength", "maxLength", "uniqueItems"}  # no strict server takes them, so they are checked here alone
_BOUNDS = {word: kind for kind, words in _BY_TYPE.items() for word in words}
_CHOICES = ("anyOf", "oneOf")
WORDS = frozenset({*ANNOTATIONS, *_BOUNDS, *_CHOICES, "$ref", "const", "enum", "type"})
"""Every word that a schema may use."""

REFUSED = {
    "$anchor": "Name the part under $defs.",
    "$dynamicAnchor": "Name the part under $defs.",
    "$dynamicRef": "Write $ref.",
    "$id": "Take it out.",
    "allOf": "Write all that must hold in one place.",
    "contains": "Say in the description what the list must hold.",
    "definitions": "Write $defs.",
    "dependentRequired": "Give each case a schema of its own under anyOf.",
    "dependentSchemas": "Give each case a schema of its own under anyOf.",
    "else": "Give each case a schema of its own under anyOf.",
    "if": "Give each case a schema of its own under anyOf.",
    "maxContains": "Take it out.",
    "maxProperties": "Name the properties.",
    "minContains": "Take it out.",
    "minProperties": "Name the properties.",
    "not": "Say what the value is, not what it is not.",
    "nullable": "Write type: [string, 'null'].",
    "patternProperties": "Name the properties, or use a list of objects with a name and a value.",
    "prefixItems": "Use an object with a property for each place.",
    "propertyNames": "Name the properties.",
    "then": "Give each case a schema of its own under anyOf.",
    "unevaluatedItems": "Take it out.",
    "unevaluatedProperties": "Take it out.",
}
"""Words of JSON Schema that no strict server takes, each with what to write instead."""

_OPEN = "An answer has the properties that are named. Use a list of objects with a name and a value."
_REF = re.compile(r"#(?:/\$defs/([^/]+))?")


def faults(schema: object, where: Callable[[Keys], str]) -> Iterator[PromptError]:
    """Everything for which a server could not honour a schema; `where` says in which place a part of it stands."""
    if not isinstance(schema, dict):
        yield PromptError("a schema holds keys and values", where=where(()), found=type(schema).__name__)
        return
    root = cast("Node", schema)
    misshapen = list(_misshapen(root, where))
    if misshapen:
        yield from misshapen
        return
    if root.get("type") != "object":
        found = str(root.get("type", "nothing"))
        hint = None if "type" in root else "Or list the properties, such as - {name: answer, kind: string}."
        yield PromptError(
            "an answer is an object", where=where(("type",)), expected="type: object", found=found, hint=hint
        )
    found = [*_Check(root, where).node(root, ())]
    yield from found
    if not found:
        yield from _sizes(root, where)
        if not _ends(root):
            hint = "Make one of its properties optional, or a list that may be empty."
            yield PromptError("no answer ever ends that obeys this", where=where(()), hint=hint)


def _misshapen(root: Node, where: Callable[[Keys], str]) -> Iterator[PromptError]:
    """Where a word of the schema has a value of the wrong kind, by the schema of schemas."""
    from jsonschema import Draft202012Validator as Validator

    meta = cast("Any", Validator)(cast("Any", Validator).META_SCHEMA)
    for error in sorted(meta.iter_errors(root), key=lambda error: [str(key) for key in error.absolute_path]):
        keys: Keys = tuple(error.absolute_path)
        word = keys[:-1] if keys and isinstance(keys[-1], int) else keys
        if word[-1:] != ("type",) or word[-2:-1] == ("properties",):  # a wrong type is named below, with a hint
            yield PromptError(f"is no JSON Schema: {error.message}", where=where(keys))


@dataclass(slots=True)
class _Check:
    """Walks over one schema, and says what is wrong with each node."""

    root: Node
    where: Callable[[Keys], str]

    def node(self, given: object, keys: Keys) -> Iterator[PromptError]:
        """The faults of one node and of all below it."""
        if not isinstance(given, dict):
            yield self._fault("says nothing of the value", keys, expected="such as type: string")
            return
        node = cast("Node", given)
        yield from self._words(node, keys)
        if "$ref" in node:
            yield from self._reference(node, keys)
        elif not any(word in node for word in _CHOICES):
            yield from self._typed(node, keys)
        for child, place in children(node, keys):
            yield from self.node(child, place)

    def _fault(self, message: str, keys: Keys, **more: str | None) -> PromptError:
        return PromptError(message, where=self.where(keys), **more)

    def _words(self, node: Node, keys: Keys) -> Iterator[PromptError]:
        for word in node:
            place = (*keys, word)
            if word in REFUSED:
                yield self._fault(f"no server honours {word!r}", place, hint=REFUSED[word])
            elif word not in WORDS:
                yield self._fault(f"unknown word {word!r}", place, hint=nearest(word, WORDS))
        alone = next((word for word in ("$ref", *_CHOICES) if word in node), None)
        if alone is not None:
            for word in node.keys() - ANNOTATIONS - {alone}:
                if word in WORDS:
                    message = f"{word!r} cannot stand beside {alone!r}"
                    yield self._fault(message, (*keys, word), hint="Move it inside.")

    def _reference(self, node: Node, keys: Keys) -> Iterator[PromptError]:
        name = str(node["$ref"])
        if resolved(self.root, name) is None:
            known = ["#", *(f"#/$defs/{each}" for each in self.root.get("$defs", {}))]
            expected = "one of " + ", ".join(known)
            message = f"there is no {name!r} in this schema"
            yield self._fault(message, (*keys, "$ref"), expected=expected, hint=nearest(name, known))

    def _typed(self, node: Node, keys: Keys) -> Iterator[PromptError]:
        types, strange = _types(node), [each for each in _types(node) if each not in _BY_TYPE]
        for each in strange:
            expected = "one of " + ", ".join(_BY_TYPE)
            hint = nearest(str(each), _BY_TYPE) or {"float": "Write number.", "any": None}.get(str(each))
            yield self._fault(f"unknown type {each!r}", (*keys, "type"), expected=expected, hint=hint)
        if strange:
            return
        if not types:
            hint = "Write type: object." if "properties" in node else None
            yield self._fault("says nothing of the value", keys, expected="such as type: string", hint=hint)
            return
        for word in node:
            if word in _BOUNDS and not any(word in _BY_TYPE[each] for each in types):
                yield self._fault(f"{word!r} does nothing for {' or '.join(types)}", (*keys, word))
        yield from self._values(node, types, keys)
        if "object" in types:
            yield from self._object(node, keys)
        if "array" in types and "items" not in node:
            yield self._fault("a list says nothing of what it holds", keys, expected="items")
        if "string" in types:
            yield from self._string(node, keys)

    def _values(self, node: Node, types: list[str], keys: Keys) -> Iterator[PromptError]:
        for word, values in (("enum", node.get("enum", [])), ("const", [node["const"]] if "const" in node else [])):
            for index, value in enumerate(values):
                place = (*keys, word, index) if word == "enum" else (*keys, word)
                kind = _type_of(value)
                if kind not in types and not (kind == "integer" and "number" in types):
                    yield self._fault(
                        "the value is of another type", place, expected=" or ".join(types), found=repr(value)
                    )

    def _object(self, node: Node, keys: Keys) -> Iterator[PromptError]:
        names = cast("Node", node.get("properties", {}))
        if node.get("additionalProperties", False) is not False:
            place = (*keys, "additionalProperties")
            yield self._fault("an answer cannot have properties without a name", place, expected="false", hint=_OPEN)
        elif not names:
            yield self._fault("an object names no properties", keys, hint=_OPEN)
        for index, name in enumerate(node.get("required", [])):
            if name not in names:
                place = (*keys, "required", index)
                yield self._fault(f"there is no property {name!r}", place, hint=nearest(name, names))

    def _string(self, node: Node, keys: Keys) -> Iterator[PromptError]:
        format_ = node.get("format")
        if format_ is not None and format_ not in FORMATS:
            expected, hint = "one of " + ", ".join(FORMATS), nearest(str(format_), FORMATS)
            yield self._fault(f"unknown format {format_!r}", (*keys, "format"), expected=expected, hint=hint)
        try:
            Pattern(node.get("pattern", ""))
        except ConfigError as error:
            yield self._fault(error.message, (*keys, "pattern"), found=error.found, hint=error.hint)


# ── What a schema is made of ────────────────────────────────────────────────────────────────────────────────────────


def children(node: Node, keys: Keys) -> Iterator[tuple[Any, Keys]]:
    """The nodes right below one, with their places."""
    for word in ("properties", "$defs"):
        for name, child in cast("Node", node.get(word, {})).items():
            yield child, (*keys, word, name)
    for word in _CHOICES:
        for index, child in enumerate(node.get(word, [])):
            yield child, (*keys, word, index)
    if "items" in node:
        yield node["items"], (*keys, "items")


def resolved(root: Node, name: str) -> Node | None:
    """What a `$ref` names: the whole schema, or a part of it under `$defs`."""
    match = _REF.fullmatch(name)
    if match is None:
        return None
    return root if match[1] is None else cast("Node", root.get("$defs", {})).get(match[1])


def _types(node: Node) -> list[str]:
    """The types that a node allows; those of its values where it names none."""
    given = node.get("type")
    if given is None:
        values = [*node.get("enum", []), *([node["const"]] if "const" in node else [])]
        return list(dict.fromkeys(map(_type_of, values)))
    return [str(each) for each in cast("list[object]", given)] if isinstance(given, list) else [str(given)]


def _type_of(value: object) -> str:
    kinds = {
        "bool": "boolean",
        "int": "integer",
        "float": "number",
        "str": "string",
        "NoneType": "null",
        "list": "array",
    }
    return kinds.get(type(value).__name__, "object")


def _sizes(root: Node, where: Callable[[Keys], str]) -> Iterator[PromptError]:
    """More than servers take: too deep, too many properties or values."""
    properties = values = 0
    waiting: list[tuple[Node, Keys, int]] = [(root, (), 1)]
    while waiting:
        node, keys, depth = waiting.pop()
        properties += len(node.get("properties", {}))
        values += len(node.get("enum", []))
        if depth > DEEPEST:
            message = f"objects and lists lie more than {DEEPEST} deep in one another"
            yield PromptError(message, where=where(keys))
            return
        for child, place in children(node, keys):
            inner = 1 if "$defs" in place[-2:-1] else depth + bool({"object", "array"} & {*_types(child)})
            waiting.append((child, place, inner))
    for count, most, what in ((properties, MOST_PROPERTIES, "properties"), (values, MOST_VALUES, "values")):
        if count > most:
            yield PromptError(f"holds too many {what}", where=where(()), expected=f"at most {most}", found=str(count))


def _ends(root: Node) -> bool:
    """Whether some value of finite length obeys a schema: from the nodes that hold no other outwards."""
    waiting: list[Node] = [root]
    nodes = [node for node in waiting if waiting.extend(child for child, _ in children(node, ())) is None]
    known: set[int] = set()
    while found := {id(node) for node in nodes if id(node) not in known and _ends_by(known, node, root)}:
        known |= found
    return id(root) in known


def _ends_by(known: set[int], node: Node, root: Node) -> bool:
    """Whether a value of this node can end, given the nodes whose values can."""
    if "$ref" in node:
        return id(resolved(root, str(node["$ref"]))) in known
    choices = [choice for word in _CHOICES for choice in node.get(word, [])]
    if choices:
        return any(id(choice) in known for choice in choices)
    types = {*_types(node)}
    if types - {"object", "array"}:
        return True
    if "array" in types and (not node.get("minItems") or id(node["items"]) in known):
        return True
    needed = node.get("required", [])
    return "object" in types and all(id(node["properties"][name]) in known for name in needed)


# ── The two forms ───────────────────────────────────────────────────────────────────────────────────────────────────


def canonical(schema: Node) -> dict[str, Any]:
    """The schema with every object closed and every type named: what an answer is checked by."""
    return {"$schema": DRAFT, **_closed(schema)}


def _closed(node: Node) -> dict[str, Any]:
    made = _over(node, _closed)
    made.pop("$schema", None)
    types = _types(node)
    if types and "type" not in node:
        made["type"] = types[0] if len(types) == 1 else types
    if "object" in types:
        made["additionalProperties"] = False
    return made


def strict(schema: Node) -> dict[str, Any]:
    """A canonical schema as servers take it: every property required, null for one that may be missing."""
    dropped = (ANNOTATIONS - {"description", "$defs"}) | _OURS
    made = {word: value for word, value in _over(schema, strict).items() if word not in dropped}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if "oneOf" in made:
        made["anyOf"] = made.pop("oneOf")
    if "properties" in made:
        needed = schema.get("required", [])
        made["properties"] = {
            name: child if name in needed else _or_null(child)
            for name, child in cast("dict[str, dict[str, Any]]", made["properties"]).items()
        }
        made["required"] = list(made["properties"])
    if "$ref" in made and len(made) > 1:  # a reference stands alone
        made["anyOf"] = [{"$ref": made.pop("$ref")}]
    return made


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    description = {"description": node.pop("description")} if "description" in node else {}
    choices = node["anyOf"] if node.keys() == {"anyOf"} else [node]
    if any("null" in _types(choice) for choice in choices):
        return {**node, **description}
    return {"anyOf": [*choices, {"type": "null"}], **description}


def _over(node: Node, change: Callable[[Node], dict[str, Any]]) -> dict[str, Any]:
    """A copy of a node whose children are changed."""
    made: dict[str, Any] = {}
    for word, value in node.items():
        if word in ("properties", "$defs"):
            made[word] = {name: change(child) for name, child in cast("dict[str, Node]", value).items()}
        elif word in _CHOICES:
            made[word] = [change(child) for child in cast("list[Node]", value)]
        else:
            made[word] = change(value) if word == "items" else value
    return made
