"""The filter language."""

from __future__ import annotations

import pytest

from ragstone.errors import UsageError
from ragstone.retrieval.where import allowed, parse, required
from ragstone.types import Condition, Group


def test_a_mapping_becomes_conditions_joined_by_and():
    assert parse({"lang": "en"}) == Condition("lang", "eq", "en")
    assert parse({"year": {"$gte": 2020, "$lt": 2030}, "lang": "en"}) == Group(
        "and",
        (
            Group("and", (Condition("year", "gte", 2020), Condition("year", "lt", 2030))),
            Condition("lang", "eq", "en"),
        ),
    )
    assert parse({}) is None


def test_groups_nest():
    assert parse({"$or": [{"a": 1}, {"$not": {"b": {"$in": ["x", "y"]}}}]}) == Group(
        "or", (Condition("a", "eq", 1), Group("not", (Condition("b", "in", ("x", "y")),)))
    )


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"year": {"$gtee": 1}}, r"Did you mean '\$gte'"),
        ({"$orr": []}, r"Did you mean '\$or'"),
        ({"$or": []}, "list of filters"),
        ({"$or": "x"}, "list of filters"),
        ({"$or": [3]}, "mapping"),
        ({"$not": {}}, "empty"),
        ({"$or": [{}, {"a": 1}]}, "empty"),
        ({"year": {}}, "empty"),
        ({"year": {"$gt": "new"}}, "a number"),
        ({"year": {"$gt": True}}, "a number"),
        ({"year": {"$in": "abc"}}, "a list"),
        ({"year": {"$exists": 1}}, "true or false"),
        ({"year": None}, "text, a number"),
        ({"acl": "group:hr"}, "principals"),
    ],
)
def test_what_is_wrong_with_a_filter_is_said(where: dict[str, object], words: str):
    with pytest.raises(UsageError, match=words):
        parse(where)


def test_permission_is_public_or_one_of_the_principals():
    assert allowed(frozenset({"b", "a"})) == Condition("acl", "in", ("public", "a", "b"))
    assert required(None, None) is None
    assert required(Condition("a", "eq", 1), None) == Condition("a", "eq", 1)
    assert isinstance(required(Condition("a", "eq", 1), allowed(frozenset())), Group)
