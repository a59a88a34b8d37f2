"""Rankings, held against pytrec_eval, against values made by hand, and against what a better order must not do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from outcomes import NoTools, answered, case, passage, searched
from ragstone.evaluation.cases import Evidence
from ragstone.evaluation.datasets.runs import by_document
from ragstone.evaluation.metrics.known import metric
from ragstone.evaluation.metrics.ranking import (
    average_precision,
    hit,
    ndcg,
    precision,
    ranking,
    recall,
    reciprocal_rank,
)
from ragstone.testing.suites.samples import chunk
from ragstone.types import Hit

FIGURES = {
    "ndcg": (ndcg, "ndcg_cut"),
    "recall": (recall, "recall"),
    "precision": (precision, "P"),
    "map": (average_precision, "map_cut"),
    "hit": (hit, "success"),
}

names = st.integers(0, 30).map("d{}".format)
runs = st.dictionaries(names, st.integers(0, 8).map(lambda n: n / 4), max_size=25)  # with many ties
judgements = st.dictionaries(names, st.integers(-1, 3), min_size=1, max_size=15)
depths = st.integers(1, 30)
orders = st.permutations([f"d{at}" for at in range(12)])


def by_trec(found: dict[str, float], grades: dict[str, int], k: int) -> dict[str, float]:
    """All figures at `k` as trec_eval counts them; it leaves out a question for which nothing was found."""
    asked = {f"{theirs}.{k}" for _, theirs in FIGURES.values()}
    judge = pytrec_eval.RelevanceEvaluator({"q": grades}, asked)
    figures: dict[str, Any] = judge.evaluate({"q": found}).get("q", {})
    best = sorted(found.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:k]
    cut = pytrec_eval.RelevanceEvaluator({"q": grades}, {"recip_rank"}).evaluate({"q": dict(best)}).get("q", {})
    counted = {ours: figures.get(f"{theirs}_{k}", 0.0) for ours, (_, theirs) in FIGURES.items()}
    return {**counted, "mrr": cut.get("recip_rank", 0.0)}


@settings(max_examples=150)
@given(runs, judgements, depths)
def test_every_figure_is_that_of_trec_eval(found: dict[str, float], grades: dict[str, int], k: int):
    order = sorted(found, key=lambda name: (found[name], name), reverse=True)
    ours = {name: figure(order, grades, k) for name, (figure, _) in FIGURES.items()}
    ours["mrr"] = reciprocal_rank(order, grades, k)
    theirs = by_trec(found, grades, k)
    assert ours == pytest.approx(theirs)
    shown = ranking({"q": found}, {"q": grades}, k=k)["q"]
    assert shown == pytest.approx({f"{name}@{k}": theirs[name] for name in ("ndcg", "recall", "mrr")})


def test_a_ranking_by_hand():
    found = {"q": {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}}
    figures = ranking(found, {"q": {"b": 2, "d": 1, "e": 1}})["q"]
    gained = 2 / math.log2(3) + 1 / math.log2(5)
    best = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert figures == pytest.approx({"ndcg@10": gained / best, "recall@10": 2 / 3, "mrr@10": 1 / 2})


def test_what_comes_after_the_last_place_does_not_count():
    found = {"q": {f"d{at:02}": 1 / (1 + at) for at in range(20)}}
    assert ranking(found, {"q": {"d09": 1}})["q"]["mrr@10"] == pytest.approx(1 / 10)
    assert ranking(found, {"q": {"d10": 1}})["q"] == {"ndcg@10": 0, "recall@10": 0, "mrr@10": 0}
    assert ranking(found, {"q": {"d10": 1}}, k=11)["q"]["mrr@11"] == pytest.approx(1 / 11)


def test_of_documents_with_one_score_the_later_id_comes_first():
    found = {"q": {f"d{(7 * at) % 12:02}": 1.0 for at in range(12)}}
    places = {name: ranking(found, {"q": {name: 1}})["q"]["mrr@10"] for name in found["q"]}
    assert places == pytest.approx({f"d{at:02}": 1 / (12 - at) if at >= 2 else 0 for at in range(12)})


def test_a_question_without_a_hit_counts_nothing():
    assert ranking({"q": {}}, {"q": {"a": 1}, "p": {"a": 1}}) == {
        "q": {"ndcg@10": 0, "recall@10": 0, "mrr@10": 0},
        "p": {"ndcg@10": 0, "recall@10": 0, "mrr@10": 0},
    }


@given(orders, judgements, depths, st.integers(1, 11))
def test_a_relevant_document_that_moves_up_lowers_no_figure(order: list[str], grades: dict[str, int], k: int, at: int):
    better = list(order)
    better[at - 1 : at + 1] = sorted(order[at - 1 : at + 1], key=lambda name: -max(grades.get(name, 0), 0))
    for figure in (ndcg, recall, precision, average_precision, hit, reciprocal_rank):
        assert 0 <= figure(order, grades, k) <= figure(better, grades, k) + 1e-12 <= 1 + 1e-9


def test_a_document_stands_where_its_best_chunk_does():
    order = ["b", "a", "b", "c", "a"]
    hits = [Hit(replace(chunk(f"c{at}"), uri=uri), at, {}) for at, uri in enumerate(order, 1)]
    found = by_document(hits)
    assert sorted(found, key=lambda uri: -found[uri]) == ["b", "a", "c"]
    assert len(set(found.values())) == 3
    assert by_document([]) == {}


async def test_a_metric_judges_documents_by_their_best_passage_and_their_best_grade():
    given = case(relevant=(Evidence(uri="b", grade=1, start=0, end=1), Evidence(uri="b", grade=2), Evidence(uri="z")))
    outcome = searched(["a", "a", "b", "a", "b", "c"], given)
    grades, order = {"b": 2, "z": 1}, ["a", "b", "c"]
    for name, (figure, _) in {**FIGURES, "mrr": (reciprocal_rank, "")}.items():
        for k in (1, 2, 10):
            assert await metric(f"{name}@{k}").row(outcome, NoTools()) == (figure(order, grades, k),)


async def test_an_abstention_is_judged_by_what_was_found():
    outcome = answered("", case(relevant=["a"]), hits=[passage("a")], abstained=True)
    assert await metric("hit@1").row(outcome, NoTools()) == (1.0,)
