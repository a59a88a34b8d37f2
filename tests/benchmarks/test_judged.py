"""The few lines that judge rankings and spans for all sides count as Ragstone's own metrics and trec_eval do."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rows.retrieving.judged import ndcg, overlap

from ragstone.evaluation.metrics.ranking import ranking
from ragstone.evaluation.metrics.spans import overlap as own_overlap

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair))), min_size=1)


@given(
    ranked=st.lists(st.sampled_from("abcdefghijklmnop"), unique=True),
    relevant=st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.integers(1, 4), min_size=1),
)
def test_ndcg_is_that_of_trec_eval(ranked: list[str], relevant: dict[str, int]) -> None:
    assume(ranked)
    scores = {name: float(-place) for place, name in enumerate(ranked)}
    theirs = ranking({"q": scores}, {"q": relevant})["q"]["ndcg@10"]
    assert ndcg(ranked, relevant) == pytest.approx(theirs, abs=1e-6)


@given(found=SPANS, right=SPANS)
def test_recall_and_iou_are_those_of_the_evaluation(found: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    theirs = own_overlap(found, right)
    assert overlap(found, right) == pytest.approx((theirs["recall"], theirs["iou"]))
