"""The filter language: from a mapping to a `Filter`.

    {"year": {"$gte": 2020}, "lang": "en", "$or": [{"draft": False}, {"owner": {"$in": ["ana", "bo"]}}]}

A bare value means `$eq`; several keys are joined by and. Which operators a store runs is its own to declare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from reprlib import repr as _said  # of what is long or deep it says the beginning
from typing import Any, cast

from ragstone.errors import UsageError, nearest
from ragstone.types import Condition, Filter, Group

__all__ = ["allowed", "parse", "required"]

OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "exists")
GROUPS = ("and", "or", "not")

DEEPEST = 32  # groups within groups: stores nest what they are asked as deep, and some break at a few hundred


def parse(where: object) -> Filter | None:
    """The filter that a mapping stands for; None when it is empty. Raises UsageError for what it does not know."""
    if not isinstance(where, Mapping):
        raise UsageError("the filter is no mapping", expected='a mapping such as {"lang": "en"}', found=_said(where))
    return _parsed(cast("Mapping[object, Any]", where), DEEPEST)


def _parsed(where: Mapping[object, Any], room: int) -> Filter | None:
    if not room:
        raise UsageError("the filter is nested too deeply", expected=f"{DEEPEST} groups within groups at most")
    parts = [_part(key, value, room) for key, value in where.items()]
    return None if not parts else parts[0] if len(parts) == 1 else Group("and", tuple(parts))


def required(*filters: Filter | None) -> Filter | None:
    """All of the filters that are given, joined by and."""
    parts = tuple(part for part in filters if part is not None)
    return None if not parts else parts[0] if len(parts) == 1 else Group("and", parts)


def allowed(principals: frozenset[str]) -> Filter:
    """What these principals may see: public chunks, and those that name one of them."""
    return Condition("acl", "in", ("public", *sorted(principals)))


def _part(key: object, value: Any, room: int) -> Filter:
    if not isinstance(key, str):
        raise UsageError("a filter names its fields by texts", expected="text", found=_said(key))
    if key == "acl":
        raise UsageError("a filter may not speak of 'acl'", hint="Pass principals instead.")
    if not key.startswith("$"):
        return _field(key, value)
    word = key[1:]
    if word == "not":
        return Group("not", (_whole(key, value, room),))
    if word in ("and", "or"):
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise UsageError(f"'{key}' holds no filters", expected="a list of filters", found=type(value).__name__)  # pyright: ignore[reportUnknownArgumentType]
        return Group(word, tuple(_whole(key, part, room) for part in cast("Sequence[Any]", value)))
    known = [f"${word}" for word in (*GROUPS, *OPERATORS)]
    raise UsageError(
        f"unknown filter operator {key!r}", expected="one of " + ", ".join(known), hint=nearest(key, known)
    )


def _whole(key: str, value: Any, room: int) -> Filter:
    inner = _parsed(_mapping(key, value), room - 1)
    if inner is None:
        raise UsageError(f"a filter in '{key}' is empty", expected="a condition")
    return inner


def _field(name: str, value: Any) -> Filter:
    if not isinstance(value, Mapping):
        return Condition(name, "eq", _scalar(name, value))
    conditions: list[Filter] = []
    for given, operand in cast("Mapping[object, Any]", value).items():
        key = str(given)
        word = key.removeprefix("$")
        if not key.startswith("$") or word not in OPERATORS:
            known = [f"${operator}" for operator in OPERATORS]
            raise UsageError(
                f"unknown filter operator {key!r} on {name!r}",
                expected="one of " + ", ".join(known),
                hint=nearest(key, known),
            )
        conditions.append(Condition(name, word, _operand(name, word, operand)))
    if not conditions:
        raise UsageError(f"the filter on {name!r} is empty", expected="a value, or an operator with a value")
    return conditions[0] if len(conditions) == 1 else Group("and", tuple(conditions))


def _operand(name: str, word: str, operand: Any) -> Any:
    if word in ("in", "nin"):
        if not isinstance(operand, list | tuple | set | frozenset):
            raise UsageError(f"'${word}' on {name!r}", expected="a list", found=_said(operand))
        return tuple(_scalar(name, value) for value in cast("Sequence[Any]", operand))
    if word == "exists":
        if not isinstance(operand, bool):
            raise UsageError(f"'$exists' on {name!r}", expected="true or false", found=_said(operand))
        return operand
    value = _scalar(name, operand)
    if word in ("gt", "gte", "lt", "lte") and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise UsageError(f"'${word}' on {name!r}", expected="a number", found=_said(operand))
    return value


def _scalar(name: str, value: Any) -> Any:
    if not isinstance(value, str | int | float | bool) or value != value:  # nan is equal to nothing
        raise UsageError(f"the filter on {name!r}", expected="text, a number, true or false", found=_said(value))
    return value


def _mapping(key: str, value: Any) -> Mapping[object, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"'{key}' holds no filter", expected="a mapping", found=_said(value))
    return cast("Mapping[object, Any]", value)
