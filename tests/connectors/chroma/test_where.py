"""Filters in Chroma's language let through what the language's own meaning lets through."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.connectors.chroma import ChromaStore
from ragstone.connectors.chroma.where import EVERYTHING, NOTHING, WIDEST, stored, translate
from ragstone.errors import UnsupportedFilter, UsageError
from ragstone.testing import matches
from ragstone.testing.suites.samples import chunk
from ragstone.types import Condition, Context, Filter, Group, Record

CONTEXT = Context()
VECTOR = np.array([1.0, 0.0], np.float32)

FIELDS = ("a", "b", "", "$c", "acl")
NUMBERS = st.sampled_from([-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.0, 1.5, 2, 2**53 + 1, -(2**60) - 1, 2**62])
SCALARS = st.one_of(NUMBERS, st.booleans(), st.sampled_from(["", "a", "1", "1.0", "True", "日本", "\ud800", "\0"]))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.just(math.nan))
METADATA = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4)
PRINCIPALS = st.lists(st.sampled_from(["a", "1", "public"]), max_size=2, unique=True)

SINGLE = st.builds(Condition, st.sampled_from(FIELDS), st.sampled_from(["eq", "ne", "contains"]), SCALARS)
SEVERAL = st.builds(Condition, st.sampled_from(FIELDS), st.sampled_from(["in", "nin"]), st.lists(SCALARS, max_size=3))
ORDERED = st.builds(Condition, st.sampled_from(FIELDS), st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBERS)
PRESENT = st.builds(Condition, st.sampled_from(FIELDS), st.just("exists"), st.booleans())


def groups(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(parts, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Group, st.sampled_from(["and", "or"]), several), st.builds(Group, st.just("not"), st.tuples(parts))
    )


FILTERS = st.recursive(st.one_of(SINGLE, SEVERAL, ORDERED, PRESENT), groups, max_leaves=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(METADATA, PRINCIPALS), min_size=1, max_size=8),
    wheres=st.lists(FILTERS, min_size=1, max_size=8),
)
async def test_a_translated_filter_means_the_same(rows: list[tuple[Any, list[str]]], wheres: list[Filter]) -> None:
    chunks = [chunk(f"c{at}", metadata=metadata, acl=acl) for at, (metadata, acl) in enumerate(rows)]
    store = ChromaStore()
    await store.upsert([Record(one, VECTOR) for one in chunks], context=CONTEXT)
    for where in wheres:
        found = await store.search(VECTOR, k=100, where=where, context=CONTEXT)
        assert {scored.id for scored in found} == {one.id for one in chunks if matches(where, one)}, where
    await store.close()


@settings(max_examples=30, deadline=None)
@given(before=METADATA, after=METADATA, where=FILTERS)
async def test_nothing_of_replaced_metadata_is_left(before: Any, after: Any, where: Filter) -> None:
    store = ChromaStore()
    await store.upsert([Record(chunk("c", metadata=before, acl=["a", "b"]), VECTOR)], context=CONTEXT)
    replaced = chunk("c", metadata=after, acl=["b"])
    await store.upsert([Record(replaced, VECTOR)], context=CONTEXT)
    assert bool(await store.search(VECTOR, k=1, where=where, context=CONTEXT)) == matches(where, replaced)
    await store.close()


@given(where=FILTERS)
def test_twice_negated_is_the_same(where: Filter) -> None:
    assert translate(Group("not", (Group("not", (where,)),))) == translate(where)


def test_the_text_is_not_stored() -> None:
    told = replace(chunk("c", metadata={"year": 1998}), text="what it says", title="its title")
    assert "what it says" not in str(stored(told))
    assert "its title" not in str(stored(told))


def test_a_key_named_acl_gives_nobody_a_permission() -> None:
    assert stored(chunk("c", acl=["ana"], metadata={"acl": ["public"]})) == {
        "document_id": "document of c",
        "acl": ["ana"],
    }


def test_many_parts_are_grouped_so_that_no_chain_is_too_long() -> None:
    where = translate(Condition("acl", "in", [f"user:{at}" for at in range(3 * WIDEST)]))
    assert len(where["$or"]) == 3
    assert {len(group["$or"]) for group in where["$or"]} == {WIDEST}


@pytest.mark.parametrize(("operator", "expected"), [("and", EVERYTHING), ("or", NOTHING)])
def test_a_group_of_nothing(operator: Any, expected: Any) -> None:
    assert translate(Group(operator, ())) == expected
    assert translate(Group("not", (Group(operator, ()),))) != expected


@pytest.mark.parametrize(
    "condition",
    [
        Condition("a", "eq", ["x"]),
        Condition("a", "eq", None),
        Condition("a", "ne", math.nan),
        Condition("a", "in", "text"),
        Condition("a", "in", 3),
        Condition("a", "in", [None]),
        Condition("a", "contains", ["x"]),
        Condition("a", "gt", True),
        Condition("a", "lt", None),
        Condition("a", "gte", math.nan),
    ],
    ids=repr,
)
def test_an_operand_that_makes_no_sense_is_named(condition: Condition) -> None:
    with pytest.raises(UsageError, match="'a'"):
        translate(condition)


def test_an_order_of_texts_is_refused() -> None:
    with pytest.raises(UnsupportedFilter, match="'gt' on 'date'"):
        translate(Condition("date", "gt", "2024-01-01"))


async def test_a_filter_is_checked_before_anything_is_opened(tmp_path: Path) -> None:
    store = ChromaStore(tmp_path / "nothing")
    with pytest.raises(UnsupportedFilter, match="like"):
        await store.search(VECTOR, k=0, where=Condition("a", "like", "x"), context=CONTEXT)
