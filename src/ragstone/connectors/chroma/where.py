r"""Our filters in Chroma's language, and what of a chunk they look at.

Chroma takes 1.5 for 1 when it compares it with an integer, keeps lists of one kind only, knows no `exists`, and cannot
negate a comparison. So numbers are stored as floats, members of lists as texts, and `fields` says which keys there are.
Each key and each mark is a row of SQLite, and they are most of what a write costs: of the keys that every ingested
chunk has, `fields` says only which are missing. A list costs twice as much as a text, so an only reader is a text.

>>> stored(chunk)  # of metadata {"source": "s", "uri": "a.md", "media_type": "text/x", "lang": "en", "year": 1998}
{'reader': 'public', 'm.source': 's', 'm.uri': 'a.md', 'm.media_type': 'text/x', 'm.lang': 'en',
 'm.year': 1998.0, 'fields': ['number year']}
>>> translate(Condition("year", "gte", 1990))
{'m.year': {'$gte': 1990.0}}
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

from ragstone.errors import UnsupportedFilter, UsageError
from ragstone.protocols import FILTERS
from ragstone.types import Chunk, Condition, Filter, Scalar

__all__ = ["EVERYTHING", "NOTHING", "stored", "translate"]

Where: TypeAlias = dict[str, Any]

EVERYTHING: Where = {"nothing": {"$ne": ""}}  # which is true of a key that is not there
NOTHING: Where = {"nothing": {"$eq": ""}}

_USUAL = frozenset({"other source", "other uri", "other media_type", "other lang"})
WIDEST = 500  # parts side by side: SQLite refuses an expression that is 1,000 deep, and makes a chain of them
_READER = "reader"  # the only member of an acl, which is a list elsewhere
_EXACT = 2**53  # integers up to here are floats without loss
_NEGATED = {"$eq": "$ne", "$in": "$nin", "$contains": "$not_contains", "$and": "$or", "$or": "$and"}
_OTHER_SIDE = {"gt": "$lte", "gte": "$lt", "lt": "$gte", "lte": "$gt"}


# ── What is stored ──────────────────────────────────────────────────────────────────────────────────────────────────


def stored(chunk: Chunk) -> dict[str, Scalar | list[str]]:
    """The metadata of a chunk as Chroma keeps it. What it cannot keep (an empty list, nan) stands in `fields` alone."""
    kept: dict[str, Scalar | list[str]] = {}
    if chunk.acl:
        members = _members(chunk.acl)
        kept |= {"acl": members} if len(members) > 1 else {_READER: members[0]}
    metadata = {name: value for name, value in chunk.metadata.items() if name != "acl"}  # only the chunk's own counts
    for name, value in metadata.items():
        if isinstance(value, str | int | float):
            if value == value:  # nan is not, and Chroma drops it
                kept[_key(name)] = _scalar(value)
        elif value:
            kept[_key(name)] = _members(value)
    fields = {_field("number" if _is_number(value) else "other", name) for name, value in metadata.items()}
    if marks := fields ^ _USUAL:
        kept["fields"] = sorted(marks)
    return kept


def _key(name: str) -> str:
    """With a prefix no key of the metadata is taken for one of ours, or for one that Chroma refuses ("", "$x")."""
    return "acl" if name == "acl" else f"m.{_text(name)}"


def _field(kind: str, name: str) -> str:
    return f"{kind} {_text(name)}"


def _has(kind: str, name: str, negated: bool) -> Where:
    """Whether a chunk has this key with a value of this kind. The mark of a usual one says that it is missing."""
    field = _field(kind, name)
    return _one("fields", "$contains", field, negated != (field in _USUAL))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _scalar(value: Scalar) -> Scalar:
    if isinstance(value, bool):
        return value
    return _text(value) if isinstance(value, str) else _number(value)


def _text(value: str) -> str:
    """The same text, where it is one: half a surrogate pair, as in an odd file name, cannot be stored."""
    return value.encode("utf-8", "backslashreplace").decode()


def _number(value: float) -> float:
    if isinstance(value, int) and _EXACT < abs(value) < 2**63:
        return value
    return float(min(max(value, -sys.float_info.max), sys.float_info.max))


def _members(values: Sequence[Scalar]) -> list[str]:
    return list(dict.fromkeys(_member(value) for value in values))


def _member(value: Scalar) -> str:
    return _text(value) if isinstance(value, str) else f"\0{_scalar(value)!r}"


# ── What is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def translate(where: Filter, *, negated: bool = False) -> Where:
    """Chroma's `where` of a filter, or of its opposite.

    Raises UnsupportedFilter for an operator that Chroma lacks, UsageError for an operand that makes no sense.
    """
    if isinstance(where, Condition):
        return _condition(where, negated=negated)
    match where.op:
        case "not":
            (part,) = where.parts
            return translate(part, negated=not negated)
        case "and" | "or":
            return _joined(f"${where.op}", [translate(part, negated=negated) for part in where.parts], negated=negated)
    raise UnsupportedFilter(f"Chroma knows no {where.op!r}", expected="and, or, not")


def _condition(condition: Condition, *, negated: bool) -> Where:
    name, value = condition.field, condition.value
    match condition.op:
        case "eq" | "ne":
            return _one(_key(name), "$eq", _scalar(_operand(name, value)), negated != (condition.op == "ne"))
        case "in" | "nin":
            return _member_of(name, value, negated != (condition.op == "nin"))
        case "contains":
            return _member_of(name, [value], negated) if name == "acl" else _holds(name, value, negated)
        case "exists":
            return _exists(name, negated == bool(value))
        case "gt" | "gte" | "lt" | "lte":
            return _compared(name, condition.op, value, negated)
        case _:
            raise UnsupportedFilter(f"Chroma knows no {condition.op!r}", expected=", ".join(sorted(FILTERS)))


def _one(key: str, operator: str, operand: Any, negated: bool) -> Where:
    return {key: {_NEGATED[operator] if negated else operator: operand}}


def _holds(name: str, value: Any, negated: bool) -> Where:
    return _one(_key(name), "$contains", _member(_operand(name, value)), negated)


def _member_of(name: str, values: Any, negated: bool) -> Where:
    """A value is one of these, or a list holds one of these."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UsageError(f"the filter on {name!r}", expected="a list", found=type(values).__name__)
    wanted = [_operand(name, value) for value in cast("Iterable[Any]", values)]
    members = _members(wanted)
    parts = [_one(_key(name), "$contains", member, negated) for member in members]
    if name != "acl":
        parts += [_one(_key(name), "$eq", _scalar(value), negated) for value in wanted]
    elif members:
        parts.append({_READER: {"$nin" if negated else "$in": members}})
    return _joined("$or", parts, negated=negated)


def _exists(name: str, negated: bool) -> Where:
    if name == "acl":
        return NOTHING if negated else EVERYTHING
    parts = [_has(kind, name, negated) for kind in ("number", "other")]
    return _joined("$or", parts, negated=negated)


def _compared(name: str, op: str, value: Any, negated: bool) -> Where:
    if isinstance(value, str):
        raise UnsupportedFilter(f"Chroma cannot order texts, as {op!r} on {name!r} asks", expected="a number")
    if not _is_number(value):
        raise UsageError(f"the filter on {name!r}", expected="a number", found=repr(value))
    if not negated:
        return {_key(name): {f"${op}": _number(value)}}
    other_side = {_key(name): {_OTHER_SIDE[op]: _number(value)}}
    return {"$or": [other_side, _has("number", name, negated)]}


def _operand(name: str, value: Any) -> Scalar:
    if not isinstance(value, str | int | float) or value != value:
        raise UsageError(f"the filter on {name!r}", expected="text, a number, true or false", found=repr(value))
    return value


def _joined(operator: str, parts: Sequence[Where], *, negated: bool) -> Where:
    """The parts under one operator, in groups of groups where they are many. No parts: `and` of none is true."""
    operator = _NEGATED[operator] if negated else operator
    if not parts:
        return EVERYTHING if operator == "$and" else NOTHING
    level: list[Where] = [*parts]
    while len(level) > 1:
        groups = [level[at : at + WIDEST] for at in range(0, len(level), WIDEST)]
        level = [{operator: group} if len(group) > 1 else group[0] for group in groups]
    return level[0]
