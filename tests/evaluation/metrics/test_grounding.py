"""Claims and citations, counted over kept answers by the grounding check itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcomes import NoTools, answered, case, passage, searched
from ragstone.evaluation.metrics.grounding import counted
from ragstone.evaluation.metrics.known import metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.testing import HashingEmbedder

SHIPS = "The halibut ships on 3 May 2031. Boxes are blue."
WEIGHS = "The fish weighs nine kilograms. It is sold in Oslo."
COAT = "The rule says: bring a coat to the cold store."
HITS = [passage("ships.md", SHIPS), passage("weighs.md", WEIGHS, 100), passage("coat.md", COAT)]


def cites(uri: str, quote: str, start: int = 0, heading: str | None = None) -> dict[str, Any]:
    return {"uri": uri, "quote": quote, "start": start, "end": start + len(quote), "heading": heading}


CITED = [cites("ships.md", SHIPS[:32]), cites("weighs.md", WEIGHS[:31], 100)]


def said(text: str, **more: Any) -> Outcome:
    return answered(text, **{"hits": HITS, "citations": CITED, **more})


@pytest.mark.parametrize("embedder", [None, HashingEmbedder()])
@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("The halibut ships on 3 May 2031 [1].", (1, 1, 1, 1)),
        ("The halibut ships on 3 May 2031. [1]", (1, 1, 1, 1)),
        ("The halibut ships on 3 May 2031 [2].", (1, 1, 0, 0)),  # a passage says it, and not the one that it cites
        ("The halibut ships on 3 May 2031 [1][2].", (1, 1, 1, 1)),
        ("The halibut ships on 3 May 2031 [1, 2].", (1, 1, 1, 1)),
        ("The halibut ships on 3 May 2031.", (1, 1, 0, 0)),
        ("The halibut ships on 7 June 2031 [1].", (1, 0, 0, 0)),
        ("The halibut has twelve legs [1][2].", (1, 0, 0, 0)),
        ("The rule says to bring a coat to the cold store [1].", (1, 1, 0, 0)),
        ("The halibut ships on 3 May 2031 [1]. The fish weighs nine kilograms [2].", (2, 2, 2, 2)),
        ("# Shipping\n\nHere is the answer:\n\n- The halibut ships on 3 May 2031 [1].\n- Why not?", (1, 1, 1, 1)),
        ("The halibut ships on 3 May 2031 [1].\n\n```\nfor box in boxes:\n    print(box)\n```\n", (1, 1, 1, 1)),
        ("Here it is:", (0, 0, 0, 0)),
        ("", (0, 0, 0, 0)),
    ],
)
async def test_claims_and_their_citations_are_counted(text: str, counts: tuple[int, ...], embedder: Any):
    assert await counted(said(text), embedder=embedder) == counts


async def test_a_claim_that_two_passages_hold_together_is_supported_by_neither_citation_alone():
    hits = [passage("a", "The halibut was caught near Bergen."), passage("b", "The halibut was frozen on 3 May 2031.")]
    both = answered(
        "The halibut was caught near Bergen, and frozen on 3 May 2031 [1][2].",
        hits=hits,
        citations=[cites("a", hits[0]["text"]), cites("b", hits[1]["text"])],
    )
    claims, supported, cited, good = await counted(both)
    assert (claims, good) == (1, 0)
    assert supported >= cited


async def test_the_heading_of_a_citation_is_evidence():
    hits = [passage("a", "It ships on 3 May 2031.")]
    text = "The Halibut ships on 3 May 2031 [1]."
    for heading, good in (("Halibut", 1), (None, 0)):
        outcome = answered(text, hits=hits, citations=[cites("a", hits[0]["text"], heading=heading)])
        assert (await counted(outcome))[3] == good


async def test_a_quote_that_is_in_no_hit_is_its_own_passage():
    outcome = answered("The halibut ships on 3 May 2031 [1].", hits=[HITS[2]], citations=[CITED[0]])
    assert await counted(outcome) == (1, 1, 1, 1)


async def test_what_nothing_here_reads_is_not_supported():
    assert await counted(said("这种鱼很重要，因为人们喜欢吃它 [1]。")) == (1, 0, 0, 0)


async def test_without_passages_nothing_is_supported():
    assert await counted(said("The halibut ships on 3 May 2031.", hits=[], citations=[])) == (1, 0, 0, 0)


async def test_an_abstention_and_a_search_claim_nothing():
    assert await counted(said("The halibut ships on 3 May 2031.", abstained=True)) == (0, 0, 0, 0)
    assert await counted(searched(["a"], case())) == (0, 0, 0, 0)


sentences = st.sampled_from(
    ["The halibut ships on 3 May 2031", "The fish weighs nine kilograms", "The eel has twelve legs", "Bring a coat"]
)
marks = st.lists(st.sampled_from(["[1]", "[2]"]), max_size=3).map("".join)


@settings(max_examples=40)
@given(st.lists(st.tuples(sentences, marks), max_size=4))
async def test_what_a_citation_supports_a_passage_supports(made: list[tuple[str, str]]):
    outcome = said(" ".join(f"{text} {mark}." for text, mark in made))
    claims, supported, cited, good = await counted(outcome)
    assert 0 <= cited <= supported <= claims == len(made)
    assert 0 <= good <= sum(len(set(mark.split("]"))) - 1 for _, mark in made if mark)
    rows = [
        await metric(name).row(outcome, NoTools(counts=(claims, supported, cited, good)))
        for name in ("supported", "citation_recall", "citation_precision")
    ]
    assert all(row is None or 0 <= row[0] <= 1 for row in rows)
    assert (rows[0] is None) == (not made)
    assert (rows[2] is None) == (not any(mark for _, mark in made))


async def test_shares_are_of_claims_and_of_citations():
    outcome = said(
        "The halibut ships on 3 May 2031 [1]. The eel has twelve legs [1][2]. The fish weighs nine kilograms."
    )
    tools = NoTools(counts=await counted(outcome))
    assert tools.counts == (3, 2, 1, 1)
    names = ("supported", "citation_recall", "citation_precision")
    found = [await metric(name).row(outcome, tools) for name in names]
    assert found == [(2 / 3,), (1 / 3,), (1 / 3,)]


async def test_citations_that_point_into_a_relevant_document_are_right():
    right = metric("cited_right")
    for text, citations, relevant, row in (
        ("Said [1][2].", CITED, ["ships.md"], (0.5,)),
        ("Said [1][2].", CITED, ["ships.md", "weighs.md", "coat.md"], (1.0,)),
        ("Said.", [], ["ships.md"], None),
    ):
        outcome = answered(text, case(relevant=relevant), hits=HITS, citations=citations)
        assert await right.row(outcome, NoTools()) == row
    assert await right.row(said("Said [1].", abstained=True), NoTools()) is None
