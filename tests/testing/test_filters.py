"""What the filter language means: the examples that its other implementations are held to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import UnsupportedFilter
from ragstone.protocols import FILTERS
from ragstone.testing import matches
from ragstone.testing.suites.samples import CHUNKS, UNKNOWN, chunk, filters_with
from ragstone.types import Condition, Group

BOOK = chunk(
    "book",
    acl=["ana", "group:hr"],
    metadata={"year": 1998, "price": 9.5, "lang": "en", "draft": False, "tags": ["law", 7, True], "notes": []},
)


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("year", "eq", 1998, True),
        ("year", "eq", 1998.0, True),
        ("year", "eq", "1998", False),
        ("draft", "eq", 0, False),
        ("draft", "eq", False, True),
        ("tags", "eq", "law", False),
        ("missing", "eq", "x", False),
        ("year", "ne", 1999, True),
        ("missing", "ne", "x", True),
        ("tags", "ne", "law", True),
        ("year", "gt", 1997.5, True),
        ("year", "lte", 1998, True),
        ("lang", "gt", 0, False),
        ("draft", "lt", 1, False),
        ("missing", "gte", 0, False),
        ("lang", "in", ["de", "en"], True),
        ("lang", "in", [], False),
        ("tags", "in", [7.0], True),
        ("tags", "in", [1], False),
        ("missing", "nin", ["x"], True),
        ("lang", "nin", ["en"], False),
        ("tags", "contains", "law"[:2], False),
        ("tags", "contains", True, True),
        ("lang", "contains", "e", False),
        ("notes", "exists", True, True),
        ("missing", "exists", False, True),
        ("acl", "in", ["bo", "ana"], True),
        ("acl", "in", ["public"], False),
    ],
)
def test_a_condition(field: str, op: str, value: Any, expected: bool) -> None:
    assert matches(Condition(field, op, value), BOOK) is expected
    assert matches(Group("not", (Condition(field, op, value),)), BOOK) is not expected


def test_no_filter_lets_everything_through() -> None:
    assert matches(None, BOOK)
    assert matches(Group("and", ()), BOOK)
    assert not matches(Group("or", ()), BOOK)


def test_the_acl_of_the_metadata_does_not_count() -> None:
    assert not matches(Condition("acl", "in", ["public"]), chunk("c", acl=[], metadata={"acl": ["public"]}))


@pytest.mark.parametrize("where", UNKNOWN, ids=["like", "xor"])
def test_an_unknown_operator_is_refused(where: Any) -> None:
    with pytest.raises(UnsupportedFilter):
        matches(where, BOOK)


@pytest.mark.parametrize("operator", sorted(FILTERS))
def test_the_samples_tell_every_operator_from_its_opposite(operator: str) -> None:
    outcomes = {matches(where, sample) for where in filters_with(operator) for sample in CHUNKS}
    assert outcomes == {True, False}


@given(st.lists(st.sampled_from(filters_with("eq") + filters_with("gt")), max_size=4).map(tuple))
def test_de_morgan_holds(parts: Any) -> None:
    for sample in CHUNKS:
        negated = Group("or", tuple(Group("not", (part,)) for part in parts))
        assert matches(Group("not", (Group("and", parts),)), sample) == matches(negated, sample)
