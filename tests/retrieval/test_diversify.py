"""The same thing is not said twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.retrieval.diversify import AGREEING, apart, capped, distinct, marginal

LONG = "The halibut project ships on the third of May, and Ana Ruiz leads it with two others from the office in Vigo."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LONG, LONG),
        (LONG, LONG.upper()),
        (LONG, f"  {LONG.replace(' ', chr(10))}!"),
        ("Ana leads it.", "ana leads it"),
        ("比目鱼项目将于2031年5月3日发布。", "比目鱼项目将于2031年5月3日发布"),
        ("…", "…"),
    ],
)
def test_of_texts_that_differ_in_form_alone_the_first_counts(one: str, other: str):
    assert distinct([one, "Turbot is another fish.", other]) == [0, 1]
    assert distinct([other, one]) == [0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LONG, LONG.replace("Ana Ruiz", "Bo Lind").replace("Vigo", "Oslo")),
        (LONG, LONG[: len(LONG) // 3]),
        ("Ana leads it.", "Bo leads it."),
        ("比目鱼项目将于2031年5月3日发布。", "比目鱼项目将于2031年6月9日发布。"),
        ("…", "—"),
        ("", "x"),
    ],
)
def test_texts_that_say_something_else_both_count(one: str, other: str):
    assert distinct([one, other]) == [0, 1]


def test_how_alike_is_too_alike_is_for_the_caller_to_say():
    # 18 words of 20 are shared in their order: 15 of 19 shingles.
    one, other = (" ".join([f"w{at}" for at in range(18)] + ends) for ends in (["x", "y"], ["p", "q"]))
    assert distinct([one, other], alike=15 / 19) == [0]
    assert distinct([one, other], alike=15 / 19 + 0.01) == [0, 1]


def test_a_part_of_another_text_is_as_alike_as_it_is_long():
    words = [f"w{at}" for at in range(103)]  # 100 shingles
    for count in (20, 45, 93):
        whole, part = " ".join(words), " ".join(words[: count + 3])
        for least in (count / 100 - 0.01, count / 100):
            assert distinct([whole, part], alike=least) == distinct([part, whole], alike=least) == [0]
        assert distinct([whole, part], alike=count / 100 + 0.01) == [0, 1]


def test_it_looks_no_further_than_it_must():
    texts = ["one", "one", "two", "three", "three"]
    assert [distinct(texts, most=most) for most in (1, 2, 3, 9)] == [[0], [0, 2], [0, 2, 3], [0, 2, 3]]


def test_what_is_dropped_shadows_nothing():
    # The third is like the second, which is dropped, and not like the first.
    words = [f"w{at}" for at in range(60)]
    first, second, third = words[:50], words[3:53], words[6:56]
    texts = [" ".join(each) for each in (first, second, third)]
    assert distinct(texts, alike=0.85) == [0, 2]


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 4))
def test_at_most_so_many_of_each_document_in_their_order(documents: list[str], most: int):
    kept = capped(documents, most=most)
    assert kept == sorted(kept)
    counts = Counter(documents[at] for at in kept)
    assert counts == {name: min(most, count) for name, count in Counter(documents).items()}
    assert all(documents.index(name) in kept for name in set(documents))  # the first one is the best one


def slowly(scores: list[float], rows: Any, weight: float) -> list[int]:
    """Maximal marginal relevance, one comparison after the other; of equal ones the first."""
    low, high = min(scores), max(scores)
    own = [(score - low) / (high - low) if high > low else 1.0 for score in scores]
    taken: list[int] = []
    while len(taken) < len(scores):
        left = [at for at in range(len(scores)) if at not in taken]
        near = {at: max([0.0, *(float(rows[at] @ rows[other]) for other in taken)]) for at in left}
        taken.append(max(left, key=lambda at: (round((1 - weight) * own[at] - weight * near[at], 5), -at)))
    return taken


@given(
    scores=st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=8),
    turns=st.lists(st.integers(0, 11), min_size=8, max_size=8),
    weight=st.sampled_from([0.0, 0.2, 0.5, 0.9]),
)
def test_each_is_the_best_of_those_that_are_left(scores: list[float], turns: list[int], weight: float):
    angles = np.array(turns[: len(scores)]) * np.pi / 6
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = marginal(scores, rows, weight=weight, k=len(scores))
    expected = slowly(scores, rows, weight)
    assert sorted(found) == sorted(expected)

    def value(order: list[int], at: int) -> float:
        near = max([0.0, *(float(rows[order[at]] @ rows[other]) for other in order[:at])])
        low, high = min(scores), max(scores)
        own = (scores[order[at]] - low) / (high - low) if high > low else 1.0
        return (1 - weight) * own - weight * near

    # Rounding may break a tie another way, and from there on the orders differ: each choice must be as good.
    for at in range(len(scores)):
        assert value(found, at) == pytest.approx(value(expected, at), abs=1e-4)
        if found[at] != expected[at]:
            break


def test_a_double_of_the_best_comes_last():
    rows = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert marginal([1.0, 0.9, 0.2], rows, weight=0.0, k=3) == [0, 1, 2]
    assert marginal([1.0, 0.9, 0.2], rows, weight=0.6, k=3) == [0, 2, 1]
    assert marginal([1.0, 0.9, 0.2], rows, weight=0.6, k=2) == [0, 2]


def test_nothing_gives_nothing():
    assert distinct([]) == []
    assert capped([], most=1) == []
    assert marginal([], np.zeros((0, 2), np.float32), weight=0.5, k=3) == []


@given(
    st.lists(st.sampled_from([LONG, "cod", "eel and cod", "may"]), min_size=1, max_size=6), st.integers(1, 7), st.data()
)
def test_texts_whose_vectors_are_apart_are_all_distinct(texts: list[str], most: int, data: st.DataObject) -> None:
    size = len(texts)
    cosine = st.sampled_from([0.0, AGREEING, 0.95, 1.0])
    near = np.array(data.draw(st.lists(cosine, min_size=size * size, max_size=size * size))).reshape(size, size)
    near = np.maximum(near, near.T).astype(np.float32)  # beside the diagonal, too: who has no vector is not near itself
    if apart(near, most=most):
        assert distinct(texts, near=near, most=most) == list(range(most))
    assert apart(near, most=most) == (most <= size and not (np.triu(near[:most, :most], 1) > AGREEING).any())
    assert not apart(None, most=most)
