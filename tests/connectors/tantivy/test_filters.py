"""What the filters of the lexical index let through."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexical_entries import CONTEXT, FRUIT, entry, filled, found
from ragstone.connectors import tantivy
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.errors import UnsupportedFilter, UsageError
from ragstone.protocols import FILTERS
from ragstone.types import Condition, Filter, Group


def same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def lets_through(where: Filter, fields: Mapping[str, Any]) -> bool:
    """What a filter means, in plain Python."""
    if isinstance(where, Group):
        parts = [lets_through(part, fields) for part in where.parts]
        return {"and": all(parts), "or": any(parts), "not": not any(parts)}[where.op]
    value, operand = fields.get(where.field), where.value
    several = value if isinstance(value, list) else [value]
    member = where.op in ("in", "nin") and any(same(one, other) for one in several for other in operand)
    match where.op:
        case "eq":
            return same(value, operand)
        case "ne":
            return not same(value, operand)
        case "contains":
            return isinstance(value, list) and any(same(one, operand) for one in value)
        case "exists":
            return (where.field in fields) == operand
        case "in" | "nin":
            return member == (where.op == "in")
        case "gt":
            return number(value) and value > operand
        case "gte":
            return number(value) and value >= operand
        case "lt":
            return number(value) and value < operand
    assert where.op == "lte"
    return number(value) and value <= operand


fields = st.sampled_from(["year", "lang", "tags", "a.b c", "größe", "acl-like", "year 1"])
numbers = st.one_of(
    st.integers(-3, 3), st.floats(-2, 2).map(lambda value: round(value, 1)), st.sampled_from([2**60, -1e300, 0.1 + 0.2])
)
scalars = st.one_of(numbers, st.booleans(), st.sampled_from(["", "en", "EN", "a b", "1", "true", "*", "größe"]))
metadata = st.dictionaries(fields, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=4)
conditions = st.one_of(
    st.builds(Condition, fields, st.sampled_from(["eq", "ne", "contains"]), scalars),
    st.builds(Condition, fields, st.sampled_from(["in", "nin"]), st.lists(scalars, max_size=3)),
    st.builds(Condition, fields, st.sampled_from(["gt", "gte", "lt", "lte"]), numbers),
    st.builds(Condition, fields, st.just("exists"), st.booleans()),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(Group, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Group, st.just("not"), st.tuples(inner)),
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(st.lists(metadata, min_size=1, max_size=6), filters)
def test_a_filter_lets_through_what_it_means(documents: list[dict[str, Any]], where: Filter) -> None:
    async def passing() -> list[str]:
        index = await filled(*(entry(str(at), "word", metadata=each) for at, each in enumerate(documents)))
        return await found(index, "word", where=where)

    expected = [str(at) for at, each in enumerate(documents) if lets_through(where, each)]
    assert sorted(asyncio.run(passing())) == expected


@given(st.lists(st.floats(allow_nan=False), min_size=2))
def test_digits_of_numbers_sort_as_the_numbers_do(values: list[float]) -> None:
    digits = [tantivy._sortable(value) for value in sorted(values)]
    assert digits == sorted(digits)
    assert all(len(each) == 16 for each in digits)


async def test_a_number_beyond_all_floats_is_beyond_them_all() -> None:
    index = await filled(entry("a", "word", metadata={"n": 10**400}), entry("b", "word", metadata={"n": -(10**400)}))
    assert await found(index, "word", where=Condition("n", "gt", 1e308)) == ["a"]
    assert await found(index, "word", where=Condition("n", "lt", -1e308)) == ["b"]
    assert await found(index, "word", where=Condition("n", "eq", 10**400)) == ["a"]
    assert await found(index, "word", where=Condition("n", "gt", math.inf)) == []


async def test_metadata_may_be_long_and_of_any_characters() -> None:
    long, odd = "x" * 70_000, "\ud800 \0 'quoted'"
    index = await filled(entry("a", "word", metadata={"long": long}), entry("b", "word", metadata={"o d.d": odd}))
    assert await found(index, "word", where=Condition("long", "eq", long)) == ["a"]
    assert await found(index, "word", where=Condition("long", "eq", long[:-1])) == []
    assert await found(index, "word", where=Condition("o d.d", "in", [odd])) == ["b"]


async def test_a_filter_changes_no_score() -> None:
    index = await filled(*FRUIT)
    free = await index.search(["apple"], k=3, context=CONTEXT)
    held = await index.search(["apple"], k=3, where=Condition("acl", "in", ("public", "x")), context=CONTEXT)
    assert held == free


async def test_the_acl_lets_through_who_is_named() -> None:
    index = await filled(
        entry("everyone", "word"),
        entry("hr", "word", acl=["group:hr", "group:law"]),
        entry("ana", "word", acl=["ana"]),
        entry("nobody", "word", acl=[]),
        entry("liar", "word", acl=["boss"], metadata={"acl": ["public"]}),
    )

    async def seen(*principals: str) -> list[str]:
        return sorted(await found(index, "word", where=Condition("acl", "in", ("public", *principals))))

    assert await seen() == ["everyone"]
    assert await seen("group:hr") == ["everyone", "hr"]
    assert await seen("group:law", "ana") == ["ana", "everyone", "hr"]
    assert await seen("group", "hr", "an", "ANA") == ["everyone"]
    assert await found(index, "word", where=Condition("acl", "contains", "group:law")) == ["hr"]


async def test_a_filter_runs_inside_the_query() -> None:
    index = await filled(*(entry(f"c{at}", "word", metadata={"last": at == 99}) for at in range(100)))
    assert await found(index, "word", k=1, where=Condition("last", "eq", True)) == ["c99"]


def test_every_operator_is_declared() -> None:
    assert TantivyIndex().capabilities.filters == FILTERS


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (Condition("a", "like", "x"), UnsupportedFilter),
        (Group("xor", ()), UnsupportedFilter),  # type: ignore[arg-type]
        (Condition("a", "gt", "x"), UsageError),
        (Condition("a", "lt", True), UsageError),
        (Condition("a", "in", "x"), UsageError),
        (Condition("a", "in", 3), UsageError),
        (Condition("a", "eq", None), UsageError),
        (Condition("a", "eq", ["x"]), UsageError),
    ],
)
async def test_a_filter_that_it_cannot_run_is_an_error(where: Filter, error: type[Exception]) -> None:
    with pytest.raises(error):
        await found(await filled(*FRUIT), "apple", where=where)
