"""How the scores compare with BM25's."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexical_entries import CONTEXT, entry
from qdrant_engine import EnginePlace
from ragstone.connectors.qdrant import QdrantIndex
from ragstone.connectors.qdrant.weights import K1, LENGTH, B, _dimension, asked, written
from ragstone.testing import lexical
from ragstone.testing.lexical import MemoryLexicalIndex
from ragstone.types import Entry


def of_length(name: str, words: str, length: int) -> Entry:
    return entry(name, " ".join([*words.split(), *(f"{name}{at}" for at in range(length - len(words.split())))]))


ENTRIES = [
    of_length("a", "apple apple pear", LENGTH),
    of_length("b", "apple", LENGTH // 2),
    of_length("c", "apple apple apple", LENGTH * 3 // 2),
    of_length("d", "pear", LENGTH),
]


@pytest.mark.parametrize("engine", [False, True])
async def test_where_the_mean_length_is_the_constant_it_is_bm25(tmp_path: Path, engine: bool) -> None:
    assert sum(len(one.terms) for one in ENTRIES) / len(ENTRIES) == LENGTH
    index, exact = QdrantIndex(), MemoryLexicalIndex()
    if engine:
        index._collection.place = EnginePlace(tmp_path)
    for each in (index, exact):
        await each.upsert(ENTRIES, context=CONTEXT)
    for terms in (["apple"], ["apple", "pear"], ["pear", "pear", "apple"]):
        expected = {one.id: one.score for one in await exact.search(terms, k=9, context=CONTEXT)}
        found = {one.id: one.score for one in await index.search(terms, k=9, context=CONTEXT)}
        assert found == pytest.approx(expected, rel=1e-5)
    await index.close()


async def test_elsewhere_it_is_bm25_with_the_parameters_that_the_module_names(monkeypatch: pytest.MonkeyPatch) -> None:
    short = [of_length(one.chunk.id, " ".join(one.terms[:3]), len(one.terms) // 3) for one in ENTRIES]
    mean = sum(len(one.terms) for one in short) / len(short)
    k1 = K1 * (1 - B + B * mean / LENGTH)
    monkeypatch.setattr(lexical, "K1", k1)
    monkeypatch.setattr(lexical, "B", B * mean / (LENGTH * (1 - B) + B * mean))
    index, exact = QdrantIndex(), MemoryLexicalIndex()
    for each in (index, exact):
        await each.upsert(short, context=CONTEXT)
    expected = {one.id: one.score for one in await exact.search(["apple", "pear"], k=9, context=CONTEXT)}
    found = {one.id: one.score for one in await index.search(["apple", "pear"], k=9, context=CONTEXT)}
    factor = (K1 + 1) / (k1 + 1)  # the same for every chunk, so it changes no rank
    assert found == pytest.approx({name: score * factor for name, score in expected.items()}, rel=1e-5)
    await index.close()


def test_a_term_has_the_same_dimension_in_every_process() -> None:
    assert [_dimension(term) for term in ("apple", "größe", "日本")] == [2596887955, 2700527704, 3460816826]


@given(st.lists(st.text(max_size=4), max_size=30))
def test_every_term_has_a_weight_and_every_dimension_stands_once(terms: list[str]) -> None:
    weights = written(terms)
    assert weights.keys() == asked(terms).keys() == {_dimension(term) for term in terms}
    assert list(weights) == sorted(weights)
    assert all(0 < weight < K1 + 1 and math.isfinite(weight) for weight in weights.values())
    assert all(0 <= at < 2**32 for at in weights)


def test_terms_that_share_a_dimension_count_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragstone.connectors.qdrant.weights._dimension", lambda term: 7)
    assert asked(["apple", "pear", "pear"]) == {7: 3.0}
    assert written(["apple", "pear"]) == written(["pear", "pear"])


@pytest.mark.parametrize("engine", [False, True])
async def test_a_chunk_without_terms_is_kept(tmp_path: Path, engine: bool) -> None:
    index = QdrantIndex()
    if engine:
        index._collection.place = EnginePlace(tmp_path)
    await index.upsert([entry("a", "apple"), entry("blank", "")], context=CONTEXT)
    assert sorted(await index.ids(context=CONTEXT)) == ["a", "blank"]
    assert [one.id for one in await index.search(["apple"], k=9, context=CONTEXT)] == ["a"]
    await index.delete(["a", "blank"], context=CONTEXT)
    assert await index.count(context=CONTEXT) == 0
    await index.close()
