"""What is read in a model's answer, and how several rankings are joined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.retrieval.fuse import Fused
from ragstone.retrieval.rewrite import LONGEST, LONGEST_PASSAGE, merged, one_query, passage, queries

ASKED = "How long is a chunk?"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("chunk size\nlength of a chunk", ["chunk size", "length of a chunk"]),
        ("1. chunk size\n2) length of a chunk", ["chunk size", "length of a chunk"]),
        ("- chunk size\n• length of a chunk\n* tokens", ["chunk size", "length of a chunk", "tokens"]),
        ('"chunk size",\n“length of a chunk”\n«tokens»', ["chunk size", "length of a chunk", "tokens"]),
        ("Here are four variants:\n\nchunk size\n", ["chunk size"]),
        ("**chunk size**\nQuestion 2: length of a chunk", ["chunk size", "length of a chunk"]),
        ('["chunk size", "length of a chunk", 3]', ["chunk size", "length of a chunk"]),
        ('```json\n{"queries": ["chunk size"]}\n```', ["chunk size"]),
        ("<think>They want\nthe size.</think>\nchunk size", ["chunk size"]),
        ("<think>and it never ended", []),
        ("问题1：文本块的大小\n“文本块多长”", ["文本块的大小", "文本块多长"]),
        ("3.5 mm jacks of 2031", ["3.5 mm jacks of 2031"]),
        ("2031 budget\n1984", ["2031 budget", "1984"]),
        ("chunk size\nCHUNK SIZE!\nhow long is a chunk", ["chunk size"]),
        ("…\n---\n***\n\n", []),
        ("", []),
        ("x" * (LONGEST + 1), []),
        ("{broken json", ["{broken json"]),
        ("[" * 100_000, []),
    ],
)
def test_lines_and_lists_become_queries_without_what_stands_around_them(said: str, found: list[str]):
    assert queries(said, most=8, besides=[ASKED]) == found


def test_there_are_at_most_as_many_as_were_wanted():
    assert queries("a1\nb2\nc3", most=2) == ["a1", "b2"]


def test_a_line_that_was_cut_off_is_none():
    assert queries("chunk size\nlength of a ch", most=4, cut=True) == ["chunk size"]


def test_one_query_is_one_line_and_no_other():
    assert one_query("“How many days of leave do interns have?”\n") == "How many days of leave do interns have?"
    assert one_query("One.\nTwo.") is None
    assert one_query("How many days of leave do int", cut=True) is None
    assert one_query("¯\\_(ツ)_/¯?!") is not None  # a letter is a word of some script
    assert one_query("?!") is None


def test_a_passage_is_one_line_of_bounded_length():
    assert passage('"A chunk holds\n\n200 tokens."') == "A chunk holds 200 tokens."
    assert passage("…") is None
    assert len(passage("word " * LONGEST_PASSAGE) or "") <= LONGEST_PASSAGE


@given(st.text(max_size=400), st.integers(1, 8))
def test_whatever_a_model_says_the_queries_are_few_short_and_distinct(said: str, most: int):
    found = queries(said, most=most, besides=[ASKED])
    assert len(found) <= most
    assert all(one.strip() and len(one) <= LONGEST and "\n" not in one for one in found)
    assert len({one.casefold() for one in found}) == len(found)


# ── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def ranking(*names: str) -> Fused:
    return [(name, {"fused": 1 / place}) for place, name in enumerate(names, 1)]


names = st.lists(st.sampled_from("abcdefghijklmnop"), unique=True, max_size=12)
rankings = names.flatmap(
    lambda own: st.lists(
        st.tuples(names, st.sampled_from(["multi_query", "hyde", "decompose", "asked"])), max_size=6
    ).map(lambda others: ([ranking(*own), *(ranking(*one) for one, _ in others)], [way for _, way in others]))
)


@given(rankings)
def test_half_of_the_first_hits_are_the_first_of_the_question_itself(made: tuple[list[Fused], list[str]]):
    every, ways = made
    found = [id_ for id_, _ in merged(every, ways=ways)]
    own = [id_ for id_, _ in every[0]]
    for most in range(1, len(own) + 1):
        assert set(own[:most]) <= set(found[: 2 * most])


def test_many_parts_leave_every_second_place_to_the_question_itself():
    own, parts = ranking(*"abcd"), [ranking(name) for name in "stuvwxyz"]
    found = [id_ for id_, _ in merged([own, *parts], ways=["decompose"] * len(parts))]
    assert [found.index(name) for name in "abcd"] == [0, 1, 5, 7]


@given(rankings)
def test_each_hit_is_there_once_and_scores_fall(made: tuple[list[Fused], list[str]]):
    every, ways = made
    found = merged(every, ways=ways)
    assert sorted(id_ for id_, _ in found) == sorted({id_ for one in every for id_, _ in one})
    scores = [own["fused"] for _, own in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


@given(names)
def test_without_other_queries_a_ranking_stays_as_it_is(own: list[str]):
    assert merged([ranking(*own)], ways=[]) == ranking(*own)


@given(rankings)
def test_queries_that_find_nothing_change_no_order(made: tuple[list[Fused], list[str]]):
    every, _ = made
    alone = [id_ for id_, _ in merged([every[0]], ways=[])]
    assert [id_ for id_, _ in merged([every[0], [], []], ways=["hyde", "multi_query"])] == alone


def test_what_several_ways_find_stands_above_what_one_finds():
    found = merged([ranking("a", "b", "c", "d"), ranking("d"), ranking("d", "c")], ways=["hyde", "step_back"])
    assert [id_ for id_, _ in found] == ["a", "d", "b", "c"]
    assert {"hyde", "step_back"} <= dict(found)["d"].keys()
    assert "hyde" not in dict(found)["a"]


def test_each_part_of_a_question_brings_its_own_passages():
    own = ranking("both")
    parts = [ranking("spain", "x"), ranking("portugal", "y")]
    found = dict(merged([own, *parts], ways=["decompose", "decompose"]))
    assert found["spain"]["fused"] == found["portugal"]["fused"] > found["x"]["fused"]
    same = dict(merged([own, *parts], ways=["multi_query", "multi_query"]))
    assert same["spain"]["fused"] < found["spain"]["fused"]


@pytest.mark.parametrize(
    "noise", ["\n" * 300_000, "q" + " " * 300_000 + "!", "```\n" * 100_000, "- " * 200_000, "(" * 300_000]
)
def test_an_answer_of_noise_is_read_in_one_pass(noise: str) -> None:
    """With the square of its length this test would never end."""
    assert queries(f"chunk size\n{noise}\n", most=1) == ["chunk size"]
    assert len(queries(f"{noise}a", most=4)) <= 1
    assert passage(f"A chunk holds 200 tokens.\n{noise}") is not None
