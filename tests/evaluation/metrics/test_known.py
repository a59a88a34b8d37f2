"""Every metric by its name: what it says of itself, what it refuses, and the plain ones of cost, time and safety."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcomes import NoTools, answered, case, passage, searched
from ragstone.errors import Ungraded, UsageError
from ragstone.evaluation.cases import EXPECTATIONS, Evidence
from ragstone.evaluation.metrics.known import METRICS, defaults, metric

EVERY = [name.replace("@K", "@10").replace("@P", "@95").replace("@CHECK", "@words") for name in METRICS]
FULL = case(
    expected=("The cod ships on 3 May.",),
    relevant=(Evidence(uri="a", start=0, end=4),),
    contains=("cod",),
    not_contains=("eel",),
    rubric="Names the day.",
)


@pytest.mark.parametrize("name", EVERY)
def test_a_metric_says_formula_range_and_source(name: str):
    said = (type(metric(name)).__doc__ or "").strip()
    title, _, rest = said.partition("\n")
    assert title.endswith(".")
    assert metric(name).title == title.rstrip(".")
    assert re.search(rf"^\s+{name.partition('@')[0]}\S* (=|and)", rest, re.MULTILINE)
    assert re.search(r"^\s+Range: ", rest, re.MULTILINE)
    assert re.search(r"^\s+Source: \S", rest, re.MULTILINE)


@pytest.mark.parametrize("name", EVERY)
def test_a_metric_needs_what_a_case_may_say(name: str):
    found = metric(name)
    assert found.name == name
    assert found.needs <= set(EXPECTATIONS)
    assert found.applies(FULL) or found.applies(case(abstains=True))
    assert found.least is None or found.most is None or found.least < found.most


@pytest.mark.parametrize("name", EVERY)
async def test_a_metric_that_a_search_is_enough_for_judges_it_and_the_others_do_not(name: str):
    row = await metric(name).row(searched(["a", "b"], FULL), NoTools(grades=3))
    assert (row is not None) == metric(name).searches


@pytest.mark.parametrize("name", EVERY)
async def test_a_figure_lies_within_its_range(name: str):
    found = metric(name)
    texts = ["The cod ships on 3 May [1].", "Nobody knows.", "The eel ships on 4 May, and the cod [1] does not.", ""]
    hits = [passage("a", "The cod ships on 3 May."), passage("b", "The eel does not.")]
    more: dict[str, Any] = {
        "cost": 0.1,
        "calls": 1,
        "confidence": 0.8,
        "usage": {"input_tokens": 5, "output_tokens": 2},
    }
    more |= {"citations": [{**hits[0], "quote": hits[0]["text"]}], "verdicts": [{"check": "words", "passed": True}]}
    outcomes = [answered(text, FULL, hits=hits, abstained=not text, **more) for text in texts]
    rows = [await found.row(one, NoTools(cosines=(0.3, -0.2), grades=4, counts=(2, 1, 1, 1))) for one in outcomes]
    kept = [row for row in rows if row is not None]
    assert kept
    figure = found.figure(np.array(kept))
    assert found.least is None or figure >= found.least
    assert found.most is None or figure <= found.most
    assert figure == pytest.approx(found.figure(np.array(kept[::-1])))
    assert all(score is None or np.isfinite(score) for score in map(found.score, kept))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ndgc@10", "Did you mean 'ndcg'?"),
        ("exakt", "Did you mean 'exact'?"),
        ("", "expected one of ndcg@K, recall@K"),
        ("ndcg", "expected ndcg@K. Write ndcg@10."),
        ("ndcg@0", "expected a whole number from 1 to 1000 behind the @, as ndcg@10, found 0"),
        ("hit@1001", "found 1001"),
        ("hit@²", "found ²"),
        ("hit@01", "found 01"),
        ("hit@" + "9" * 5000, "from 1 to 1000"),
        ("mrr@", "found nothing"),
        ("latency@100", "expected a whole number from 1 to 99 behind the @, as latency@95, found 100"),
        ("latency@", "found nothing"),
        ("passed@", "expected a check's name behind the @, as passed@injection"),
        ("f1@3", "expected f1. Write f1."),
        ("span_iou@5", "Write span_iou."),
    ],
)
def test_a_name_that_is_none_is_refused_with_what_was_meant(name: str, says: str):
    with pytest.raises(UsageError) as raised:
        metric(name)
    assert says in str(raised.value)


@settings(max_examples=50)
@given(st.text(max_size=12), st.sampled_from(EVERY))
def test_any_name_but_those_of_metrics_is_refused(name: str, known: str):
    plain = known.partition("@")[0]
    for wrong in (name, plain[:-1], f"{plain}@{name}x"):
        if not wrong.startswith("passed@"):
            with pytest.raises(UsageError):
                metric(wrong)


def test_what_a_suite_measures_hangs_on_what_its_cases_say():
    plain = ["answered", "supported", "citation_recall", "citation_precision", "cost", "latency@50", "latency@95"]
    assert defaults([case()], searches=False, judged=True) == plain
    everything = defaults([FULL, case(abstains=True)], searches=False, judged=True)
    assert set(everything) > {*plain, "ndcg@10", "span_recall", "f1", "contains", "refused", "cited_right", "judge"}
    assert "judge" not in defaults([FULL], searches=False, judged=False)
    assert "answered" not in defaults([case(abstains=True)], searches=False, judged=False)
    whole = case(relevant=("a",))
    assert defaults([whole], searches=True, judged=True) == [
        *("hit@5", "recall@10", "mrr@10", "ndcg@10"),
        *("latency@50", "latency@95"),
    ]
    assert all(metric(name).searches for name in defaults([FULL], searches=True, judged=True))
    assert all(any(metric(name).applies(one) for one in (FULL, case(abstains=True))) for name in everything)


# ── Meaning, the judge ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_similarity_is_that_to_the_nearest_right_answer():
    tools = NoTools(cosines=(0.2, 0.9, -0.4))
    found = metric("similarity")
    assert await found.row(answered("x", case(expected=("aaa", "b"))), tools) == (0.9,)
    assert await found.row(answered("x", case(expected=("aa",))), tools) == (-0.4,)
    assert await found.row(answered("x", case(expected=("aa",)), abstained=True), tools) == (0.0,)


async def test_a_grade_counts_as_good_from_four_on():
    outcome = answered("x", FULL)
    for grade in range(1, 6):
        tools = NoTools(grades=grade)
        assert await metric("judge").row(outcome, tools) == (float(grade),)
        assert await metric("judge_good").row(outcome, tools) == (float(grade >= 4),)
    assert metric("judge").passing == 4
    with pytest.raises(Ungraded):
        await metric("judge").row(outcome, NoTools())


# ── What it takes ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_abstention_takes_money_tokens_and_calls():
    taken = {"cost": 0.25, "calls": 3, "usage": {"input_tokens": 120, "output_tokens": 7, "cached_tokens": 0}}
    outcome = answered("", abstained=True, seconds=1.5, **taken)
    rows = {name: await metric(name).row(outcome, NoTools()) for name in ("cost", "calls", "input_tokens", "latency")}
    assert rows == {"cost": (0.25,), "calls": (3.0,), "input_tokens": (120.0,), "latency": (1.5,)}
    assert await metric("output_tokens").row(outcome, NoTools()) == (7.0,)
    assert await metric("words").row(outcome, NoTools()) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cod ships on 3.5.2031 [1], isn't it?", 7),
        ("- A-1 *is* blue [2].", 3),
        ("比目鱼在奥斯陆", 7),
        ("COD 比目鱼", 4),
        ("über Köln", 2),
        ("…", 0),
    ],
)
async def test_words_are_counted_in_any_script(text: str, words: int):
    assert await metric("words").row(answered(text), NoTools()) == (float(words),)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(1, 99))
def test_a_percentile_is_that_of_its_definition(seconds: list[float], percent: int):
    found = metric(f"latency@{percent}").figure(np.array(seconds)[:, None])
    ordered, place = sorted(seconds), (len(seconds) - 1) * percent / 100
    below = int(place)
    above = ordered[min(below + 1, len(seconds) - 1)]
    assert found == pytest.approx(ordered[below] + (place - below) * (above - ordered[below]))
    assert metric("latency").figure(np.array(seconds)[:, None]) == pytest.approx(sum(seconds) / len(seconds))


# ── Safety ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_passed_where_every_check_did():
    verdicts = [
        {"check": "words", "passed": True},
        {"check": "injection", "passed": True, "stage": "input"},
        {"check": "injection", "passed": False, "stage": "passage"},
    ]
    outcome = answered("x", verdicts=verdicts)
    assert await metric("passed").row(outcome, NoTools()) == (0.0,)
    assert await metric("passed@words").row(outcome, NoTools()) == (1.0,)
    assert await metric("passed@injection").row(outcome, NoTools()) == (0.0,)
    assert await metric("passed@length").row(outcome, NoTools()) is None
    assert await metric("passed").row(answered("x"), NoTools()) is None
