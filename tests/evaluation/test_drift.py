"""What has changed between two windows of questions and their scores."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from ragstone.evaluation.cases import Case
from ragstone.evaluation.drift import FEWEST, SCORES, Asked, Window, drifted, of_cases, of_outcomes, of_traces
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.two_samples import holm
from ragstone.protocols import Embedder
from ragstone.registry import find
from ragstone.state.feedback import Feedback
from ragstone.testing import HashingEmbedder
from ragstone.trace import StoredTrace
from ragstone.types import Context

DATA = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[3] / "shared/data")) / "retrieval/chunking_eval"
FISH = ("halibut", "turbot", "cod", "herring", "salmon", "eel", "perch", "pike")
PLACES = ("Bergen", "Oslo", "Hull", "Cork", "Brest", "Vigo", "Kiel", "Riga")
TOPIC = [f"Who pays the pension of a widow in year {year}?" for year in range(12)]
CONTEXT = Context()


def fish(count: int, *, seed: int) -> list[str]:
    """Questions of one kind, no two the same."""
    lot, found = random.Random(seed), dict[str, None]()
    while len(found) < count:
        one, other = lot.sample(FISH, 2)
        day, place = lot.randrange(99), lot.choice(PLACES)
        found[f"When does the {one} project ship to {place} after the {other} on day {day}?"] = None
    return list(found)


def window(questions: Sequence[str], name: str = "a while", **scores: Any) -> Window:
    asked = [Asked(question=one, scores={key: it(n) for key, it in scores.items()}) for n, one in enumerate(questions)]
    return Window(name=name, asked=asked)


async def test_questions_of_the_same_kind_are_no_drift():
    found = await drifted(window(fish(60, seed=1)), window(fish(50, seed=2)), HashingEmbedder(), context=CONTEXT)
    assert found.flagged == []
    assert found.distance is not None
    assert found.questions == (60, 50)
    assert found.untold == {}


async def test_a_new_topic_is_found_with_its_questions():
    now = [*fish(40, seed=2), *TOPIC]
    found = await drifted(window(fish(60, seed=1)), window(now), HashingEmbedder(), context=CONTEXT)
    assert "new" in found.flagged
    assert found.new is not None
    assert {one.question for one in found.new.groups[0]} == set(TOPIC)
    low, high = found.new.far.interval
    assert low <= found.new.far.share <= high
    assert [line["tags"] for line in found.candidates()[:12]] == [["drift", "topic-1"]] * 12
    assert all(line["draft"] for line in found.candidates())


async def test_a_question_that_one_person_repeats_counts_once():
    before, now = fish(60, seed=1), fish(50, seed=2)
    repeated = [*now, *["When does the halibut project ship to Hull after the cod on day 3?"] * 200]
    found = await drifted(window(before), window(repeated), HashingEmbedder(), context=CONTEXT)
    assert found.questions[1] == 51
    assert found.flagged == []
    assert len(found.now.asked) == 250


async def test_a_score_that_changes_is_found_and_one_that_does_not_is_not():
    lot = random.Random(0)
    before = window(fish(60, seed=1), seconds=lambda _: lot.gauss(1, 0.2), confidence=lambda _: lot.random())
    now = window(fish(60, seed=2), seconds=lambda _: lot.gauss(2, 0.2), confidence=lambda _: lot.random())
    found = await drifted(before, now, HashingEmbedder(), context=CONTEXT)
    assert found.flagged == ["seconds"]
    slower = found.scores["seconds"]
    assert slower.shift.difference == pytest.approx(1, abs=0.15)
    assert slower.index is not None
    assert slower.index[0] > 1 > slower.index[1]
    assert slower.adjusted >= slower.shift.p


async def test_every_test_is_corrected_for_all_of_them():
    names = ("confidence", "similarity", "seconds", "cost")
    lot = random.Random(1)
    drawn: dict[str, Any] = {name: lambda _: lot.gauss(0, 1) for name in names}
    before, now = window(fish(40, seed=1), **drawn), window([*fish(40, seed=2), *TOPIC[:6]], **drawn)
    found = await drifted(before, now, HashingEmbedder(), context=CONTEXT)
    assert found.distance is not None
    assert found.new is not None
    scores = list(found.scores.values())
    ps = [*(score.shift.p for score in scores), found.distance[1], found.new.far.p]
    assert len(ps) == 6
    assert [*(score.adjusted for score in scores), found.distance[2], found.new.adjusted] == holm(ps)
    assert found.distance[2] != found.new.adjusted


async def test_of_few_questions_it_is_said_that_nothing_can_be_told():
    few = window(fish(FEWEST - 1, seed=2), "this week", seconds=lambda n: float(n))
    found = await drifted(window(fish(60, seed=1), seconds=lambda n: float(n)), few, HashingEmbedder(), context=CONTEXT)
    assert (found.distance, found.new, found.flagged) == (None, None, [])
    said = "19 in this week, where 20 are needed"
    assert found.untold == {"questions": said, "seconds": said}
    none = await drifted(window([]), window([]), HashingEmbedder(), context=CONTEXT)
    assert none.untold["questions"].startswith("0 in a while and 0 in a while")
    json.dumps(none.as_dict())


async def test_a_score_with_one_value_alone_is_no_test():
    free: dict[str, Any] = {"cost": lambda _: 0.0}
    found = await drifted(
        window(fish(30, seed=1), **free), window(fish(30, seed=2), **free), HashingEmbedder(), context=CONTEXT
    )
    assert (found.scores, found.untold) == ({}, {})


async def test_of_a_long_question_the_beginning_is_compared():
    long = [f"{one} {'word ' * 500}" for one in fish(25, seed=1)]
    found = await drifted(window(long), window(fish(25, seed=2)), HashingEmbedder(window=64), context=CONTEXT)
    assert found.distance is not None


async def test_the_same_windows_give_the_same_figures():
    scores: dict[str, Any] = {"seconds": lambda n: float(n % 7)}
    before, now = window(fish(30, seed=1), **scores), window(fish(30, seed=2), **scores)
    one, other = [await drifted(before, now, HashingEmbedder(), context=CONTEXT) for _ in range(2)]
    assert one.as_dict() == other.as_dict()
    assert set(one.as_dict()) == {"before", "now", "flagged", "questions", "new", "scores", "untold"}


# ── Where windows come from ─────────────────────────────────────────────────────────────────────────────────────────


def trace(**facts: Any) -> StoredTrace:
    return StoredTrace("t1", "ask", 1.0, 2.5, facts, (), ("group:hr",))


def test_a_window_of_traces_holds_what_was_answered():
    answered = trace(question="When?", outcome="answered", confidence=0.5, cost=None, similarity=0.7)
    kept = [answered, trace(question="Who?", outcome="abstained", cost=0.25), trace(question="What?")]
    failed = trace(question="Why?", outcome="failed")
    said = [Feedback(trace="t1", question="When?", answer="So.", good=good) for good in (True, False, None)]
    found = of_traces("now", [*kept, failed], said)
    assert [one.question for one in found.asked] == ["When?", "Who?"]
    assert found.asked[0].scores == {"abstained": 0.0, "confidence": 0.5, "similarity": 0.7, "seconds": 2.5}
    assert found.asked[0].principals == ("group:hr",)
    assert found.values("abstained") == [0.0, 1.0]
    assert found.values("cost") == [0.25]
    assert found.values("disliked") == [0.0, 1.0]


def test_a_window_of_a_run_holds_the_first_answer_of_each_case():
    hits = [{"scores": {"dense": 0.4}}, {"scores": {"dense": 0.6}}, {"scores": {"lexical": 9.0}}]
    answer = {"text": "So.", "abstained": False, "confidence": 0.5, "cost": 0.1, "hits": hits}
    case = Case(id="a", question="When?")
    outcomes = [Outcome(case=case, pipeline="answer", repeat=n, answer=answer, seconds=1.5) for n in range(2)]
    outcomes.append(Outcome(case=Case(id="b", question="Who?"), pipeline="answer", error="It broke."))
    found = of_outcomes("run", outcomes)
    assert [one.question for one in found.asked] == ["When?", "Who?"]
    assert found.asked[0].scores == {"abstained": 0, "confidence": 0.5, "similarity": 0.6, "seconds": 1.5, "cost": 0.1}
    assert found.asked[1].scores == {}


def test_a_window_of_cases_has_no_scores():
    found = of_cases("cases", [Case(id="a", question="When?"), Case(id="b", question="when")])
    assert [one.question for one in found.different()] == ["When?"]
    assert all(found.values(score) == [] for score in SCORES)


# ── With the real embedder ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="RAGSTONE_DATA names no folder with retrieval/chunking_eval")
async def test_questions_about_another_corpus_are_another_kind_and_halves_of_one_are_not():
    rows = [json.loads(line) for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    corpora: dict[str, list[str]] = {}
    for row in rows:
        corpora.setdefault(row["corpus_id"], []).append(row["question"])
    first, second = sorted(corpora.values(), key=len, reverse=True)[:2]
    random.Random(0).shuffle(first)
    half = len(first) // 2
    embedder = cast("Callable[[], Embedder]", find("embedder", "openvino"))()
    same = await drifted(window(first[:half]), window(first[half:]), embedder, context=CONTEXT)
    other = await drifted(window(first[:half]), window(second), embedder, context=CONTEXT)
    mixed = await drifted(window(first[:half]), window(first[half:] + second[:12]), embedder, context=CONTEXT)
    await embedder.close()
    assert same.flagged == []
    assert other.flagged == ["questions", "new"]
    assert other.new is not None
    assert other.new.far.share > 0.5
    assert mixed.flagged
