r"""Our filters in Qdrant's language, and what of a chunk they look at.

To Qdrant a list is equal to each of its members, 2 is not 2.0, an empty list is no value at all, and an odd key is no
path. So the metadata is kept as facts, short texts of which each says one thing, and a comparison for equality is a
look-up of texts: one index on a server serves every key that there is.

Numbers are kept once more, for their order, in digits of 32 bits. A server orders floats alone, so it takes 2⁵³ + 1 for
2⁵³; and it reads a float of 16 decimals or more with an error in the last bit.

>>> stored(chunk)  # of metadata {"lang": "en", "year": 1998.0, "tags": ["law"]}
{'id': '0b3c…', 'acl': ['public'],
 'metadata': ['["lang"]', '["lang","is","en"]', '["year"]', '["year","is",1998]', '["tags"]', '["tags","has","law"]'],
 'numbers': {'k79656172': {'a': 3231660032, 'b': 0}}}
>>> translate(Condition("year", "gte", 1990))
{'must': [{'should': [
    {'key': 'numbers.k79656172.a', 'range': {'gt': 3231651840}},
    {'must': [{'key': 'numbers.k79656172.a', 'match': {'value': 3231651840}},
              {'key': 'numbers.k79656172.b', 'range': {'gte': 0}}]}]}]}
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, cast

from ragstone.errors import UnsupportedFilter, UsageError
from ragstone.protocols import FILTERS
from ragstone.types import Chunk, Condition, Filter, Scalar

__all__ = ["DEEPEST", "INDEXED", "received", "sent", "stored", "translate"]

Where: TypeAlias = dict[str, Any]  # a filter, or a condition in one, as Qdrant's own JSON

INDEXED = ("acl", "metadata")  # what a server keeps an index of

NOTHING: Where = {"key": "metadata", "match": {"value": ""}}  # no fact is empty
EVERYTHING: Where = {"must_not": [NOTHING]}

DEEPEST = 40  # groups in each other: a server reads JSON that is 128 deep, and a group is two of that
_LONG = 200  # characters; of a longer text its digest is kept
_EXACT = 2.0**53  # below it every integer is a float
_LARGEST = sys.float_info.max


# ── What is stored ──────────────────────────────────────────────────────────────────────────────────────────────────


def stored(chunk: Chunk) -> dict[str, Any]:
    """What Qdrant keeps of a chunk beside its vector."""
    metadata = {name: value for name, value in chunk.metadata.items() if name != "acl"}  # only the chunk's own counts
    kept: dict[str, Any] = {
        "id": sent(chunk.id),
        "acl": [sent(one) for one in chunk.acl],
        "metadata": list(dict.fromkeys(_facts(metadata))),
    }
    numbers = {_key(name): _digits(cast("float", value)) for name, value in metadata.items() if _is_number(value)}
    if numbers:
        kept["numbers"] = numbers
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


def sent(text: str) -> str:
    """The same text, where it is one: half a surrogate pair, as in an odd file name, cannot be sent as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"\0{json.dumps(text)}"
    return f"\0{json.dumps(text)}" if text.startswith("\0") else text


def received(text: str) -> str:
    """The text that was sent so."""
    return str(json.loads(text[1:])) if text.startswith("\0") else text


def _key(name: str) -> str:
    """A name of letters and digits, which every path in a payload allows."""
    return "k" + name.encode("utf-8", "surrogatepass").hex()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _digits(value: float) -> dict[str, int]:
    """The digits of a number, the first one counts most.

    They are those of the nearest float, and where several integers share one, of what this one has above it. An integer
    beyond all floats counts as infinite.
    """
    try:
        high = min(max(float(value), -_LARGEST), _LARGEST)
    except OverflowError:
        high = _LARGEST if value > 0 else -_LARGEST
    digits = _halves(high)
    if abs(high) >= _EXACT:
        rest = value - (int(high) if isinstance(value, int) else high)
        digits += _halves(float(min(max(rest, -_LARGEST), _LARGEST)))
    return dict(zip("abcd", digits, strict=False))


def _halves(value: float) -> tuple[int, ...]:
    """The bits of a float as two integers that sort as the floats do."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # so that -0.0 is 0.0
    # Of a negative number every bit is flipped, of any other the sign alone.
    return divmod(bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63), 1 << 32)


# ── What is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def translate(where: Filter) -> Where:
    """The filter for a query.

    Raises UnsupportedFilter for an operator that Qdrant lacks, UsageError for an operand that makes no sense.
    """
    return {"must": [_translated(where, DEEPEST)]}


def _translated(where: Filter, left: int) -> Where:
    if isinstance(where, Condition):
        return _condition(where)
    if not left:
        raise UsageError("the filter is nested too deeply", expected=f"at most {DEEPEST} groups in each other")
    parts = [_translated(part, left - 1) for part in where.parts]
    match where.op:
        case "and":
            return _all_of(parts)
        case "or":
            return _any_of(parts)
        case "not":
            (part,) = parts
            return _no(part)
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
        wanted = [sent(value) for value in values if isinstance(value, str)] if "has" in relations else []
        return _matches("acl", wanted)
    return _matches("metadata", [fact for relation in relations for fact in _about(name, relation, values)])


def _matches(key: str, texts: Sequence[str]) -> Where:
    if not texts:
        return NOTHING
    return {"key": key, "match": {"any": [*texts]} if len(texts) > 1 else {"value": texts[0]}}


def _all_of(parts: Sequence[Where]) -> Where:
    return EVERYTHING if not parts else parts[0] if len(parts) == 1 else {"must": [*parts]}


def _any_of(parts: Sequence[Where]) -> Where:
    # An empty `should` would ask for nothing, and so let all through.
    return NOTHING if not parts else parts[0] if len(parts) == 1 else {"should": [*parts]}


def _no(part: Where) -> Where:
    return {"must_not": [part]}


def _compared(name: str, op: str, value: Any) -> Where:
    if not _is_number(value):
        raise UsageError(f"the filter on {name!r}", expected="a number", found=repr(value))
    path = f"numbers.{_key(name)}"
    *upper, (last, digit) = _digits(value).items()
    found: Where = {"key": f"{path}.{last}", "range": {op: digit}}
    for place, digit in reversed(upper):
        beyond: Where = {"key": f"{path}.{place}", "range": {op[:2]: digit}}
        level: Where = {"key": f"{path}.{place}", "match": {"value": digit}}
        found = _any_of([beyond, _all_of([level, found])])
    return found


def _operands(name: str, values: Any) -> list[Scalar]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UsageError(f"the filter on {name!r}", expected="a list", found=type(values).__name__)
    return [_operand(name, value) for value in cast("Iterable[Any]", values)]


def _operand(name: str, value: Any) -> Scalar:
    if not isinstance(value, str | int | float):
        raise UsageError(f"the filter on {name!r}", expected="text, a number, true or false", found=repr(value))
    return value
