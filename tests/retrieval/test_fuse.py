"""Fusion: orders, weights, ties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.retrieval.fuse import convex, reciprocal_rank
from ragstone.types import Scored

scored = st.lists(
    st.builds(Scored, st.sampled_from([f"c{n}" for n in range(20)]), st.integers(-100, 3000).map(lambda n: n / 100)),
    unique_by=lambda one: one.id,
    max_size=20,
).map(lambda found: sorted(found, key=lambda one: -one.score))


def test_convex_adds_the_weighted_scores_stretched_to_one():
    fused = convex(
        {
            "dense": [Scored("a", 0.9), Scored("b", 0.5), Scored("c", 0.1)],
            "lexical": [Scored("b", 12.0), Scored("d", 4.0)],
        },
        weights={"dense": 0.6, "lexical": 0.4},
    )
    order = [(id_, round(scores["fused"], 6)) for id_, scores in fused]
    assert order == [("b", 0.7), ("a", 0.6), ("c", 0.0), ("d", 0.0)]
    assert fused[0][1] == {"dense": 0.5, "lexical": 12.0, "fused": pytest.approx(0.7)}


def test_reciprocal_rank_is_the_published_formula():
    fused = reciprocal_rank({"dense": [Scored("a", 0.9), Scored("b", 0.5)], "lexical": [Scored("b", 3.0)]})
    assert [id_ for id_, _ in fused] == ["b", "a"]
    assert fused[0][1]["fused"] == pytest.approx(1 / 62 + 1 / 61)


@given(scored, scored)
def test_nothing_is_lost_nothing_is_added_and_the_order_is_by_score(dense: list[Scored], lexical: list[Scored]):
    for fused in (
        convex({"dense": dense, "lexical": lexical}, weights={"dense": 0.6, "lexical": 0.4}),
        reciprocal_rank({"dense": dense, "lexical": lexical}),
    ):
        ids = [id_ for id_, _ in fused]
        assert sorted(ids) == sorted({one.id for one in [*dense, *lexical]})
        values = [scores["fused"] for _, scores in fused]
        assert values == sorted(values, reverse=True)


@given(scored)
def test_one_list_alone_keeps_its_order_up_to_ties(dense: list[Scored]):
    fused = convex({"dense": dense}, weights={"dense": 1.0})
    assert [scores["dense"] for _, scores in fused] == [one.score for one in dense]


@given(scored, scored, st.floats(0.01, 100))
def test_convex_does_not_care_for_the_scale_of_a_list(dense: list[Scored], lexical: list[Scored], factor: float):
    weights = {"dense": 0.6, "lexical": 0.4}
    scaled = [Scored(one.id, one.score * factor) for one in lexical]
    plain = {id_: scores["fused"] for id_, scores in convex({"dense": dense, "lexical": lexical}, weights=weights)}
    again = {id_: scores["fused"] for id_, scores in convex({"dense": dense, "lexical": scaled}, weights=weights)}
    assert plain.keys() == again.keys()
    assert all(plain[id_] == pytest.approx(again[id_], abs=1e-9) for id_ in plain)
