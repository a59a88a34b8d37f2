"""The filter language, where the suites' samples do not reach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdrant_engine import EnginePlace
from ragstone.connectors.qdrant import QdrantStore
from ragstone.connectors.qdrant.where import DEEPEST, received, sent, stored, translate
from ragstone.errors import UsageError
from ragstone.protocols import VectorStore
from ragstone.retrieval.matching import matches
from ragstone.testing.suites.samples import chunk
from ragstone.types import Chunk, Condition, Filter, Group, Record
from vectors import CONTEXT, record

HUGE = 2**53
TEXTS = ["", "a", "A", "1", "true", "größe", "\ud800", "\0", "\0a", "x" * 300, "x" * 301, '["a"]']
LARGE = [
    *range(HUGE - 2, HUGE + 6),
    HUGE + 2.0,
    HUGE + 4.0,
    -HUGE - 1,
    -HUGE - 2.0,
    2**63,
    2**63 + 1,
    2**64 - 1,
    2**999 + 1,
]
NUMBERS = [0, -0.0, 1, 1.0, -1, 1.5, 0.1, 0.1 + 0.2, 0.3, -5e-324, *LARGE, 1e300, -1e300, math.inf, -math.inf]
VALUES = [*TEXTS, *NUMBERS, True, False]
SCALARS = st.sampled_from(VALUES)
NAMES = st.sampled_from(["", "a", "a.b", "a[0]", '"', "$x", "größe", "\ud800", "acl", "is", "metadata"])
METADATA = st.dictionaries(NAMES, SCALARS | st.just(math.nan) | st.lists(SCALARS, max_size=3), max_size=4)
ACLS = st.lists(st.sampled_from(["public", "ana", "", "\ud800", '\0"\\ud800"']), max_size=2)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    op = draw(st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "exists"]))
    operands: dict[str, st.SearchStrategy[Any]] = {
        "exists": st.booleans(),
        "in": st.lists(SCALARS, max_size=3),
        "nin": st.lists(SCALARS, max_size=3),
        **dict.fromkeys(("gt", "gte", "lt", "lte"), st.sampled_from(NUMBERS)),
    }
    return Condition(draw(NAMES), op, draw(operands.get(op, SCALARS)))


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.builds(Group, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Group, st.just("not"), inner.map(lambda part: (part,))),
    ),
    max_leaves=4,
)


@pytest.fixture(params=["in memory", "engine"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QdrantStore]:
    made = QdrantStore()
    if request.param == "engine":
        made._collection.place = EnginePlace(tmp_path)
    yield made
    made._collection.close()


async def test_every_value_is_compared_with_every_other(store: VectorStore) -> None:
    kept = [*({"a": value} for value in [*VALUES, math.nan]), *({"a": [value, "b"]} for value in VALUES), {"a": []}, {}]
    chunks = [chunk(f"c{at}", metadata=metadata) for at, metadata in enumerate(kept)]
    await store.upsert([Record(one, record(at).vector) for at, one in enumerate(chunks)], context=CONTEXT)
    wheres = [Condition("a", op, value) for op in ("eq", "ne", "contains") for value in VALUES]
    wheres += [Condition("a", op, value) for op in ("gt", "gte", "lt", "lte") for value in NUMBERS]
    wheres += [Condition("a", op, values) for op in ("in", "nin") for values in (VALUES[:5], VALUES[20:25], [])]
    for where in wheres:
        found = await store.search(record(0).vector, k=len(chunks), where=where, context=CONTEXT)
        assert {one.id for one in found} == {one.id for one in chunks if matches(where, one)}, where


@given(
    samples=st.lists(st.tuples(METADATA, ACLS), min_size=1, max_size=6),
    wheres=st.lists(FILTERS, min_size=1, max_size=8),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_any_filter_means_what_the_language_says(
    store: VectorStore, samples: list[tuple[dict[str, Any], list[str]]], wheres: list[Filter]
) -> None:
    chunks = [chunk(f"c{at}", metadata=metadata, acl=acl) for at, (metadata, acl) in enumerate(samples)]
    await store.delete(await store.ids(context=CONTEXT), context=CONTEXT)
    await store.upsert([Record(one, record(at).vector) for at, one in enumerate(chunks)], context=CONTEXT)
    for where in wheres:
        found = await store.search(record(0).vector, k=9, where=where, context=CONTEXT)
        assert {one.id for one in found} == {one.id for one in chunks if matches(where, one)}, where


async def test_filters_may_be_nested_and_not_without_end(store: VectorStore) -> None:
    await store.upsert([record(0), record(1)], context=CONTEXT)
    where: Filter = Condition("at", "eq", 1)
    for _ in range(DEEPEST // 2):
        where = Group("or", (Group("and", (where, Condition("at", "lt", 9))), Condition("at", "eq", 9)))
    assert [one.id for one in await store.search(record(0).vector, k=9, where=where, context=CONTEXT)] == ["c1"]
    with pytest.raises(UsageError, match="too deeply"):
        await store.search(record(0).vector, k=9, where=Group("not", (where,)), context=CONTEXT)


@pytest.mark.parametrize(
    "where",
    [
        Condition("year", "gt", "1990"),
        Condition("year", "lt", True),
        Condition("year", "gte", math.nan),
        Condition("year", "eq", None),
        Condition("year", "eq", [1]),
        Condition("year", "in", "abc"),
        Condition("year", "in", 5),
        Condition("year", "nin", [[1]]),
    ],
)
def test_an_operand_that_makes_no_sense_is_refused(where: Filter) -> None:
    with pytest.raises(UsageError, match="'year'"):
        translate(where)


@given(st.text())
def test_any_text_comes_back_as_it_was_sent(text: str) -> None:
    assert received(sent(text)) == text
    sent(text).encode()


def test_what_is_kept_can_be_read() -> None:
    one: Chunk = chunk("c", acl=["public"], metadata={"lang": "en", "year": 1998.0, "tags": ["law"]})
    assert stored(one) == {
        "id": "c",
        "acl": ["public"],
        "metadata": [
            '["lang"]',
            '["lang","is","en"]',
            '["year"]',
            '["year","is",1998]',
            '["tags"]',
            '["tags","has","law"]',
        ],
        "numbers": {"k79656172": {"a": 3231660032, "b": 0}},
    }
