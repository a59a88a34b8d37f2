r"""Our filters in Qdrant's language, and what of a chunk they look at.

To Qdrant a list is equal to each of its members, 2 is not 2.0, an empty list is no value at all, and an odd key is no
path. So the metadata is kept as facts, short texts of which each says one thing, and a comparison for equality is a
look-up of texts: one index on a server serves every key that there is. Numbers are kept once more, for their order.

>>> stored(chunk)  # of metadata {"lang": "en", "year": 1998.0, "tags": ["law"]}
{'id': '0b3c…', 'acl': ['public'],
 'metadata': ['["lang"]', '["lang","is","en"]', '["year"]', '["year","is",1998]', '["tags"]', '["tags","has","law"]'],
 'numbers': {'k79656172': 1998.0}}
>>> translate(Condition("year", "gte", 1990))
{'must': [{'key': 'numbers.k79656172', 'range': {'gte': 1990.0}}]}
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, cast

from ragstone.errors import UnsupportedFilter, UsageError
from ragstone.protocols import FILTERS
from ragstone.types import Chunk, Condition, Filter, Scalar

__all__ = ["INDEXED", "stored", "translate"]

Where: TypeAlias = dict[str, Any]  # a filter, or a condition in one, as Qdrant's own JSON

INDEXED = ("acl", "metadata")  # what a server keeps an index of

NOTHING: Where = {"key": "metadata", "match": {"value": ""}}  # no fact is empty
EVERYTHING: Where = {"must_not": [NOTHING]}

_LONG = 200  # characters; of a longer text its digest is kept
_EXACT = 2.0**53  # below it a float says which number was meant
_LARGEST = sys.float_info.max


# ── What is stored ──────────────────────────────────────────────────────────────────────────────────────────────────


def stored(chunk: Chunk) -> dict[str, Any]:
    """What Qdrant keeps of a chunk beside its vector."""
    metadata = {name: value for name, value in chunk.metadata.items() if name != "acl"}  # only the chunk's own counts
    kept: dict[str, Any] = {
        "id": _text(chunk.id),
        "acl": [_text(one) for one in chunk.acl],
        "metadata": list(dict.fromkeys(_facts(metadata))),
    }
    numbers = {_key(name): _split(cast("float", value)) for name, value in metadata.items() if _is_number(value)}
    if numbers:
        kept["numbers"] = {key: high for key, (high, _) in numbers.items()}
    if rests := {key: rest for key, (_, rest) in numbers.items() if rest}:
        kept["rests"] = rests
    return kept


def _facts(metadata: dict[str, Any]) -> Iterator[str]:
    for name, value in metadata.items():
        yield _fact(name)
        if isinstance(value, str | int | float):
            yield from _about(name, "is", [value])
        else:
            yield from _about(name, "has", value)


def _about(name: str, relation: str, values: Iterable[Scalar]) -> Iterator[str]:
    """A fact for each value, but none for nan, which equals nothing."""
    return (_fact(name, relation, _plain(value)) for value in values if value == value)


def _fact(*parts: Any) -> str:
    """JSON, in which no key and no value can be taken for a part of another fact; of ASCII alone, so any text fits."""
    return json.dumps(parts, separators=(",", ":"))


def _plain(value: Scalar) -> Any:
    """Equal numbers look the same (2 and 2.0), and unlike every text and truth value."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) > _LONG:
        return {"blake2b": hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()}
    return value


def _text(value: str) -> str:
    """The same text, where it is one: half a surrogate pair, as in an odd file name, cannot be sent."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"\0{json.dumps(value)}"
    return value


def _key(name: str) -> str:
    """A name of letters and digits, which every path in a payload allows."""
    return "k" + name.encode("utf-8", "surrogatepass").hex()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _split(value: float) -> tuple[float, float]:
    """The nearest float, and what a large integer has above it. Qdrant orders floats alone."""
    try:
        high = min(max(float(value), -_LARGEST), _LARGEST)
    except OverflowError:
        high = _LARGEST if value > 0 else -_LARGEST
    rest = value - (int(high) if isinstance(value, int) else high)
    return high, float(min(max(rest, -_LARGEST), _LARGEST))


# ── What is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def translate(where: Filter) -> Where:
    """The filter for a query.

    Raises UnsupportedFilter for an operator that Qdrant lacks, UsageError for an operand that makes no sense.
    """
    return {"must": [_translated(where)]}


def _translated(where: Filter) -> Where:
    if isinstance(where, Condition):
        return _condition(where)
    match where.op:
        case "and":
            return {"must": [_translated(part) for part in where.parts]} if where.parts else EVERYTHING
        case "or":
            return _any_of([_translated(part) for part in where.parts])
        case "not":
            (part,) = where.parts
            return _no(_translated(part))
    raise UnsupportedFilter(f"Qdrant knows no {where.op!r}", expected="and, or, not")


def _condition(condition: Condition) -> Where:
    name, value = condition.field, condition.value
    match condition.op:
        case "eq":
            return _holds(name, ("is",), [_operand(name, value)])
        case "ne":
            return _no(_holds(name, ("is",), [_operand(name, value)]))
        case "in":
            return _holds(name, ("is", "has"), _operands(name, value))
        case "nin":
            return _no(_holds(name, ("is", "has"), _operands(name, value)))
        case "contains":
            return _holds(name, ("has",), [_operand(name, value)])
        case "exists":
            there = EVERYTHING if name == "acl" else _matches("metadata", [_fact(name)])
            return there if value else _no(there)
        case "gt" | "gte" | "lt" | "lte":
            return _compared(name, condition.op, value)
        case _:
            raise UnsupportedFilter(f"Qdrant knows no {condition.op!r}", expected=", ".join(sorted(FILTERS)))


def _holds(name: str, relations: Sequence[str], values: Sequence[Scalar]) -> Where:
    """The value is one of these, or the list holds one of these, as the relations say. The acl is a list of texts."""
    if name == "acl":
        wanted = [_text(value) for value in values if isinstance(value, str)] if "has" in relations else []
        return _matches("acl", wanted)
    return _matches("metadata", [fact for relation in relations for fact in _about(name, relation, values)])


def _matches(key: str, texts: Sequence[str]) -> Where:
    if not texts:
        return NOTHING
    return {"key": key, "match": {"any": [*texts]} if len(texts) > 1 else {"value": texts[0]}}


def _any_of(parts: Sequence[Where]) -> Where:
    return {"should": [*parts]} if parts else NOTHING  # an empty `should` asks for nothing, and so lets all through


def _no(part: Where) -> Where:
    return {"must_not": [part]}


def _compared(name: str, op: str, value: Any) -> Where:
    if not _is_number(value):
        raise UsageError(f"the filter on {name!r}", expected="a number", found=repr(value))
    high, rest = _split(value)
    numbers, rests = f"numbers.{_key(name)}", f"rests.{_key(name)}"
    if abs(high) < _EXACT:
        return {"key": numbers, "range": {op: high}}
    # Above that several integers share a float: those of the same one are told apart by what they have above it.
    level = {"key": numbers, "range": {"gte": high, "lte": high}}
    parts: list[Where] = [{"key": rests, "range": {op: rest}}]
    if (op.endswith("e") and rest == 0) or (rest < 0 if op.startswith("g") else rest > 0):
        parts.append({"is_empty": {"key": rests}})  # where nothing is kept, it is 0
    return _any_of([{"key": numbers, "range": {op[:2]: high}}, {"must": [level, _any_of(parts)]}])


def _operands(name: str, values: Any) -> list[Scalar]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UsageError(f"the filter on {name!r}", expected="a list", found=type(values).__name__)
    return [_operand(name, value) for value in cast("Iterable[Any]", values)]


def _operand(name: str, value: Any) -> Scalar:
    if not isinstance(value, str | int | float):
        raise UsageError(f"the filter on {name!r}", expected="text, a number, true or false", found=repr(value))
    return value
