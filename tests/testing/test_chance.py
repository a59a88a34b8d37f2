"""A model of known skill is as good as it says, and the same on every machine."""

from __future__ import annotations

import asyncio
import math
from collections import Counter

import pytest

from ragstone.errors import ModelTimeout, UsageError
from ragstone.testing import ChanceModel
from ragstone.types import Context, Message, Prompt

CONTEXT = Context()
WRONG = ["41", "43", "40"]


def prompt(text: str, *, logprobs: bool = False) -> Prompt:
    return Prompt(name="p", version="1", messages=(Message("user", text),), logprobs=logprobs)


async def answers(model: ChanceModel, *, questions: int, n: int) -> list[list[str]]:
    asked = [model.sample(prompt(f"Question {number}?"), n=n, context=CONTEXT) for number in range(questions)]
    return [[one.text for one in found] for found in await asyncio.gather(*asked)]


async def test_it_is_right_as_often_as_it_says_and_wrong_by_the_weights() -> None:
    found = await answers(ChanceModel("42", p=0.6, wrong=WRONG, weights=[2, 1, 1]), questions=1000, n=10)
    counts = Counter(text for texts in found for text in texts)
    for text, share in {"42": 0.6, "41": 0.2, "43": 0.1, "40": 0.1}.items():
        assert abs(counts[text] / 10_000 - share) < 4 * math.sqrt(share * (1 - share) / 10_000)


@pytest.mark.parametrize(("p", "n"), [(0.6, 5), (0.7, 9), (0.4, 5)])
async def test_its_votes_follow_the_binomial(p: float, n: int) -> None:
    found = await answers(ChanceModel("yes", p=p, wrong=["no"]), questions=2000, n=n)
    voted = sum(texts.count("yes") > n / 2 for texts in found) / len(found)
    theory = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n // 2 + 1, n + 1))
    assert abs(voted - theory) < 4 * math.sqrt(theory * (1 - theory) / len(found))


async def test_the_order_of_other_calls_changes_nothing() -> None:
    together = await answers(ChanceModel("42", p=0.5, wrong=WRONG), questions=5, n=4)
    alone = ChanceModel("42", p=0.5, wrong=WRONG)
    for turn in range(4):
        for number in reversed(range(5)):
            said = await alone.generate(prompt(f"Question {number}?"), context=CONTEXT)
            assert said.text == together[number][turn]
    assert alone.calls == 20


async def test_it_says_the_same_on_every_machine_and_another_seed_something_else() -> None:
    first, again = (
        ChanceModel("42", p=0.6, wrong=WRONG, weights=[2, 1, 1], says="The answer is {}.".format) for _ in range(2)
    )
    texts = [one.text for one in await first.sample(prompt("What is 6 times 7?"), n=3, context=CONTEXT)]
    assert texts == ["The answer is 42.", "The answer is 42.", "The answer is 41."]
    assert texts == [one.text for one in await again.sample(prompt("What is 6 times 7?"), n=3, context=CONTEXT)]
    seeds = [await answers(ChanceModel("42", p=0.5, wrong=WRONG, seed=seed), questions=9, n=9) for seed in (0, 1)]
    assert seeds[0] != seeds[1]


async def test_each_question_may_have_its_own_answer_and_its_own_hardness() -> None:
    model = ChanceModel(
        lambda asked: asked.messages[-1].content.upper(),
        p=lambda asked: 1.0 if asked.messages[-1].content == "easy" else 0.0,
        wrong=lambda asked: [asked.messages[-1].content],
    )
    assert (await model.generate(prompt("easy"), context=CONTEXT)).text == "EASY"
    assert (await model.generate(prompt("hard"), context=CONTEXT)).text == "hard"


async def test_how_likely_an_answer_was_is_told_to_who_asks() -> None:
    model = ChanceModel("42", p=0.6, wrong=WRONG, weights=[2, 1, 1])
    likely = {"42": 0.6, "41": 0.2, "43": 0.1, "40": 0.1}
    for one in await model.sample(prompt("q", logprobs=True), n=30, context=CONTEXT):
        assert one.logprob == pytest.approx(math.log(likely[one.text]))
    assert (await model.generate(prompt("q"), context=CONTEXT)).logprob is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"p": 1.5, "wrong": WRONG}, "p is no probability"),
        ({"p": 0.5, "wrong": []}, "each wrong answer needs a weight"),
        ({"p": 0.5, "wrong": WRONG, "weights": [1]}, "each wrong answer needs a weight"),
        ({"p": 0.5, "wrong": WRONG, "weights": [0, 0, 0]}, "weights must be 0 or more"),
        ({"p": 0.5, "wrong": WRONG, "weights": [1, 1, -1]}, "weights must be 0 or more"),
    ],
)
async def test_impossible_numbers_are_errors(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await ChanceModel("42", **settings).generate(prompt("q"), context=CONTEXT)  # type: ignore[arg-type]


async def test_a_deadline_that_has_passed_is_no_draw() -> None:
    model = ChanceModel("42", p=1, wrong=[])
    with pytest.raises(ModelTimeout):
        await model.generate(prompt("q"), context=CONTEXT.within(0))
    assert model.calls == 0
