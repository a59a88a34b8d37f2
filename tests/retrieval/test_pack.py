"""What fits into a prompt, and in which order it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.retrieval.pack import Order, estimated, ordered, pack
from ragstone.testing.suites.samples import chunk
from ragstone.types import Chunk, Hit

lengths = st.lists(st.integers(1, 30), max_size=10)


def hits(lengths: list[int]) -> list[Hit]:
    """Hits by rank, each so many characters long."""
    return [
        Hit(replace(chunk(f"c{at}"), text="x" * length), at, {"final": 1 / at}) for at, length in enumerate(lengths, 1)
    ]


def size(one: Chunk) -> int:
    return len(one.text)


def test_what_does_not_fit_is_passed_over_for_the_next():
    found = pack(hits([5, 9, 4, 3, 2]), tokens=12, count=size)
    assert [(hit.chunk.id, hit.rank) for hit in found] == [("c1", 1), ("c3", 2), ("c4", 3)]
    assert found[1].scores == {"final": 1 / 3}


def test_the_first_stays_even_where_it_alone_is_too_long():
    assert [hit.chunk.id for hit in pack(hits([50, 1]), tokens=10, count=size)] == ["c1"]
    assert pack([], tokens=10, count=size) == []


def test_the_room_may_be_filled_to_the_last_token():
    assert len(pack(hits([5, 5]), tokens=10, count=size)) == 2
    assert len(pack(hits([5, 6]), tokens=10, count=size)) == 1


@given(lengths, st.integers(1, 100))
def test_what_is_kept_fits_and_what_is_left_out_would_not(sizes: list[int], room: int):
    given_hits = hits(sizes)
    found = pack(given_hits, tokens=room, count=size)
    ids = [hit.chunk.id for hit in found]
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
    assert ids == [hit.chunk.id for hit in given_hits if hit.chunk.id in ids]
    assert sum(size(hit.chunk) for hit in found) <= max(room, sizes[0] if sizes else 0)
    for at, hit in enumerate(given_hits):
        before = sum(size(other.chunk) for other in given_hits[:at] if other.chunk.id in ids)
        assert (hit.chunk.id in ids) == (at == 0 or before + size(hit.chunk) <= room)


def test_the_best_stand_at_the_edges():
    for count in range(7):
        ranks = [hit.rank for hit in ordered(hits([1] * count), "edges")]
        left, right = ranks[: (count + 1) // 2], ranks[(count + 1) // 2 :]
        assert left == list(range(1, count + 1, 2))
        assert right[::-1] == list(range(2, count + 1, 2))


def test_passages_of_a_document_stand_together_as_they_stand_in_it():
    places = [("b", 40), ("a", 10), ("b", 0), ("c", 5), ("a", 2)]
    found = [
        Hit(replace(chunk(f"{name}{start}"), document_id=name, start=start), rank, {})
        for rank, (name, start) in enumerate(places, 1)
    ]
    assert [hit.chunk.id for hit in ordered(found, "source")] == ["b0", "b40", "a2", "a10", "c5"]


@given(lengths, st.sampled_from(get_args(Order)))
def test_an_order_loses_nothing_and_ranks_stay(sizes: list[int], by: Order):
    given_hits = hits(sizes)
    found = ordered(given_hits, by)
    assert sorted(found, key=lambda hit: hit.rank) == given_hits
    assert found is not given_hits


@pytest.mark.parametrize(
    ("text", "context", "tokens"), [("", "", 0), ("abcd", "", 1), ("abcde", "", 2), ("abc", "n", 2)]
)
def test_without_a_tokenizer_four_characters_are_a_token(text: str, context: str, tokens: int):
    assert estimated(replace(chunk("c"), text=text, context=context)) == tokens
