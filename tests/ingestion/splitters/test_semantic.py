"""Pieces that end where the words change."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ragstone.ingestion.splitters.semantic import SemanticSplitter, _costs, _words
from ragstone.testing import HashingEmbedder
from ragstone.text.language import detect
from ragstone.types import Document

FISH = (
    "The cod swims in cold water. Cod eat smaller fish, and large cod eat young cod. Fishing boats catch cod with nets."
    " A net holds a ton of fish. Cold water keeps the fish fresh on the boats."
)
RAIL = (
    "The railway opened its second line. Trains on the line reach the station each hour. A station master counts the"
    " trains. Every train waits at the station until the signal of the line is green. The railway sells tickets there."
)


def cut(text: str, size: int = 200) -> list[str]:
    facts = {"id": "d", "source": "s", "uri": "s/d", "title": "", "media_type": "text/plain", "content_hash": ""}
    document = Document(**facts, text=text)
    splitter = SemanticSplitter(embedder=HashingEmbedder(), size=size)
    return [text[piece.start : piece.end] for piece in splitter.split(document)]


def test_a_piece_ends_where_the_words_change():
    for text in (f"{FISH} {RAIL}", f"{RAIL} {FISH}"):
        pieces = cut(text)
        assert 2 <= len(pieces) <= 4, "few of ten sentences stand alone"
        assert not any("cod" in piece.casefold() and "train" in piece.casefold() for piece in pieces)


def test_sentences_of_the_same_words_stay_together():
    same = "The cod eats the herring. The herring flees the cod. A cod finds a herring. The cod and the herring swim."
    assert cut(same) == [same]


def test_no_piece_is_larger_than_the_size():
    assert all(len(piece.split()) <= 16 for piece in cut(f"{FISH} {RAIL}", size=16))


def test_chinese_is_cut_where_the_subject_changes():
    fish = "鳕鱼吃小鱼。大鳕鱼吃小鳕鱼。小鳕鱼吃小鱼。大鳕鱼吃小鱼。"
    rail = "列车到达车站。列车停在车站。车站的列车开往城市。城市的车站有列车。"
    assert cut(fish + rail) == [fish, rail]


def _spent(words: list[list[str]], cuts: tuple[int, ...]) -> float:
    """What a segmentation costs, straight from the formula."""
    vocabulary = len({word for some in words for word in some})
    edges = [0, *cuts, len(words)]
    spent = 0.0
    for first, last in pairwise(edges):
        segment = [word for some in words[first:last] for word in some]
        chances = [(segment.count(word) + 1) / (len(segment) + vocabulary) for word in segment]
        spent += math.log(max(2, sum(map(len, words)))) - sum(map(math.log, chances))
    return spent


@given(
    st.lists(st.lists(st.sampled_from(["cod", "net", "rail", "train", "signal"]), min_size=1), min_size=1, max_size=7)
)
def test_no_other_segmentation_costs_less(words: list[list[str]]):
    spoken = [" ".join(["Then", *sentence]) + "." for sentence in words]
    text = " ".join(spoken)
    words = [_words(sentence, detect(text)) for sentence in spoken]  # some of these texts are read as French
    pieces = cut(text, size=254)
    lengths = [piece.count(".") for piece in pieces]
    found = tuple(sum(lengths[: at + 1]) for at in range(len(lengths) - 1))
    all_cuts = [cuts for count in range(len(words)) for cuts in combinations(range(1, len(words)), count)]
    assert _spent(words, found) <= min(_spent(words, cuts) for cuts in all_cuts) + 1e-9


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=1, max_size=6))
def test_the_costs_are_those_of_the_formula(words: list[list[str]]):
    for count, cost in enumerate(_costs(words, 0, 3), 1):
        segment = [word for some in words[:count] for word in some]
        direct = -sum(math.log((segment.count(word) + 1) / (len(segment) + 3)) for word in segment)
        assert math.isclose(cost, direct, abs_tol=1e-9)
