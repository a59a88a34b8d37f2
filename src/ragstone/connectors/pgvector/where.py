r"""Our filters in SQL, and what of a chunk they look at.

Metadata is one jsonb value, the readers an array. Every key and value of a filter goes to the server as a bound value,
inside a JSON document or a path; only our own words become SQL.

>>> metadata(chunk)  # of metadata {"lang": "en", "year": 1998.0, "tags": ["law"]}
'{"lang": "en", "year": 1998, "tags": ["law"]}'
>>> condition(Condition("year", "gte", 1990), values)  # binds 'strict $."year" >= 1990'
metadata @@ %(v0)s::jsonpath

`@>`, `?` and `@@` are the operators whose selectivity Postgres estimates from a sample of whole documents; so it knows
when to go through the index of vectors and when through all that pass. Each is null where a key is missing, which
counts as false until `IS NOT TRUE` turns it around.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

from psycopg import sql

from ragstone.errors import UnsupportedFilter, UsageError
from ragstone.protocols import FILTERS
from ragstone.types import Chunk, Condition, Filter, Scalar

__all__ = ["Values", "condition", "kept", "metadata", "original"]

SEVERAL = 20  # documents that are each looked up in an index; more are compared one by one
_MARK = "\x01"  # before the hexadecimal form of a text that Postgres cannot keep
_BEYOND = "1e100000"  # in place of infinity, which JSON lacks: beyond all floats, and within Postgres' numbers
_ORDER = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

EVERYTHING, NOTHING = sql.SQL("true"), sql.SQL("false")


class Values:
    """The values of a statement, each under a name of its own."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}

    def bind(self, value: Any) -> sql.Placeholder:
        """The placeholder of a value."""
        name = f"v{len(self.bound)}"
        self.bound[name] = value
        return sql.Placeholder(name)


# ── What is stored ──────────────────────────────────────────────────────────────────────────────────────────────────


def metadata(chunk: Chunk) -> str:
    """The metadata of a chunk as JSON, without `acl`, of which only the chunk's own counts."""
    pairs = ((name, value) for name, value in chunk.metadata.items() if name != "acl")
    return "{" + ", ".join(f"{_text(name)}: {_value(name, value)}" for name, value in pairs) + "}"


def kept(text: str) -> str:
    """A text as Postgres keeps it: without NUL and without half a surrogate pair. Other texts stay other texts."""
    if text.isascii() and "\0" not in text and not text.startswith(_MARK):
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _MARK + text.encode("utf-8", "surrogatepass").hex()
    return _MARK + text.encode().hex() if "\0" in text or text.startswith(_MARK) else text


def original(text: str) -> str:
    """The text that `kept` was given."""
    return bytes.fromhex(text[1:]).decode("utf-8", "surrogatepass") if text.startswith(_MARK) else text


def _value(name: str, value: Any) -> str:
    if isinstance(value, str | int | float):
        return _scalar(value)
    if not isinstance(value, Iterable):
        raise UsageError(f"the value of {name!r}", expected="text, a number, true or false", found=repr(value))
    return "[" + ", ".join(_value(name, one) for one in cast("Iterable[Any]", value)) + "]"


def _scalar(value: Scalar) -> str:
    """Numbers by their exact value: 2 for 2.0, and all digits of a large float, as Python compares them."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "null"  # there, and equal to nothing
    if math.isinf(value):
        return _BEYOND if value > 0 else f"-{_BEYOND}"
    return str(int(value)) if value.is_integer() else repr(value)


def _text(value: str) -> str:
    return json.dumps(kept(value), ensure_ascii=False)


# ── What is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def condition(where: Filter | None, values: Values) -> sql.Composable:
    """The SQL of a filter, of which the values are bound.

    Raises UnsupportedFilter for an operator that the language lacks, UsageError for an operand that makes no sense.
    """
    if where is None:
        return EVERYTHING
    if isinstance(where, Condition):
        return _acl(where, values) if where.field == "acl" else _metadata(where, values)
    parts = [condition(part, values) for part in where.parts]
    match where.op:
        case "and":
            return _joined(" AND ", parts) if parts else EVERYTHING
        case "or":
            return _joined(" OR ", parts) if parts else NOTHING
        case "not":
            return _not(*parts)
    raise UnsupportedFilter(f"Postgres knows no {where.op!r}", expected="and, or, not")


def _acl(where: Condition, values: Values) -> sql.Composable:
    """Of the readers, which every chunk has, as a list of texts."""
    match where.op:
        case "in" | "nin":
            found = _readers(_several(where), values)
        case "contains":
            found = _readers([_operand(where.field, where.value)], values)
        case "exists":
            return EVERYTHING if where.value else NOTHING
        case "eq" | "ne":
            _operand(where.field, where.value)
            found = NOTHING
        case "gt" | "gte" | "lt" | "lte":
            _number(where)
            found = NOTHING
        case _:
            raise _unknown(where)
    return _not(found) if where.op in ("ne", "nin") else found


def _readers(names: Sequence[Scalar], values: Values) -> sql.Composable:
    texts = [kept(name) for name in names if isinstance(name, str)]
    return sql.SQL("acl && {}::text[]").format(values.bind(texts)) if texts else NOTHING


def _metadata(where: Condition, values: Values) -> sql.Composable:
    name = where.field
    match where.op:
        case "eq" | "ne":
            found = _holds(name, [_operand(name, where.value)], ["{}"], values)
        case "in" | "nin":
            found = _holds(name, _several(where), ["{}", "[{}]"], values)
        case "contains":
            found = _holds(name, [_operand(name, where.value)], ["[{}]"], values)
        case "exists":
            there = sql.SQL("metadata ? {}").format(values.bind(kept(name)))
            return there if where.value else _not(there)
        case "gt" | "gte" | "lt" | "lte":
            number = _number(where)
            if number != number:  # nan; `math.isnan` takes no integer beyond all floats
                return NOTHING
            path = f"strict $.{_text(name)} {_ORDER[where.op]} {_scalar(number)}"
            return sql.SQL("metadata @@ {}::jsonpath").format(values.bind(path))
        case _:
            raise _unknown(where)
    return _not(found) if where.op in ("ne", "nin") else found


def _holds(name: str, wanted: Sequence[Scalar], shapes: Sequence[str], values: Values) -> sql.Composable:
    """Whether the key has one of these values, in one of these shapes: alone, or in a list."""
    scalars = [_scalar(value) for value in wanted if value == value]  # nan is equal to nothing
    documents = [f"{{{_text(name)}: {shape.format(scalar)}}}" for scalar in dict.fromkeys(scalars) for shape in shapes]
    if len(documents) > SEVERAL:
        return sql.SQL("metadata @> ANY ({}::text[]::jsonb[])").format(values.bind(documents))
    parts = [sql.SQL("metadata @> {}::jsonb").format(values.bind(document)) for document in documents]
    return _joined(" OR ", parts) if parts else NOTHING


def _several(where: Condition) -> list[Scalar]:
    values: Any = where.value
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UsageError(f"the filter on {where.field!r}", expected="a list", found=type(values).__name__)
    return [_operand(where.field, value) for value in cast("Iterable[Any]", values)]


def _operand(name: str, value: Any) -> Scalar:
    if not isinstance(value, str | int | float):
        raise UsageError(f"the filter on {name!r}", expected="text, a number, true or false", found=repr(value))
    return value


def _number(where: Condition) -> float:
    value = where.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"the filter on {where.field!r}", expected="a number", found=type(value).__name__)
    return value


def _joined(word: str, parts: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(cast("Any", word)).join(parts))


def _not(part: sql.Composable) -> sql.Composable:
    return sql.SQL("({}) IS NOT TRUE").format(part)


def _unknown(where: Condition) -> UnsupportedFilter:
    return UnsupportedFilter(f"Postgres knows no {where.op!r}", expected=", ".join(sorted(FILTERS)))
