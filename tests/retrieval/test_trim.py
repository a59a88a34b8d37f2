"""Which sentences the question is about, and the run of them that is kept."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ragstone.compact import SCALE, WIDTH
from ragstone.retrieval.interaction import Asking, interact, rarity
from ragstone.retrieval.trim import Passage, cut, relevance, run, spans
from ragstone.types import Chunk, Document, Span

# ── The run ──────────────────────────────────────────────────────────────────────────────────────────────────────────

sentence = st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.integers(1, 200))


@given(st.lists(sentence, min_size=1, max_size=10), st.integers(0, 19).map(lambda n: n / 20))
def test_no_other_run_with_the_best_sentence_gains_more(given_ones: list[tuple[float, int]], threshold: float):
    scores, lengths = [score for score, _ in given_ones], [length for _, length in given_ones]
    top = scores.index(max(scores))

    def gain(first: int, last: int) -> float:
        return sum(lengths[at] * (scores[at] - threshold) for at in range(first, last))

    first, last = run(scores, lengths, threshold=threshold)
    runs = [(a, b) for a in range(top + 1) for b in range(top + 1, len(scores) + 1)]
    best = max(gain(a, b) for a, b in runs)
    assert gain(first, last) == pytest.approx(best)
    # Of runs that gain the same the shortest is taken: nobody reads what brings nothing.
    assert last - first == min(b - a for a, b in runs if gain(a, b) == pytest.approx(best, abs=1e-9))


@pytest.mark.parametrize(
    ("scores", "threshold", "expected"),
    [
        ([0.2, 1.0, 0.2], 0.68, (1, 2)),
        ([0.7, 1.0, 0.7], 0.68, (0, 3)),
        ([0.9, 0.5, 1.0, 0.1], 0.68, (0, 3)),  # a weak sentence between two good ones is read with them
        ([0.8, 0.5, 1.0, 0.1], 0.68, (2, 3)),
        ([0.1, 0.2, 0.3], 0.68, (2, 3)),  # also where none is good
        ([1.0, 0.0, 1.0], 0.0, (0, 3)),
        ([0.5], 0.9, (0, 1)),
    ],
)
def test_the_higher_the_threshold_the_shorter_the_run(scores: list[float], threshold: float, expected: tuple[int, int]):
    assert run(scores, [10] * len(scores), threshold=threshold) == expected


# ── Which tokens are a sentence's ────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=20), st.lists(st.integers(0, 90), max_size=8))
def test_a_token_belongs_to_the_sentence_in_which_it_begins(steps: list[tuple[int, int]], ends: list[int]):
    ranges: list[tuple[int, int]] = []
    for gap, length in steps:
        start = (ranges[-1][1] if ranges else 0) + gap
        ranges.append((start, start + length + 1))
    sentences = list(pairwise(sorted({0, *ends})))
    expected = [[at for at, (begun, _) in enumerate(ranges) if start <= begun < end] for start, end in sentences]
    assert [list(range(first, last)) for first, last in spans(ranges, sentences)] == expected


# ── Relevance ────────────────────────────────────────────────────────────────────────────────────────────────────────

TERMS = ("cod", "eel", "swim", "hide", "north")


def rows(seed: int, count: int) -> Any:
    """Random compact rows."""
    numbers = np.random.default_rng(seed).normal(size=(count, WIDTH)) + 0.3
    return np.rint(SCALE * numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.int8)


def asking(seed: int, count: int = 4) -> Asking:
    return Asking(rows(seed, count), [1.0 + at for at in range(count)], frozenset(TERMS[:3]))


@st.composite
def passages(draw: st.DrawFn) -> list[Passage]:
    """Passages of a few sentences, which tokens lie between and after."""
    made: list[Passage] = []
    for _ in range(draw(st.integers(1, 4))):
        places = sorted(draw(st.sets(st.integers(0, 300), min_size=2, max_size=6)))
        terms = [frozenset(draw(st.sets(st.sampled_from(TERMS)))) for _ in places[1:]]
        length = places[-1] + draw(st.integers(0, 5))
        score = draw(st.integers(0, 10)) / 10
        made.append(Passage(rows(draw(st.integers(0, 99)), length), list(pairwise(places)), terms, score))
    return made


def windows(passage: Passage, at: int) -> list[tuple[int, int]]:
    """The tokens around a sentence, so many in all, or as many as there are; all of the sentence, however long."""
    first, last = passage.sentences[at]
    length, found = len(passage.rows), list[tuple[int, int]]()
    for width in (60, 100, 200):
        start = min((first + last - width) // 2, length - width)
        start = max(start, 0)
        found.append((min(first, start), max(last, min(start + width, length))))
    return found


def slowly(question: Asking, found: list[Passage]) -> list[list[float]]:
    """The three measures, sentence by sentence, and their mean."""
    every = [terms for passage in found for terms in passage.terms]
    rare = {term: rarity(sum(term in own for own in every), len(every)) for term in question.terms}
    asked = question.rows.astype(float).sum(axis=0)

    def interaction(passage: Passage, start: int, end: int) -> float:
        return float(interact(question, [passage.rows[start:end]])[0])

    def coverage(passage: Passage, start: int, end: int) -> float:
        own = [
            terms for terms, (a, b) in zip(passage.terms, passage.sentences, strict=True) if max(a, start) < min(b, end)
        ]
        return sum(rare[term] for term in question.terms if any(term in terms for terms in own)) / sum(rare.values())

    def cosine(passage: Passage, start: int, end: int) -> float:
        mean = passage.rows[start:end].astype(float).sum(axis=0)
        return max(0.0, float(mean @ asked) / float(np.linalg.norm(mean) * np.linalg.norm(asked)))

    table: list[list[list[float]]] = []
    for passage in found:
        table.append([])
        for at, own in enumerate(passage.sentences):
            around = windows(passage, at)
            both = [
                0.3 * measure(passage, *own) + 0.7 * sum(measure(passage, *each) for each in around) / len(around)
                for measure in (interaction, coverage)
            ]
            table[-1].append([*both, cosine(passage, *own)])
    best = [max(max(row[at] for row in rows) for rows in table) or 1.0 for at in range(3)]
    highest = max(passage.score for passage in found) or 1.0
    standing = [(passage.score / highest) ** 0.25 if any(one.score for one in found) else 1.0 for passage in found]
    return [
        [own * sum(figure / top for figure, top in zip(row, best, strict=True)) / 3 for row in rows]
        for own, rows in zip(standing, table, strict=True)
    ]


@settings(max_examples=40)
@given(st.integers(0, 99), passages())
def test_relevance_is_the_mean_of_the_three_measures(seed: int, found: list[Passage]):
    question = asking(seed)
    for own, expected in zip(relevance(question, found), slowly(question, found), strict=True):
        assert own == pytest.approx(expected, abs=1e-4)


@given(st.integers(0, 99), passages())
def test_relevance_is_a_share_of_the_best_for_each_sentence(seed: int, found: list[Passage]):
    scores = relevance(asking(seed), found)
    assert [len(own) for own in scores] == [len(passage.sentences) for passage in found]
    assert all(0 <= score <= 1 + 1e-6 for own in scores for score in own)


@given(st.integers(0, 99), passages())
def test_a_passage_that_ranks_lower_loses_and_its_order_stays(seed: int, found: list[Passage]):
    assume(found[0].score > 0)
    alone = relevance(asking(seed), [replace(passage, score=1.0) for passage in found])
    ranked = relevance(asking(seed), found)
    best = max(passage.score for passage in found)
    for passage, before, after in zip(found, alone, ranked, strict=True):
        assert after == pytest.approx([score * (passage.score / best) ** 0.25 for score in before], abs=1e-6)


@given(st.integers(0, 99), passages(), st.floats(0.1, 30))
def test_neither_the_scale_of_the_scores_nor_that_of_the_weights_matters(
    seed: int, found: list[Passage], factor: float
):
    question = asking(seed)
    heavier = replace(question, weights=[weight * factor for weight in question.weights])
    scaled = [replace(passage, score=passage.score * factor) for passage in found]
    for before, after in zip(relevance(question, found), relevance(heavier, scaled), strict=True):
        assert after == pytest.approx(before, abs=1e-4)


def test_the_sentence_that_says_it_is_the_best_one():
    question = asking(1)
    noise = rows(2, 240)
    noise[120:124] = question.rows  # the words of the question
    sentences = [(0, 120), (120, 124), (124, 240)]
    terms = [frozenset({"north"}), frozenset(TERMS[:3]), frozenset({"hide"})]
    ((before, said, after),) = relevance(question, [Passage(noise, sentences, terms, 1.0)])
    assert said > max(before, after) + 0.2


def test_a_term_that_stands_everywhere_tells_little():
    question = Asking(rows(1, 1) * 0, [0.0], frozenset({"cod", "eel"}))  # only terms count
    common, rare = frozenset({"cod"}), frozenset({"cod", "eel"})
    far = [(0, 250), (250, 500), (500, 750), (750, 1000)]  # no window reaches from one to the next but one
    ((first, *_, last),) = relevance(question, [Passage(rows(2, 1000), far, [common, common, common, rare], 1.0)])
    assert last > 2 * first > 0


def test_what_shares_nothing_with_the_question_counts_nothing():
    nothing = Asking(rows(1, 2) * 0, [1.0, 1.0], frozenset())
    passage = Passage(rows(2, 30), [(0, 10), (10, 30)], [frozenset({"cod"}), frozenset()], 0.0)
    assert relevance(nothing, [passage]) == [[0.0, 0.0]]
    assert relevance(nothing, []) == []


# ── The cut ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TEXT = "# Cod\n\nCod swims. It is big.\nIt likes the cold.\n\n| kg | cm |\n| 9 | 80 |\n"
DOCUMENT = Document(
    id="d",
    source="s",
    uri="cod.md",
    title="Cod",
    media_type="text/markdown",
    text=TEXT,
    content_hash="",
    spans=(Span("heading", 0, len(TEXT), "Cod", 1), Span("page", 0, 28, "1"), Span("page", 28, 70, "2")),
)


def whole(start: int, end: int, **other: Any) -> Chunk:
    """A chunk of the document."""
    return Chunk(
        id="c",
        document_id="d",
        uri="cod.md",
        title="Cod",
        text=TEXT[start:end],
        start=start,
        end=end,
        line=TEXT.count("\n", 0, start) + 1,
        spans=tuple(span for span in DOCUMENT.spans if span.start < end and span.end > start),
        **other,
    )


@given(st.data())
def test_what_is_cut_is_still_a_range_of_its_document(data: st.DataObject):
    start, end = sorted(data.draw(st.sets(st.integers(0, len(TEXT)), min_size=2, max_size=2)))
    chunk = whole(start, end, context="kg | cm", parent=(0, len(TEXT)))
    first, last = sorted(data.draw(st.sets(st.integers(0, len(chunk.text)), min_size=2, max_size=2)))
    part = cut(chunk, first, last)
    assert part.text == chunk.text[first:last] == TEXT[part.start : part.end]
    assert part.line == TEXT.count("\n", 0, part.start) + 1
    assert set(part.spans) == {span for span in DOCUMENT.spans if span.start < part.end and span.end > part.start}
    assert (part.id, part.context, part.parent) == ("c", "kg | cm", None)
    assert all(part.page_at(at) == chunk.page_at(at) for at in range(part.start, part.end))


def test_where_lines_are_not_the_files_own_none_is_made_up():
    assert cut(replace(whole(0, 30), line=None), 8, 20).line is None
