"""The figures, held against values made by hand and against the slow way to say them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.evaluation.metrics import contained, exact, f1, interval, overlap, ranking, resampled
from ragstone.evaluation.report import Report
from ragstone.evaluation.runs import by_document
from ragstone.testing.suites.samples import chunk
from ragstone.types import Hit

# ── Rankings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ranking_by_hand():
    found = {"q": {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}}
    figures = ranking(found, {"q": {"b": 2, "d": 1, "e": 1}})["q"]
    gained = 2 / math.log2(3) + 1 / math.log2(5)
    best = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert figures == pytest.approx({"ndcg@10": gained / best, "recall@10": 2 / 3, "mrr@10": 1 / 2})


def test_what_comes_after_the_tenth_does_not_count():
    found = {"q": {f"d{at:02}": 1 / (1 + at) for at in range(20)}}
    assert ranking(found, {"q": {"d09": 1}})["q"]["mrr@10"] == pytest.approx(1 / 10)
    assert ranking(found, {"q": {"d10": 1}})["q"] == {"ndcg@10": 0, "recall@10": 0, "mrr@10": 0}


def test_of_documents_with_one_score_the_later_id_comes_first():
    found = {"q": {f"d{(7 * at) % 12:02}": 1.0 for at in range(12)}}
    places = {name: ranking(found, {"q": {name: 1}})["q"]["mrr@10"] for name in found["q"]}
    assert places == pytest.approx({f"d{at:02}": 1 / (12 - at) if at >= 2 else 0 for at in range(12)})


def test_a_question_without_a_hit_counts_nothing():
    assert ranking({"q": {}}, {"q": {"a": 1}, "p": {"a": 1}}) == {
        "q": {"ndcg@10": 0, "recall@10": 0, "mrr@10": 0},
        "p": {"ndcg@10": 0, "recall@10": 0, "mrr@10": 0},
    }


def slowly(found: dict[str, float], grades: dict[str, int]) -> dict[str, float]:
    """The three figures of one question; of equal scores the later id comes first."""
    order = sorted(found, key=lambda name: (found[name], name), reverse=True)[:10]
    gains = [max(grades.get(name, 0), 0) for name in order]
    best = sorted((max(grade, 0) for grade in grades.values()), reverse=True)[:10]

    def discounted(numbers: list[int]) -> float:
        return sum(number / math.log2(place + 1) for place, number in enumerate(numbers, 1))

    right = sum(grade > 0 for grade in grades.values())
    places = [place for place, gain in enumerate(gains, 1) if gain]
    return {
        "ndcg@10": discounted(gains) / discounted(best) if right else 0.0,
        "recall@10": len(places) / right if right else 0.0,
        "mrr@10": 1 / places[0] if places else 0.0,
    }


names = st.integers(0, 30).map("d{}".format)


@given(
    st.dictionaries(names, st.integers(0, 8).map(lambda n: n / 4), max_size=25),
    st.dictionaries(names, st.integers(-1, 3), min_size=1, max_size=15),
)
def test_a_ranking_is_judged_as_the_formulas_say(found: dict[str, float], grades: dict[str, int]):
    assert ranking({"q": found}, {"q": grades})["q"] == pytest.approx(slowly(found, grades))


def test_a_document_stands_where_its_best_chunk_does():
    order = ["b", "a", "b", "c", "a"]
    hits = [Hit(replace(chunk(f"c{at}"), uri=uri), at, {}) for at, uri in enumerate(order, 1)]
    found = by_document(hits)
    assert sorted(found, key=lambda uri: -found[uri]) == ["b", "a", "c"]
    assert len(set(found.values())) == 3
    assert by_document([]) == {}


# ── Characters ───────────────────────────────────────────────────────────────────────────────────────────────────────

span = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda found: (found[0], found[0] + found[1]))


@given(st.lists(span, max_size=6), st.lists(span, min_size=1, max_size=4))
def test_overlap_counts_characters(found: list[tuple[int, int]], right: list[tuple[int, int]]):
    wanted = {at for start, end in right for at in range(start, end)}
    returned = Counter(at for start, end in found for at in range(start, end))
    met, paid = len(wanted & set(returned)), returned.total()  # what comes twice is met once and paid for twice
    assert overlap(found, right) == pytest.approx(
        {
            "recall": met / len(wanted),
            "precision": met / paid if paid else 0.0,
            "iou": met / (len(wanted) + paid - met),
        }
    )


def test_overlap_by_hand():
    assert overlap([(0, 10), (20, 30)], [(5, 25)]) == {"recall": 0.5, "precision": 0.5, "iou": 1 / 3}
    assert overlap([(0, 10), (0, 10)], [(0, 10)]) == {"recall": 1.0, "precision": 0.5, "iou": 0.5}
    assert overlap([(0, 10)], [(0, 4), (2, 10)]) == {"recall": 1.0, "precision": 1.0, "iou": 1.0}
    assert overlap([], [(0, 4)]) == overlap([], []) == {"recall": 0.0, "precision": 0.0, "iou": 0.0}


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("The Halibut!", ["halibut"], (1, 1, 1)),
        ("It is the halibut.", ["halibut"], (1, 0, 2 / 4)),
        ("turbot", ["cod", "turbot"], (1, 1, 1)),
        ("halibuts", ["halibut"], (0, 0, 0)),  # a part of a word is another word
        ("Ruiz, Ana", ["Ana Ruiz"], (0, 0, 1)),  # the words, in another order
        ("May 3", ["3 May 2031"], (0, 0, 4 / 5)),
        ("ＡＢＣ １２", ["abc 12"], (1, 1, 1)),  # wide letters are the same letters
        ("", ["cod"], (0, 0, 0)),
        ("cod", [], (0, 0, 0)),
        ("", ["the", "—"], (0, 0, 0)),  # nothing said is no answer, whatever is left of the right one
        ("它于2031年发布。", ["2031年"], (1, 0, 2 * 2 / (6 + 2))),
        ("比目鱼", ["比目鱼"], (1, 1, 1)),
        ("比目鱼项目", ["比目"], (1, 0, 2 * 2 / (5 + 2))),
        ("鱼目比", ["比目鱼"], (0, 0, 1)),
        ("ปลาฮาลิบัต", ["ปลา"], (1, 0, None)),
        ("ปลา", ["ปลา"], (1, 1, 1)),
        ("नमस्ते दुनिया", ["नमस्ते"], (1, 0, 2 / 3)),  # marks belong to their letters
    ],
)
def test_an_answer_is_right_whatever_its_form(answer: str, gold: list[str], expected: tuple[float, float, float]):
    assert (contained(answer, gold), exact(answer, gold)) == expected[:2]
    if expected[2] is None:
        assert 0 < f1(answer, gold) < 1
    else:
        assert f1(answer, gold) == pytest.approx(expected[2])


said = st.lists(st.sampled_from(["the", "Cod", "eel", "比目", "ปลา", "3.5", "—", "a"]), max_size=6).map(" ".join)


@given(said, st.lists(said, max_size=3))
def test_an_exact_answer_contains_a_right_one_and_has_all_its_words(answer: str, gold: list[str]):
    assert exact(answer, gold) <= min(contained(answer, gold), f1(answer, gold))
    assert 0 <= f1(answer, gold) <= 1
    assert f1(answer, gold) == max((f1(answer, [one]) for one in gold), default=0)
    assert all(f1(answer, [one]) == pytest.approx(f1(one, [answer])) for one in gold)


# ── Over questions ───────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.integers(0, 10).map(lambda n: n / 10), min_size=1, max_size=40))
def test_an_interval_holds_the_mean(values: list[float]):
    low, high = interval(values)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert low - 1e-9 <= np.median(resampled(values)) <= high + 1e-9
    assert (low, high) == interval(values)  # no chance in it


def test_an_interval_is_that_of_the_normal_law_and_shrinks_with_more_questions():
    values = np.random.default_rng(1).random(400).tolist()
    low, high = interval(values)
    error = float(np.std(values)) / 400**0.5
    assert (low, high) == pytest.approx((np.mean(values) - 1.96 * error, np.mean(values) + 1.96 * error), abs=0.006)
    assert interval(values, level=0.5)[1] - interval(values, level=0.5)[0] < high - low
    wider = interval(values[:50])
    assert wider[1] - wider[0] > 2 * (high - low)


def test_a_report_says_the_mean_of_every_figure():
    each = {"q1": {"ndcg@10": 1.0, "recall@10": 0.5}, "q2": {"ndcg@10": 0.0, "recall@10": 1.0}}
    report = Report(each=each, config={"k": 8}, seconds=1.23456, documents=3, chunks=5, milliseconds=(2.0, 3.456))
    found = report.as_dict()
    assert found["metrics"] == {"ndcg@10": 0.5, "recall@10": 0.75}
    assert found["intervals"]["recall@10"] == [0.5, 1.0]
    assert (found["queries"], found["documents"], found["chunks"], found["config"]) == (2, 3, 5, {"k": 8})
    assert (found["seconds"], found["milliseconds"]) == (1.235, {"p50": 2.0, "p95": 3.46})
