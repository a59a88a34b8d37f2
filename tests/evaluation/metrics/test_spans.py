"""Spans, held against sets of characters, against the definition of the paper, and against values made by hand."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes import NoTools, case, searched
from ragstone.errors import UsageError
from ragstone.evaluation.cases import Evidence
from ragstone.evaluation.metrics.known import metric
from ragstone.evaluation.metrics.spans import Overlap, Span, overlap, overlapping
from ragstone.evaluation.outcomes import Outcome, Passage

span = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda found: (found[0], found[0] + found[1]))
placed = st.tuples(st.sampled_from("abc"), span)


def passages(found: list[tuple[str, Span]]) -> list[Passage]:
    return [Passage(uri=uri, start=start, end=end, text="") for uri, (start, end) in found]


@given(st.lists(placed, max_size=6), st.lists(placed, min_size=1, max_size=4))
def test_spans_count_characters_of_every_document(found: list[tuple[str, Span]], right: list[tuple[str, Span]]):
    wanted = {(uri, at) for uri, (start, end) in right for at in range(start, end)}
    returned = Counter((uri, at) for uri, (start, end) in found for at in range(start, end))
    met, paid = len(wanted & set(returned)), returned.total()  # what comes twice is met once and paid for twice
    both = overlapping(passages(found), right)
    assert both == Overlap(met, len(wanted), paid)
    assert (both.recall, both.iou) == pytest.approx((met / len(wanted), met / (len(wanted) + paid - met)))
    assert both.precision == pytest.approx(met / paid if paid else 0.0)


@given(st.lists(placed, min_size=1, max_size=6), st.lists(placed, min_size=1, max_size=4), st.randoms())
def test_the_order_of_passages_does_not_matter(found: list[tuple[str, Span]], right: list[tuple[str, Span]], chance):
    before = overlapping(passages(found), right)
    chance.shuffle(found)
    chance.shuffle(right)
    assert overlapping(passages(found), right) == before
    assert 0 <= before.iou <= min(before.recall, before.precision) <= 1


@given(st.lists(placed, max_size=6), placed, st.lists(placed, min_size=1, max_size=4))
def test_one_more_passage_never_lowers_recall(found: list[tuple[str, Span]], more: tuple[str, Span], right):
    assert overlapping(passages([*found, more]), right).recall >= overlapping(passages(found), right).recall


def by_the_paper(found: list[Span], right: list[Span]) -> tuple[float, float, float]:
    """Recall, precision and IoU as Smith and Troynikov say them: excerpts that are cut away as chunks cover them."""
    unmet, met = set[int]().union(*(range(*one) for one in right)), set[int]()
    for start, end in found:
        for first, last in right:
            inside = set(range(max(start, first), min(end, last)))
            met |= inside
            unmet -= inside
    length, paid = sum(end - start for start, end in right), sum(end - start for start, end in found)
    return len(met) / length, len(met) / paid, len(met) / (paid + len(unmet))


def apart(spans: list[Span]) -> list[Span]:
    """Those that overlap none before them: the excerpts of one question do not."""
    kept: list[Span] = []
    for start, end in spans:
        if all(end <= first or last <= start for first, last in kept):
            kept.append((start, end))
    return kept


@given(st.lists(span, min_size=1, max_size=6), st.lists(span, min_size=1, max_size=4).map(apart))
def test_the_figures_are_those_of_the_paper(found: list[Span], right: list[Span]):
    assert tuple(overlap(found, right).values()) == pytest.approx(by_the_paper(found, right))


def test_overlap_by_hand():
    assert overlap([(0, 10), (20, 30)], [(5, 25)]) == {"recall": 0.5, "precision": 0.5, "iou": 1 / 3}
    assert overlap([(0, 10), (0, 10)], [(0, 10)]) == {"recall": 1.0, "precision": 0.5, "iou": 0.5}
    assert overlap([(0, 10)], [(0, 4), (2, 10)]) == {"recall": 1.0, "precision": 1.0, "iou": 1.0}
    assert overlap([], [(0, 4)]) == overlap([], []) == {"recall": 0.0, "precision": 0.0, "iou": 0.0}


def found(*passages: tuple[str, int, int]) -> list[dict[str, object]]:
    return [{"uri": uri, "start": start, "end": end, "text": "", "scores": {}} for uri, start, end in passages]


async def test_a_passage_of_another_document_is_returned_text_too():
    right = (Evidence(uri="a", start=0, end=10), Evidence(uri="b", start=5, end=15))
    hits = found(("a", 0, 20), ("c", 0, 10), ("b", 10, 20))
    outcome = Outcome(case=case(relevant=right), pipeline="answer", answer={"hits": hits})
    rows = {name: await metric(name).row(outcome, NoTools()) for name in ("span_recall", "span_precision", "span_iou")}
    assert rows == {"span_recall": (15 / 20,), "span_precision": (15 / 40,), "span_iou": (15 / 45,)}


async def test_spans_need_the_characters_of_every_relevant_document():
    spans = metric("span_recall")
    assert spans.applies(case(relevant=(Evidence(uri="a", start=0, end=1), Evidence(uri="b", quote="words"))))
    assert not spans.applies(case(relevant=(Evidence(uri="a", start=0, end=1), Evidence(uri="b"))))
    assert not spans.applies(case(expected=("x",)))
    with pytest.raises(UsageError, match="nowhere in its document"):
        await spans.row(searched(["a"], case(relevant=(Evidence(uri="a", quote="words"),))), NoTools())
