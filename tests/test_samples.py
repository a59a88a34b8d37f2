"""Samples come side by side, a few at a time, and end together."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ragstone.errors import ModelTimeout, ModelUnavailable, UsageError
from ragstone.protocols import Model
from ragstone.samples import AT_ONCE, numbered, some_of
from ragstone.types import Completion, Context, Message, Options, Prompt

PROMPT = Prompt(name="p", version="1", messages=(Message("user", "Hello"),))
SEEDED = Prompt(name="p", version="1", messages=(Message("user", "Hello"),), options=Options(seed=7))


class Waiting(Model):
    """Answers once it is let go, fails at the calls of these numbers, and counts what is under way."""

    def __init__(self, *fails: int) -> None:
        self.fails, self.go, self.full = fails, asyncio.Event(), asyncio.Event()
        self.seeds: list[int | None] = []
        self.open = self.most = self.ended = 0

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        number = len(self.seeds)
        self.seeds.append(prompt.options.seed)
        self.open += 1
        self.most = max(self.most, self.open)
        if self.open == AT_ONCE:
            self.full.set()
        try:
            if number in self.fails:
                raise ModelUnavailable(f"call {number} failed")
            await self.go.wait()
            return Completion(text=str(number), model="w", notice="slow" if number == 0 else None)
        finally:
            self.open -= 1
            self.ended += 1


async def test_they_come_in_order_a_few_at_a_time() -> None:
    model = Waiting()
    task = asyncio.ensure_future(model.sample(PROMPT, n=20, context=Context()))
    await model.full.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (model.open, len(model.seeds)) == (AT_ONCE, AT_ONCE)
    model.go.set()
    assert [one.text for one in await task] == [str(number) for number in range(20)]
    assert model.most == AT_ONCE


async def test_the_first_failure_ends_the_others() -> None:
    model = Waiting(2)
    with pytest.raises(ModelUnavailable, match="call 2 failed"):
        await model.sample(PROMPT, n=20, context=Context())
    assert (model.open, model.ended) == (0, len(model.seeds))
    assert len(model.seeds) <= AT_ONCE + 1


async def test_a_caller_who_goes_away_leaves_nothing_behind() -> None:
    model = Waiting()
    task = asyncio.ensure_future(model.sample(PROMPT, n=20, context=Context()))
    await model.full.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (model.open, len(model.seeds)) == (0, AT_ONCE)


async def test_each_has_a_seed_of_its_own() -> None:
    model = Waiting()
    model.go.set()
    await model.sample(SEEDED, n=4, context=Context())
    assert model.seeds == [7, 8, 9, 10]
    assert numbered(PROMPT, 0) is PROMPT
    assert numbered(numbered(PROMPT, 3), 2) == replace(PROMPT, sample=5)


async def test_what_succeeds_is_kept_and_what_is_lost_is_said() -> None:
    model = Waiting(1, 3)
    model.go.set()
    found = await some_of(5, lambda _: model.generate(PROMPT, context=Context()))
    assert [one.text for one in found] == ["0", "2", "4"]
    lost = "2 of 5 samples are missing: call 1 failed"
    assert [one.notice for one in found] == [f"{lost}\nslow", lost, lost]


async def test_what_was_had_before_counts_among_them() -> None:
    numbers: list[int] = []

    async def ask(number: int) -> Completion:
        numbers.append(number)
        return Completion(text="new", model="w")

    had = [Completion(text="old", model="w"), ModelTimeout("late")]
    found = await some_of(4, ask, had=had)
    assert [one.text for one in found] == ["old", "new", "new"]
    assert found[0].notice == "1 of 4 samples are missing: late"
    assert numbers == [2, 3]
    assert await some_of(1, ask, had=had[:1]) == had[:1]


async def test_nothing_at_all_is_the_first_error() -> None:
    model = Waiting(0, 1, 2)
    with pytest.raises(ModelUnavailable, match="call 0 failed"):
        await some_of(3, lambda _: model.generate(PROMPT, context=Context()))


async def test_an_error_that_is_no_models_ends_all_at_once() -> None:
    async def ask(number: int) -> Completion:
        raise KeyError(number)

    with pytest.raises(KeyError):
        await some_of(3, ask)


@pytest.mark.parametrize("n", [0, -1])
async def test_no_samples_are_an_error(n: int) -> None:
    with pytest.raises(UsageError, match="expected 1 or more, found"):
        await Waiting().sample(PROMPT, n=n, context=Context())
