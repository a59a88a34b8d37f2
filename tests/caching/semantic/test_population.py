"""The nearest questions are found as a search of all of them would find them, whatever came and went before."""

from __future__ import annotations

import asyncio
import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ragstone.caching.semantic.population import Population, Remembered

DIMENSIONS, LIMIT = 8, 90


def unit_vectors(rows: int, dimensions: int) -> np.ndarray:
    found = np.random.default_rng(rows).normal(size=(rows, dimensions)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


VECTORS = unit_vectors(400, DIMENSIONS)


def question(number: int) -> Remembered:
    return Remembered(number.to_bytes(4), f"question {number}", VECTORS[number])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 399)), max_size=600), st.integers(0, 399))
def test_a_population_finds_what_an_ordered_dict_would(changes: list[tuple[bool, int]], asked: int) -> None:
    population, plain = Population(dimensions=DIMENSIONS, limit=LIMIT), dict[bytes, Remembered]()
    for adds, number in changes:
        one = question(number)
        if adds:
            plain.setdefault(one.key, one)
            oldest = list(plain)[: max(0, len(plain) - LIMIT)]
            assert population.add(one) == oldest
            for key in oldest:
                del plain[key]
        else:
            plain.pop(one.key, None)
            population.remove([one.key])
    assert population.keys == list(plain)
    found = asyncio.run(population.nearest(VECTORS[asked], k=5, least=0.2))
    scores = {one.key: float(one.vector @ VECTORS[asked]) for one in plain.values()}
    wanted = sorted((score for score in scores.values() if score >= 0.2), reverse=True)[:5]
    np.testing.assert_allclose([score for _, score in found], wanted, atol=1e-5)
    for one, score in found:
        assert abs(scores[one.key] - score) < 1e-5


async def test_a_large_population_is_searched_in_a_thread_and_finds_the_same() -> None:
    rows = unit_vectors(4_000, 384)
    population = Population(dimensions=384, limit=10_000)
    for number, row in enumerate(rows):
        population.add(Remembered(number.to_bytes(4), str(number), row))
    found = await population.nearest(rows[1234], k=3, least=0.99)
    assert [one.question for one, _ in found] == ["1234"]


async def test_what_is_removed_while_it_is_searched_is_not_found() -> None:
    rows = unit_vectors(4_000, 384)
    population = Population(dimensions=384, limit=10_000)
    for number, row in enumerate(rows):
        population.add(Remembered(number.to_bytes(4), str(number), row))
    searching = asyncio.create_task(population.nearest(rows[7], k=1, least=0.99))
    await asyncio.sleep(0)
    population.remove([(7).to_bytes(4)])
    assert await searching == []


def test_the_size_counts_a_vector_as_often_as_it_is_held() -> None:
    rows = unit_vectors(4_000, 384)
    tracemalloc.start()
    try:
        population = Population(dimensions=384, limit=10_000)
        for number, row in enumerate(rows):
            population.add(Remembered(number.to_bytes(4), str(number), row.copy()))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.85 * held < population.size <= held
