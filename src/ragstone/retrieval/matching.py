"""What the filter language means, in plain Python: the reference that every store is held to."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from ragstone.errors import UnsupportedFilter
from ragstone.types import Chunk, Condition, Filter

__all__ = ["matches"]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def matches(where: Filter | None, chunk: Chunk) -> bool:
    """Whether a chunk passes a filter; without a filter every chunk does.

    A field that a chunk lacks passes `ne`, `nin`, a false `exists` and the negation of what it fails. Text, numbers and
    booleans are never equal to one another; numbers are by value, and they alone have an order. `contains` asks what a
    list holds, `in` takes a value or a list that shares one with it, and other comparisons fail on a list.

    >>> matches(Condition("tags", "in", ["a", "b"]), chunk)  # of metadata {"tags": ["b", "c"]}
    True
    """
    if where is None:
        return True
    if isinstance(where, Condition):
        return _passes(where, {**chunk.metadata, "acl": chunk.acl})
    match where.op:
        case "and":
            return all(matches(part, chunk) for part in where.parts)
        case "or":
            return any(matches(part, chunk) for part in where.parts)
        case "not":
            (part,) = where.parts
            return not matches(part, chunk)
    raise UnsupportedFilter(f"there is no filter {where.op!r}")


def _passes(condition: Condition, metadata: dict[str, Any]) -> bool:
    there, value, wanted = condition.field in metadata, metadata.get(condition.field), condition.value
    match condition.op:
        case "eq":
            return there and _equal(value, wanted)
        case "ne":
            return not (there and _equal(value, wanted))
        case "in":
            return there and _shares(value, wanted)
        case "nin":
            return not (there and _shares(value, wanted))
        case "contains":
            return _is_list(value) and _shares(value, [wanted])
        case "exists":
            return there == bool(wanted)
        case "gt" | "gte" | "lt" | "lte":
            return _kind(value) == _kind(wanted) == "number" and _ORDER[condition.op](value, wanted)
        case _:
            raise UnsupportedFilter(f"there is no filter {condition.op!r}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def _shares(value: Any, wanted: Iterable[Any]) -> bool:
    values = list(value) if _is_list(value) else [value]
    return any(_equal(one, other) for one in values for other in wanted)


def _equal(value: Any, other: Any) -> bool:
    return _kind(value) == _kind(other) and value == other


def _kind(value: Any) -> str | None:
    """None for what is no scalar."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None
