"""Both forms of a filter mean what the language says."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.langchain.where import MAPPED, compiled, fields, mapping, marks
from ragstone.errors import UnsupportedFilter
from ragstone.testing import matches
from ragstone.testing.suites.samples import CHUNKS, UNKNOWN, chunk
from ragstone.types import Condition, Filter, Group

NAMES = st.sampled_from(["a", "b", "", "acl", "größe", "a\0b"])
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**53, 2**53 + 1, 2.0**53, 0.5, -0.0, float("nan"), float("inf"), 1e300]),
    st.sampled_from(["", "1", "x", "True", "\udcff"]),
)
METADATA = st.dictionaries(NAMES, st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), max_size=4)
ACLS = st.lists(st.sampled_from(["public", "ana", "x"]), unique=True)


def conditions(operators: set[str]) -> st.SearchStrategy[Filter]:
    single = st.sampled_from(sorted(operators & {"eq", "ne", "contains"}))
    several = st.sampled_from(sorted(operators & {"in", "nin"}))
    parts = [
        st.builds(Condition, NAMES, single, SCALARS),
        st.builds(Condition, NAMES, several, st.lists(SCALARS, max_size=3)),
    ]
    if "gt" in operators:
        order = st.sampled_from(["gt", "gte", "lt", "lte"])
        parts.append(st.builds(Condition, NAMES, order, st.one_of(st.integers(-3, 3), st.floats())))
        parts.append(st.builds(Condition, NAMES, st.just("exists"), st.booleans()))
    return cast("st.SearchStrategy[Filter]", st.one_of(*parts))


def filters(operators: set[str]) -> st.SearchStrategy[Filter]:
    def grown(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(inner, min_size=1, max_size=3).map(tuple)
        groups = [st.builds(Group, st.sampled_from(["and", "or"]), several)]
        if "not" in operators:
            groups.append(st.builds(Group, st.just("not"), st.tuples(inner)))
        return st.one_of(*groups)

    return st.recursive(conditions(operators), grown, max_leaves=5)


EVERY = {"eq", "ne", "contains", "in", "nin", "gt", "exists", "not"}


@given(METADATA, ACLS, filters(EVERY))
def test_the_function_is_the_filter(metadata: dict[str, Any], acl: list[str], where: Filter):
    sample = chunk("c", acl=acl, metadata=metadata)
    assert compiled(where)(fields(sample)) == matches(where, sample)


@given(METADATA, ACLS, filters(set(MAPPED)))
def test_the_mapping_is_the_filter(metadata: dict[str, Any], acl: list[str], where: Filter):
    sample = chunk("c", acl=acl, metadata=metadata)
    assert read(mapping(where), marks(fields(sample))) == matches(where, sample)


def read(where: dict[str, Any], marked: dict[str, int]) -> bool:
    """A mapping as a store reads it."""
    ((key, value),) = where.items()
    if key == "$and":
        return all(read(part, marked) for part in value)
    if key == "$or":
        return any(read(part, marked) for part in value)
    return marked.get(key) == value["$eq"]


def test_thousands_of_principals_are_nested():
    where = mapping(Condition("acl", "in", [f"user:{at}" for at in range(5000)]))
    assert widest(where) <= 200
    (secret,) = [one for one in CHUNKS if one.id == "secret"]
    assert not read(where, marks(fields(secret)))
    assert read(mapping(Condition("acl", "in", [f"user:{at}" for at in range(5000)] + ["ana"])), marks(fields(secret)))


def widest(where: dict[str, Any]) -> int:
    return max((max(len(parts), *map(widest, parts)) for key, parts in where.items() if key[0] == "$"), default=0)


@pytest.mark.parametrize("where", UNKNOWN, ids=["like", "xor"])
def test_an_unknown_operator_is_refused_in_both_forms(where: Filter):
    for form in (compiled, mapping):
        with pytest.raises(UnsupportedFilter):
            form(where)


def test_naming_the_type_imports_no_framework():
    script = "import sys, ragstone.connectors.langchain; print('langchain_core' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
