"""A filter as a function, for stores that call one for each record."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from ragstone.errors import UnsupportedFilter
from ragstone.types import Chunk, Condition, Filter

__all__ = ["Fields", "compiled", "fields"]

Fields: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Fields], bool]

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
