"""Chunks and filters that the suites of the stores share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ragstone.protocols import FILTERS
from ragstone.types import PUBLIC, Chunk, Condition, Filter, Group, Metadata

__all__ = ["CHUNKS", "UNKNOWN", "chunk", "filters_with", "operators"]


def chunk(name: str, *, acl: Sequence[str] = PUBLIC, metadata: Metadata | None = None) -> Chunk:
    """A chunk of which only the id and what filters look at count."""
    return Chunk(
        id=name,
        document_id=f"document of {name}",
        uri=f"{name}.md",
        title=name,
        text=name,
        start=0,
        end=len(name),
        line=1,
        acl=tuple(acl),
        metadata=metadata or {},
    )


CHUNKS = (
    chunk("old", metadata={"year": 1998, "lang": "en", "draft": False, "tags": ["law", "tax"], "score": 0.5}),
    chunk("new", metadata={"year": 2024, "lang": "de", "draft": True, "tags": ["law"], "score": 2.0}),
    chunk("whole", metadata={"year": 2024.0, "lang": "en", "score": 2}),
    chunk("between", metadata={"year": 2010.5, "score": -1.5}),
    chunk("minus", metadata={"year": -1, "score": -1}),
    chunk("text", metadata={"year": "2024", "lang": "1", "draft": "true"}),
    chunk("one", metadata={"year": 1, "draft": 1}),
    chunk("large", metadata={"year": 2**53 + 1, "score": 2**60}),
    chunk("numbers", metadata={"tags": [1, 2.5], "year": [2024]}),
    chunk("mixed", metadata={"tags": ["1", 1, True]}),
    chunk("empty", metadata={"tags": [], "lang": ""}),
    chunk("odd keys", metadata={"": "x", "$year": 2024, "a.b": "x", "document_id": "x", "größe": "x", "fields": "x"}),
    chunk("bare"),
    chunk("secret", acl=["group:hr", "ana"], metadata={"lang": "en"}),
    chunk("nobody", acl=[], metadata={"lang": "en"}),
    chunk("posing", acl=["ana"], metadata={"acl": ["public"]}),
)
"""Every kind of value, under keys that some chunks lack; the last ones differ in who may see them."""

_VALUES: tuple[tuple[str, Any], ...] = (
    ("year", 2024),
    ("year", 2024.0),
    ("year", 2010.5),
    ("year", "2024"),
    ("year", 2**53 + 1),
    ("score", -1.5),
    ("score", 2**60),
    ("draft", True),
    ("draft", 1),
    ("lang", "en"),
    ("lang", ""),
    ("tags", "law"),
    ("tags", 1),
    ("tags", True),
    ("missing", "x"),
    ("", "x"),
    ("$year", 2024),
    ("a.b", "x"),
    ("document_id", "x"),
    ("größe", "x"),
    ("acl", "ana"),
)


def filters_with(operator: str) -> list[Filter]:
    """Filters that use an operator of the language, in every way that it can be used."""
    match operator:
        case "and" | "or":
            parts = (Condition("lang", "eq", "en"), Condition("year", "eq", 2024), Condition("draft", "eq", False))
            return [Group(operator, parts[:count]) for count in range(1, 4)]
        case "not":
            inner = [where for other in sorted(FILTERS - {"not"}) for where in filters_with(other)]
            return [Group("not", (where,)) for where in inner]
        case "in" | "nin":
            lists = [(field, [value]) for field, value in _VALUES]
            several: list[tuple[str, list[Any]]] = [
                ("year", [1, 2010.5, "2024"]),
                ("tags", ["law", 2.5]),
                ("lang", []),
                ("acl", ["ana", "public"]),
            ]
            return [Condition(field, operator, values) for field, values in [*lists, *several]]
        case "exists":
            fields = dict.fromkeys(field for field, _ in _VALUES)
            return [Condition(field, operator, there) for field in fields for there in (True, False)]
        case "gt" | "gte" | "lt" | "lte":
            edges = [1998, 2010.5, 2011, -1, -1.5, -0.5, 0, 0.5, 2**52, 2**60, 2**70, 1e300]
            return [
                Condition(field, operator, edge) for field in ("year", "score", "tags", "missing") for edge in edges
            ]
        case _:
            return [Condition(field, operator, value) for field, value in _VALUES]


UNKNOWN: tuple[Any, ...] = (
    Condition("lang", "like", "e%"),
    Group(cast("Any", "xor"), (Condition("lang", "eq", "en"),)),
)
"""Filters with operators that the language lacks."""


def operators(where: Filter) -> set[str]:
    """Every operator that a filter uses."""
    if isinstance(where, Condition):
        return {where.op}
    return {where.op}.union(*(operators(part) for part in where.parts))
