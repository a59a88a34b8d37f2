"""Side by side, in order, and no further than of use."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence

import pytest

from ragstone.batch import asking
from ragstone.batch.asking import PATIENCE, ROW, TRIES, Asker, Pending, in_order
from ragstone.batch.questions import BatchQuestion
from ragstone.batch.results import BatchAnswer
from ragstone.errors import (
    ModelBusy,
    ModelDenied,
    ModelRejected,
    ModelUnavailable,
    NotConfigured,
    OverBudget,
    PromptError,
    RagstoneError,
    RateLimited,
    StorageFull,
    UsageError,
)
from ragstone.types import Answer, Completion, Prompt

Says = Callable[[int], Exception | None]


def answer(text: str) -> Answer:
    prompt = Prompt(name="answer", version="1", messages=())
    completion = Completion(text=text, model="m")
    return Answer(text=text, abstained=False, citations=(), hits=(), prompt=prompt, completion=completion, trace_id="1")


async def pending(number: int, prompt: str | None = None) -> AsyncGenerator[Pending | BatchAnswer]:
    for place in range(number):
        yield Pending(place, BatchQuestion(question=str(place), prompt=prompt))


class Clock:
    """Time that passes when somebody waits for it."""

    def __init__(self) -> None:
        self.now, self.waits = 1000.0, list[float]()

    async def pause(self, stopped: asyncio.Event, seconds: float) -> None:
        self.waits.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


def asker(says: Says, *, concurrency: int = 1, clock: Clock | None = None, **keys: int) -> Asker[BatchAnswer]:
    clock = clock or Clock()

    async def ask(question: BatchQuestion) -> Answer:
        await asyncio.sleep(0)
        if error := says(int(question.question)):
            raise error
        return answer(f"to {question.question}")

    return Asker(ask, concurrency=concurrency, pause=clock.pause, clock=lambda: clock.now, **keys)


async def came(asker: Asker[BatchAnswer], number: int, prompt: str | None = None) -> list[BatchAnswer]:
    return [one async for one in in_order(asker, pending(number, prompt))]


async def until(error: Exception, asker: Asker[BatchAnswer]) -> list[BatchAnswer]:
    """What came before the error that ends it."""
    found: list[BatchAnswer] = []

    async def take() -> None:
        async for one in in_order(asker, pending(10_000)):
            found.append(one)  # noqa: PERF401 - it ends with an error

    with pytest.raises(type(error)):
        await take()
    return found


def kinds(found: Sequence[BatchAnswer]) -> list[str]:
    return [type(one.error).__name__ if one.error else "Answer" for one in found]


@pytest.mark.parametrize("concurrency", [1, 3, 200])
async def test_answers_come_in_the_order_of_their_questions(concurrency: int) -> None:
    under_way = most = 0

    async def ask(question: BatchQuestion) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(int(question.question) * 7 % 5):  # some take longer than others
            await asyncio.sleep(0)
        under_way -= 1
        return answer(question.question)

    found = await came(Asker(ask, concurrency=concurrency), 100)
    assert [one.answer.text if one.answer else None for one in found] == [str(number) for number in range(100)]
    assert [one.number for one in found] == list(range(100))
    assert min(concurrency, 100) // 2 <= most <= concurrency


async def test_a_slow_first_answer_does_not_let_the_others_run_away() -> None:
    asked: list[int] = []
    first = asyncio.Event()
    stuck = asyncio.Event()
    ahead = 50

    async def ask(question: BatchQuestion) -> Answer:
        asked.append(int(question.question))
        if question.question == "0":
            await first.wait()
        elif len(asked) == ahead:
            stuck.set()
        return answer(question.question)

    asker = Asker[BatchAnswer](ask, concurrency=4, ahead=ahead)
    task = asyncio.create_task(came(asker, 1000))
    await stuck.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(asked) == ahead
    first.set()
    assert len(await task) == 1000


async def test_who_leaves_early_leaves_nothing_running() -> None:
    asked: list[str] = []

    async def ask(question: BatchQuestion) -> Answer:
        asked.append(question.question)
        if question.question != "0":
            await asyncio.Event().wait()
        return answer(question.question)

    before = asyncio.all_tasks()
    found = in_order(Asker[BatchAnswer](ask, concurrency=5), pending(10))
    assert (await anext(found)).answer
    await found.aclose()
    assert asyncio.all_tasks() == before
    assert len(asked) <= 6


async def test_an_error_of_one_question_stands_in_its_place() -> None:
    errors = {1: UsageError("k is out of range"), 3: ModelRejected("the filter"), 4: ValueError("a bug")}
    found = await came(asker(errors.get), 6)
    assert kinds(found) == ["Answer", "UsageError", "Answer", "ModelRejected", "ValueError", "Answer"]


@pytest.mark.parametrize(
    "error", [ModelDenied("the key was refused"), NotConfigured("no model"), PromptError("broken"), StorageFull("full")]
)
async def test_an_error_that_concerns_every_question_ends_the_batch(error: RagstoneError) -> None:
    asked = Counter[int]()

    def says(number: int) -> Exception | None:
        asked[number] += 1
        return error if number >= 5 else None

    found = await until(error, asker(says, concurrency=2))
    assert kinds(found) == ["Answer"] * 5
    assert len(asked) <= 5 + 2 * 2


async def test_what_is_under_way_when_a_batch_ends_is_still_handed_over() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def ask(question: BatchQuestion) -> Answer:
        if question.question == "1":
            await begun.wait()
            ended.set()
            raise ModelDenied("the key was refused")
        if question.question == "2":
            begun.set()
        await ended.wait()
        await asyncio.sleep(0)
        return answer(question.question)

    found: list[BatchAnswer] = []

    async def take() -> None:
        async for several in Asker[BatchAnswer](ask, concurrency=3).results(pending(100)):
            found.extend(several)

    with pytest.raises(ModelDenied):
        await take()
    assert sorted(one.number for one in found) == [0, 2]


async def test_a_prompt_that_a_question_names_is_its_own_fault() -> None:
    found = await came(asker(lambda number: PromptError("there is no prompt") if number % 2 else None), 60, "own")
    assert kinds(found) == ["Answer", "PromptError"] * 30


@pytest.mark.parametrize("error", [RateLimited("60 a minute", retry_after=30.0), ModelBusy("it is busy")])
async def test_a_limit_is_waited_for_by_all_and_is_no_error(error: RagstoneError) -> None:
    clock, refused = Clock(), Counter[int]()

    def says(number: int) -> Exception | None:
        refused[number] += 1
        return error if number == 3 and refused[number] <= 4 else None

    said: list[str] = []
    made = asker(says, clock=clock, concurrency=2)
    made._waiting = said.append
    found = await came(made, 10)
    assert kinds(found) == ["Answer"] * 10
    waits = [30.0] * 4 if isinstance(error, RateLimited) else [1.0, 2.0, 4.0, 8.0]
    assert clock.now == 1000 + sum(waits)
    assert len(said) == 4
    assert said[0].endswith(f"Going on in {waits[0]:.0f} s.")


async def test_a_limit_that_never_ends_ends_the_batch() -> None:
    clock = Clock()
    made = asker(lambda number: RateLimited("60 a minute", retry_after=60.0) if number else None, clock=clock)
    with pytest.raises(RateLimited):
        await came(made, 1000)
    assert PATIENCE / 2 <= clock.now - 1000 <= PATIENCE


async def test_a_server_that_fails_is_asked_a_few_times_by_that_question_alone() -> None:
    asked = Counter[int]()

    def says(number: int) -> Exception | None:
        asked[number] += 1
        return ModelUnavailable("it broke off") if number in (2, 3) and (number == 2 or asked[3] < TRIES) else None

    found = await came(asker(says), 6)
    assert kinds(found) == ["Answer", "Answer", "ModelUnavailable", "Answer", "Answer", "Answer"]
    assert asked == {0: 1, 1: 1, 2: TRIES, 3: TRIES, 4: 1, 5: 1}


@pytest.mark.parametrize("error", [ModelUnavailable("it is down"), OverBudget("nothing is left"), KeyError("bug")])
async def test_many_failures_in_a_row_end_the_batch_and_are_no_answers(error: Exception) -> None:
    asked: set[int] = set()

    def says(number: int) -> Exception | None:
        asked.add(number)
        return error if number >= 5 else None

    found = await until(error, asker(says, concurrency=3))
    assert kinds(found) == ["Answer"] * 5
    assert len(asked) <= 5 + ROW + 3


async def test_failures_that_nobody_is_blamed_for_yet_hold_up_nothing() -> None:
    """Nineteen failures, then questions that are wrong by themselves: nobody waits for an answer that never comes."""

    def says(number: int) -> Exception | None:
        return OverBudget("too dear") if number < ROW - 1 else UsageError("empty")

    found = await came(asker(says, concurrency=2, ahead=ROW + 4), 200)
    assert kinds(found) == ["OverBudget"] * (ROW - 1) + ["UsageError"] * (200 - ROW + 1)


@pytest.mark.parametrize("number", [0, -1, True, asking.MOST_AT_ONCE + 1])
def test_a_wrong_concurrency_is_refused(number: int) -> None:
    with pytest.raises(UsageError, match="concurrency is out of range: expected 1 to"):
        asking.check_concurrency(number)
