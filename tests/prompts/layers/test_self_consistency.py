"""Samples that vote: how many are drawn, which one is given, and what is said of it."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layer_files import layered_file, solved
from ragstone.errors import ModelUnavailable, PromptError
from ragstone.prompts.layers.self_consistency import further, sureness
from ragstone.testing import ScriptedModel

VOTE = "{cot: {on: true}, self_consistency: {n: %d, stop: %s}}"
FIELDS = "[{name: answer, kind: string}, {name: places, kind: array, items: {kind: string}}]"


def said(*answers: str) -> ScriptedModel:
    return ScriptedModel([f"So it is.\nAnswer: {answer}" for answer in answers])


async def test_the_answer_of_most_is_given_with_the_share_that_agrees(tmp_path: Path) -> None:
    model = said("12", "$14.00", "13", "14 apples", "12")
    found = (await solved(layered_file(tmp_path, VOTE % (5, "none")), model)).completion
    assert found.confidence == 2 / 5
    assert found.text in ("12", "$14.00")
    assert (found.calls, found.usage.output_tokens) == (5, sum(len(f"So it is.\nAnswer: {a}".split()) for a in
        ("12", "$14.00", "13", "14 apples", "12")))  # fmt: skip


async def test_samples_that_agree_end_the_vote_early(tmp_path: Path) -> None:
    model = said(*["7"] * 40)
    file = layered_file(tmp_path, VOTE % (40, "adaptive"))
    found = (await solved(file, model)).completion
    assert (found.text, found.confidence, found.calls, len(model.prompts)) == ("7", 1.0, 4, 4)
    prompt = model.prompts[0]
    assert (prompt.calls, prompt.worst_case_calls) == (4, 40)


async def test_a_field_of_an_object_is_compared_and_the_rest_may_differ(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{self_consistency: {n: 3, stop: none, vote: places}}", outputs=FIELDS)
    lines = ['{"answer": "a", "places": ["Bonn", "Ulm"]}', '{"answer": "b", "places": ["Ulm"]}',
             '{"answer": "c", "places": ["ulm", "bonn"]}']  # fmt: skip
    found = (await solved(file, ScriptedModel(lines))).completion
    assert found.text == lines[0]
    assert found.confidence == pytest.approx(2 / 3)


async def test_nonsense_has_no_vote_and_is_said_where_there_is_nothing_else(tmp_path: Path) -> None:
    file = layered_file(tmp_path, VOTE % (3, "none"))
    found = (await solved(file, ScriptedModel(["Hm.", "Ah.\nAnswer: 5", "Oh."]))).completion
    assert (found.text, found.confidence) == ("5", pytest.approx(1 / 3))
    nothing = (await solved(file, ScriptedModel(["Hm.", "Ah.", "Oh."]))).completion
    assert (nothing.text, nothing.confidence) == ("Hm.", None)
    assert "None of the 3 samples" in str(nothing.notice)


async def test_samples_that_were_had_are_counted_where_a_model_fails_midway(tmp_path: Path) -> None:
    file = layered_file(tmp_path, VOTE % (8, "adaptive"))
    lines = ["Answer: 1", "Answer: 2", "Answer: 1", "Answer: 2"]
    found = (await solved(file, ScriptedModel([*lines, *[ModelUnavailable("down")] * 4]))).completion
    assert found.text == "1"
    assert found.confidence == 0.5
    assert "Of 8 samples 4 were had" in str(found.notice)


@pytest.mark.parametrize(
    ("layers", "options", "outputs", "fault"),
    [
        (VOTE % (5, "none"), "{temperature: 0}", "", "needs a temperature above 0"),
        (VOTE % (5, "none"), "{topK: 1}", "", "topK"),
        ("{self_consistency: {n: 5}}", "{}", "", "free text cannot be voted on"),
        ("{cot: {on: auto}, self_consistency: {n: 5}}", "{}", "", "free text cannot be voted on"),
        ("{cot: {on: true}, self_consistency: {vote: answer}}", "{}", "", "there is no output 'answer'"),
        ("{self_consistency: {n: 5}}", "{}", FIELDS, "it is not said which output is voted on"),
        ("{self_consistency: {vote: anser}}", "{}", FIELDS, "Did you mean 'answer'?"),
        ("{self_consistency: {n: 1, vote: answer}}", "{}", FIELDS, "self_consistency.n"),
        ("{self_consistency: {n: many, vote: answer}}", "{}", FIELDS, "self_consistency.n"),
        ("{self_consistency: {sure: 1.5, vote: answer}}", "{}", FIELDS, "self_consistency.sure"),
        ("{self_consistency: {n: 100, vote: answer}}\n    max_calls: 99", "{}", FIELDS, "may take 100 calls"),
    ],
)
def test_what_cannot_be_voted_on_is_refused_when_the_file_is_read(
    tmp_path: Path, layers: str, options: str, outputs: str, fault: str
) -> None:
    with pytest.raises(PromptError, match=r"test\.prompty:\d+:\d+") as refused:
        layered_file(tmp_path, layers, options=options, outputs=outputs)
    assert fault in str(refused.value)


# ── The statistics ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(first=st.integers(0, 60), second=st.integers(0, 60))
def test_sureness_is_the_beta_integral(first: int, second: int) -> None:
    # By steps: the share of Beta(a + 1, b + 1) above one half, by Simpson's rule.
    def density(p: float) -> float:
        return p**first * (1 - p) ** second

    def area(low: float, high: float, steps: int = 2000) -> float:
        width = (high - low) / steps
        inner = sum((4 if place % 2 else 2) * density(low + place * width) for place in range(1, steps))
        return width / 3 * (density(low) + inner + density(high))

    assert sureness(first, second) == pytest.approx(area(0.5, 1) / area(0, 1), abs=1e-6)
    assert sureness(first, second) + sureness(second, first) == pytest.approx(1)


@given(first=st.integers(0, 20), data=st.data(), left=st.integers(0, 20))
def test_no_batch_draws_more_than_one_by_one_would(first: int, data: st.DataObject, left: int) -> None:
    second = data.draw(st.integers(0, first))
    more = further([first, second], left=left, sure=0.95)
    assert 0 <= more <= left
    for fewer in range(more):  # even if all of them agree, it could not have stopped before
        assert further([first + fewer, second], left=left - fewer, sure=0.95) == more - fewer


class Chance:
    """Right with probability p; the wrong answers are all the same one, the worst that can be."""

    def __init__(self, p: float, seed: int) -> None:
        self.draw, self.p = random.Random(seed), p

    def __call__(self, prompt) -> str:
        return "Answer: right" if self.draw.random() < self.p else "Answer: wrong"


def majority(p: float, n: int) -> float:
    """The share of right votes among n, n odd: the upper half of the binomial distribution."""
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n // 2 + 1, n + 1))


@pytest.mark.parametrize(("p", "n"), [(0.6, 5), (0.6, 15), (0.7, 9), (0.4, 9)])
async def test_the_vote_is_as_often_right_as_the_binomial_says(tmp_path: Path, p: float, n: int) -> None:
    file = layered_file(tmp_path, VOTE % (n, "none"))
    model = ScriptedModel(Chance(p, seed=n))
    runs = 300
    right = sum([(await solved(file, model)).text == "right" for _ in range(runs)])
    expected = majority(p, n)
    spread = (expected * (1 - expected) / runs) ** 0.5
    assert abs(right / runs - expected) < 4 * spread


def stops(p: float, n: int, sure: float = 0.95) -> tuple[float, float]:
    """How many samples the adaptive vote draws on average, and how often it is right: by every way it can go."""

    @cache
    def ahead(right: int, wrong: int) -> tuple[float, float]:
        counts = sorted((count for count in (right, wrong) if count), reverse=True)
        if right + wrong and further(counts, left=n - right - wrong, sure=sure) == 0:
            return float(right + wrong), float(right > wrong) + 0.5 * (right == wrong)
        one, other = ahead(right + 1, wrong), ahead(right, wrong + 1)
        return p * one[0] + (1 - p) * other[0], p * one[1] + (1 - p) * other[1]

    return ahead(0, 0)


@pytest.mark.parametrize("p", [0.95, 0.8, 0.65])
async def test_stopping_early_saves_the_samples_that_theory_says(tmp_path: Path, p: float) -> None:
    n, runs = 40, 200
    file = layered_file(tmp_path, VOTE % (n, "adaptive"))
    model = ScriptedModel(Chance(p, seed=round(100 * p)))
    found = [(await solved(file, model)).completion for _ in range(runs)]
    samples, right = stops(p, n)
    drawn = [each.calls for each in found]
    mean = sum(drawn) / runs
    spread = (sum((each - mean) ** 2 for each in drawn) / (runs - 1) / runs) ** 0.5
    assert abs(mean - samples) < 4 * max(spread, 0.05)
    assert mean < n / 2
    share = Counter(each.text for each in found)["right"] / runs
    assert abs(share - right) < 4 * max((right * (1 - right) / runs) ** 0.5, 1 / runs)


async def test_a_sample_that_failed_is_not_drawn_again(tmp_path: Path) -> None:
    """So the calls that an outer layer needs are not taken from it."""
    layers = "{cot: {on: true}, self_consistency: {n: 5, stop: none}, chain_of_verification: {questions: 3}}"
    lines = iter(["Answer: 1", ModelUnavailable("down"), "Answer: 1", "Answer: 2", "Answer: 1"])
    model = ScriptedModel(lambda prompt: next(lines) if prompt.output is None else '{"questions": []}')
    found = (await solved(layered_file(tmp_path, layers), model)).completion
    assert (found.text, found.calls, found.confidence) == ("1", 6, 0.75)
    assert "1 of 5 samples are missing: down" in str(found.notice)
