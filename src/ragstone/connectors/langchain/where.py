"""A filter as a function, for stores that call one for each record, and as a mapping, for those that take one.

The mappings of LangChain's stores agree in little more than `$eq`, `$and` and `$or`, not in what a list or a missing
key means. So each value of a record becomes a mark, a key of its own with the value 1, and a filter asks for marks.

>>> mapping(Condition("lang", "eq", "en"))
{'r1c0f…': {'$eq': 1}}
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from ragstone.errors import UnsupportedFilter
from ragstone.types import Chunk, Condition, Filter

__all__ = ["MAPPED", "Fields", "compiled", "fields", "mapping", "marks"]

Fields: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Fields], bool]

MAPPED = frozenset({"eq", "in", "contains", "and", "or"})
"""The operators that marks can express: no negation, since stores differ in what it means for a missing key."""

WIDEST = 200  # parts side by side; thousands of principals would be too many for some stores

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def fields(chunk: Chunk) -> dict[str, Any]:
    """What a filter looks at: the metadata, and the chunk's own acl whatever they say."""
    return {**{name: _plain(value) for name, value in chunk.metadata.items()}, "acl": list(chunk.acl)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else list(value)


def compiled(where: Filter) -> Test:
    """Whether a chunk's fields pass. It is made once for a search, and then called for each record.

    Raises UnsupportedFilter for an operator that the language lacks.
    """
    if isinstance(where, Condition):
        return _condition(where)
    parts = [compiled(part) for part in where.parts]
    match where.op:
        case "and":
            return lambda found: all(part(found) for part in parts)
        case "or":
            return lambda found: any(part(found) for part in parts)
        case "not":
            (inner,) = parts
            return lambda found: not inner(found)
    raise UnsupportedFilter(f"there is no filter {where.op!r}")


def _condition(where: Condition) -> Test:
    name, wanted = where.field, where.value
    match where.op:
        case "eq" | "ne":
            return _shares(name, [wanted], negated=where.op == "ne", lists=False)
        case "in" | "nin":
            return _shares(name, wanted, negated=where.op == "nin")
        case "contains":
            return _shares(name, [wanted], scalars=False)
        case "exists":
            return lambda found: (name in found) == bool(wanted)
        case "gt" | "gte" | "lt" | "lte":
            return _compares(name, _ORDER[where.op], wanted)
        case _:
            raise UnsupportedFilter(f"there is no filter {where.op!r}")


def _shares(name: str, wanted: Any, *, negated: bool = False, lists: bool = True, scalars: bool = True) -> Test:
    """Whether a value, or a member of a list, is among those wanted; a set, since principals may be thousands."""
    keys = {_key(value) for value in wanted} - {None}

    def passes(found: Fields) -> bool:
        value = found.get(name)
        if isinstance(value, list):
            members = cast("list[Any]", value)
            return negated != (lists and any(_key(one) in keys for one in members))
        return negated != (scalars and _key(value) in keys)

    return passes


def _compares(name: str, compare: Callable[[Any, Any], bool], wanted: Any) -> Test:
    def passes(found: Fields) -> bool:
        value = found.get(name)
        return _is_number(value) and compare(value, wanted)

    return passes if _is_number(wanted) else lambda found: False


def _key(value: Any) -> tuple[str, Any] | None:
    """Equal for what is equal in the filter language: True is not 1, and nan is nothing's equal."""
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, str):
        return "text", value
    return ("number", value) if _is_number(value) and value == value else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# ── As marks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def marks(found: Fields) -> dict[str, int]:
    """What is stored of a chunk's fields: a mark for each value, and for each member of a list."""
    made: dict[str, int] = {}
    for name, value in found.items():
        members = cast("list[Any]", value) if isinstance(value, list) else [value]
        kind = "member" if isinstance(value, list) else "value"
        made.update({_mark(kind, name, key): 1 for one in members if (key := _key(one))})
    return made


def mapping(where: Filter) -> dict[str, Any]:
    """The filter as a mapping of marks. Raises UnsupportedFilter for an operator that marks cannot express."""
    if where.op not in MAPPED:
        raise UnsupportedFilter(f"a mapping of LangChain cannot express the filter {where.op!r}")
    if not isinstance(where, Condition):
        return _joined(f"${where.op}", [mapping(part) for part in where.parts])
    kinds = {"eq": ("value",), "contains": ("member",), "in": ("value", "member")}[where.op]
    keys = [key for one in (where.value if where.op == "in" else [where.value]) if (key := _key(one))]
    wanted = [{_mark(kind, where.field, key): {"$eq": 1}} for key in keys for kind in kinds]
    return _joined("$or", wanted or [{_mark("nothing", "", ("", "")): {"$eq": 1}}])


def _joined(word: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    if len(parts) == 1:
        return parts[0]
    if len(parts) <= WIDEST:
        return {word: parts}
    return _joined(word, [_joined(word, parts[at : at + WIDEST]) for at in range(0, len(parts), WIDEST)])


def _mark(kind: str, name: str, key: tuple[str, Any]) -> str:
    """A key of letters and digits, which every store takes, whatever the field and the value are called."""
    sort, value = key
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 2024.0 is 2024
    said = "\0".join((kind, name, sort, repr(value))).encode("utf-8", "surrogatepass")
    return "r" + hashlib.blake2b(said, digest_size=10).hexdigest()
