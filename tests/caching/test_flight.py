"""One call for all who ask for the same at once: what readers get, and whose error is whose."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from paced import PacedModel
from ragstone.caching.flight import Flights
from ragstone.caching.model import CachedModel
from ragstone.caching.reading import Reader, pieces
from ragstone.errors import ModelError, ModelRejected, ModelTimeout, ModelUnavailable, OverBudget, RateLimited
from ragstone.testing import MemoryCache
from ragstone.testing.suites.model import prompt
from ragstone.types import Completion, Context, Delta
from ragstone.usage import Usage

MANY = 200


class Desk:
    """A cached model with readers at it."""

    def __init__(self) -> None:
        self.model, self.cache = PacedModel(), MemoryCache()
        self.cached = CachedModel(self.model, self.cache)
        self.readers: list[asyncio.Task[Any]] = []
        self.heard: list[list[Delta]] = []

    def asks(self, **who: Any) -> asyncio.Task[Completion]:
        return self._started(self.cached.generate(prompt(), context=Context(**who)))

    def reads(self, **who: Any) -> asyncio.Task[Completion]:
        heard: list[Delta] = []
        self.heard.append(heard)

        async def read() -> Completion:
            async for delta in self.cached.stream(prompt(), context=Context(**who)):
                heard.append(delta)  # noqa: PERF401 - others look at it meanwhile
            assert heard[-1].completion is not None
            return heard[-1].completion

        return self._started(read())

    def _started(self, work: Coroutine[Any, Any, Completion]) -> asyncio.Task[Completion]:
        task = asyncio.ensure_future(work)
        self.readers.append(task)
        return task

    async def figures(self) -> dict[str, int]:
        return dict((await self.cache.stats(context=Context())).figures)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    made, wrong = Desk(), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, told: wrong.append(told))
    yield made
    for reader in made.readers:
        reader.cancel()
    await asyncio.gather(*made.readers, return_exceptions=True)
    made.readers.clear()
    gc.collect()
    await settled()
    assert wrong == []
    assert len(asyncio.all_tasks()) == 1, "no call goes on without a reader"


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - whatever a test is after
            await asyncio.sleep(0)


def said(heard: list[Delta]) -> str:
    text = ""
    for delta in heard:
        text = delta.text if delta.restart else text + delta.text
    return text


# ── One call ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_many_equal_requests_at_once_make_one_call(desk: Desk) -> None:
    readers = [desk.asks() if number % 2 else desk.reads() for number in range(MANY)]
    await desk.model.says("Paris ", "[1].", "")
    found = await asyncio.gather(*readers)
    assert {each.text for each in found} == {"Paris [1]."}
    assert all(said(heard) == "Paris [1]." for heard in desk.heard)
    assert desk.model.calls == 1
    paid = [each for each in found if not each.cached]
    assert len(paid) == 1
    assert sum(each.cost for each in found) == paid[0].cost > 0
    assert all(each.usage == Usage() and not each.attempts for each in found if each.cached)
    figures = await desk.figures()
    assert (figures["calls.miss"], figures["calls.joined"]) == (1, MANY - 1)
    assert figures["calls.saved.nano"] == (MANY - 1) * 1_000_000


async def test_all_readers_hear_a_stream_while_it_is_said_and_late_ones_what_came_before(desk: Desk) -> None:
    desk.reads()
    desk.reads()
    await desk.model.says("one ", "two ")
    await until(lambda: all(said(heard) == "one two " for heard in desk.heard))
    desk.reads()
    await until(lambda: said(desk.heard[2]) == "one two ")
    await desk.model.says("three", "")
    await asyncio.gather(*desk.readers)
    assert [said(heard) for heard in desk.heard] == ["one two three"] * 3
    assert desk.model.calls == 1


async def test_the_trace_says_who_joined(desk: Desk) -> None:
    contexts = [Context() for _ in range(3)]
    calls = [asyncio.ensure_future(desk.cached.generate(prompt(), context=context)) for context in contexts]
    await desk.model.says("Paris", "")
    await asyncio.gather(*calls)
    outcomes = [step.facts["outcome"] for each in contexts for step in each.trace.steps if step.name == "cache"]
    assert sorted(outcomes) == ["joined", "joined", "miss"]


async def test_another_caller_does_not_join(desk: Desk) -> None:
    desk.asks(principals=frozenset({"group:hr"}))
    desk.asks(principals=frozenset({"group:it"}))
    desk.asks(tenant="other")
    for call in range(3):
        await desk.model.says("Paris", "", call=call)
    await asyncio.gather(*desk.readers)
    assert desk.model.calls == 3


async def test_who_wants_an_answer_made_anew_joins_only_those_who_do(desk: Desk) -> None:
    desk.asks()
    desk.asks(cache="refresh")
    desk.asks(cache="refresh")
    await desk.model.says("Paris", "", call=0)
    await desk.model.says("Paris", "", call=1)
    await asyncio.gather(*desk.readers)
    assert desk.model.calls == 2


async def test_a_restart_is_told_to_all_who_have_read_words(desk: Desk) -> None:
    desk.reads()
    await desk.model.says("wrong ")
    await until(lambda: said(desk.heard[0]) == "wrong ")
    await desk.model.says(Delta("", restart=True), "right")
    await until(lambda: said(desk.heard[0]) == "right")
    desk.reads()
    await desk.model.says("")
    await asyncio.gather(*desk.readers)
    assert [said(heard) for heard in desk.heard] == ["right", "right"]
    assert [sum(delta.restart for delta in heard) for heard in desk.heard] == [1, 0]


# ── Who leaves ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_call_goes_on_when_who_began_it_leaves(desk: Desk) -> None:
    first, second = desk.reads(), desk.asks()
    await desk.model.says("Paris ")
    await until(lambda: bool(desk.heard[0]))
    first.cancel()
    await asyncio.wait({first})
    await desk.model.says("[1].", "")
    assert (await second).text == "Paris [1]."
    assert (desk.model.calls, desk.model.left) == (1, [])


async def test_the_call_is_stopped_when_the_last_reader_has_left(desk: Desk) -> None:
    readers = [desk.reads(), desk.asks()]
    await desk.model.says("Paris ")
    await until(lambda: bool(desk.heard[0]))
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)
    assert desk.model.left == [0]
    again = desk.asks()
    await desk.model.says("Rome", "", call=1)
    assert (await again).text == "Rome"


async def test_a_reader_who_comes_while_a_call_is_being_stopped_begins_another(desk: Desk) -> None:
    first = desk.asks()
    await desk.model.says("Paris ")
    first.cancel()
    second = desk.asks()
    await desk.model.says("Rome", "", call=1)
    assert (await second).text == "Rome"
    assert desk.model.left == [0]


async def test_a_readers_own_deadline_holds_and_the_others_go_on(desk: Desk) -> None:
    first = desk.asks()
    await until(lambda: desk.model.calls == 1)
    with pytest.raises(ModelTimeout, match="before it had answered"):
        await desk.cached.generate(prompt(), context=Context().within(0.01))
    await desk.model.says("Paris", "")
    assert (await first).text == "Paris"
    assert desk.model.calls == 1


# ── Whose error it is ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_wrong_with_the_model_is_everyones(desk: Desk) -> None:
    error = ModelRejected("the server refused it").taking(Usage(input_tokens=5))
    for _ in range(MANY):
        desk.asks()
    await desk.model.says(error)
    found = await asyncio.gather(*desk.readers, return_exceptions=True)
    assert desk.model.calls == 1
    assert {type(each) for each in found} == {ModelRejected}
    assert len({id(each) for each in found}) == MANY, "each has an error of its own"
    assert [each.usage for each in found if isinstance(each, ModelError) and each.usage] == [Usage(input_tokens=5)]


@pytest.mark.parametrize(
    ("error", "who"),
    [
        (OverBudget("spent"), {"key": "poor"}),
        (RateLimited("too many"), {"key": "busy"}),
        (OverBudget("spent"), {"budget": 0.001}),
        (ModelTimeout("late"), {"deadline": 0.0}),
    ],
)
async def test_an_error_of_who_began_it_is_not_that_of_the_others(
    desk: Desk, error: ModelError, who: dict[str, Any]
) -> None:
    first = desk.asks(**who)
    await until(lambda: desk.model.calls == 1)
    others = [desk.asks() for _ in range(20)]
    await settled()
    await desk.model.says(error)
    with pytest.raises(type(error)):
        await first
    await desk.model.says("Paris", "", call=1)
    assert {each.text for each in await asyncio.gather(*others)} == {"Paris"}
    assert desk.model.calls == 2


@pytest.mark.parametrize("error", [OverBudget("spent"), RateLimited("too many")])
async def test_of_those_with_one_account_one_more_tries_and_no_herd(desk: Desk, error: ModelError) -> None:
    for _ in range(MANY):
        desk.asks()
    for call in range(2):
        await desk.model.says(type(error)("spent"), call=call)
    found = await asyncio.gather(*desk.readers, return_exceptions=True)
    assert {type(each) for each in found} == {type(error)}
    assert desk.model.calls == 2


async def test_the_models_own_timeout_is_everyones(desk: Desk) -> None:
    for _ in range(5):
        desk.asks()
    await desk.model.says(ModelTimeout("it said nothing within 60 s"))
    found = await asyncio.gather(*desk.readers, return_exceptions=True)
    assert {type(each) for each in found} == {ModelTimeout}
    assert desk.model.calls == 1


async def test_who_has_read_words_goes_on_where_the_next_call_says_the_same(desk: Desk) -> None:
    first = desk.reads(deadline=0.0)
    await until(lambda: desk.model.calls == 1)
    second = desk.reads()
    await desk.model.says("Paris ", "is ")
    await until(lambda: said(desk.heard[1]) == "Paris is ")
    await desk.model.says(ModelTimeout("late"))
    with pytest.raises(ModelTimeout):
        await first
    await desk.model.says("Par", "is is the ", "capital.", "", call=1)
    assert (await second).text == "Paris is the capital."
    assert [delta.text for delta in desk.heard[1]] == ["Paris ", "is ", "the ", "capital.", ""]


async def test_who_reads_along_is_told_where_the_next_call_says_something_else(desk: Desk) -> None:
    first = desk.reads(deadline=0.0)
    await until(lambda: desk.model.calls == 1)
    reads, unread = desk.reads(), desk.reads(unread=True)
    await desk.model.says("Paris ")
    await until(lambda: all(said(heard) == "Paris " for heard in desk.heard))
    await desk.model.says(ModelTimeout("late"))
    await asyncio.wait({first})
    await desk.model.says("Rome", "", call=1)
    with pytest.raises(ModelUnavailable, match="broke off"):
        await reads
    assert (await unread).text == said(desk.heard[2]) == "Rome"
    assert first.exception() is not None


async def test_a_fault_of_ours_reaches_every_reader(desk: Desk) -> None:
    for _ in range(3):
        desk.asks()
    await desk.model.says(AssertionError("no such thing"))
    found = await asyncio.gather(*desk.readers, return_exceptions=True)
    assert {type(each) for each in found} == {AssertionError}


def test_each_event_loop_has_its_own_calls() -> None:
    cached = CachedModel(PacedModel(), MemoryCache(), flights=(flights := Flights()))

    async def left() -> None:
        call = asyncio.ensure_future(cached.generate(prompt(), context=Context()))
        await until(lambda: bool(cached.model.calls))  # type: ignore[attr-defined]
        call.cancel()  # and the loop closes

    asyncio.run(left())
    cached.model = model = PacedModel()

    async def asked() -> str:
        call = asyncio.ensure_future(cached.generate(prompt(), context=Context()))
        await model.says("Paris", "")
        return (await call).text

    assert asyncio.run(asked()) == "Paris"
    assert flights.busy == 0


# ── Pieces ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text())
def test_the_pieces_of_a_text_make_up_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


def test_a_text_comes_in_several_pieces_also_without_words() -> None:
    assert list(pieces("one two\n\nthree")) == ["one ", "two\n\n", "three"]
    assert len(list(pieces("x" * 1000))) > 3


TEXTS = st.lists(st.sampled_from(["a", "b", "ab", " ", "ba"]), max_size=5)


@given(TEXTS, TEXTS, st.booleans())
def test_a_reader_ends_with_what_the_last_call_has_said(first: list[str], then: list[str], restart: bool) -> None:
    reader, heard = Reader(replace(Context(), unread=True)), list[Delta]()
    for text in first:
        heard += reader.taken(Delta(text))
    reader.again()
    for text in then:
        heard += reader.taken(Delta(text))
    heard += reader.end()
    assert said(heard) == "".join(then)
    if restart:
        heard += [*reader.taken(Delta("", restart=True)), *reader.taken(Delta("anew"))]
        assert said(heard) == "anew"
