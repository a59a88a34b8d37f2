"""One model, asked again where that may help: deadlines, waits, and what speaks against it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playing import LIFE, PROMPT, SILENCE, Beat, Play, PlayingModel
from ragstone.errors import (
    ModelBusy,
    ModelDenied,
    ModelError,
    ModelRejected,
    ModelResting,
    ModelTimeout,
    ModelUnavailable,
    OverBudget,
    RateLimited,
)
from ragstone.inference.attempt import LONGEST_WAIT, AttemptedModel
from ragstone.inference.breaker import FEWEST, REST, Breaker
from ragstone.inference.gate import Gate
from ragstone.inference.health import Health
from ragstone.protocols import Capabilities, Model
from ragstone.testing import ScriptedModel
from ragstone.testing.suites import ModelSuite
from ragstone.types import Completion, Context, Delta
from ragstone.wrapped import WrappedModel

DOWN = ModelUnavailable("refused")
WAYS = ["generate", "sample", "stream"]


class Waits:
    """Sleeps that take no time, and draws that are the highest."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.bounds: list[tuple[float, float]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def drawn(self, low: float, high: float) -> float:
        self.bounds.append((low, high))
        return high


@pytest.fixture
def waits() -> Waits:
    return Waits()


def made(model: Model, waits: Waits, **given: object) -> AttemptedModel:
    return AttemptedModel(model, sleep=waits.sleep, drawn=waits.drawn, **given)  # type: ignore[arg-type]


async def ask(model: Model, way: str, context: Context | None = None) -> Completion:
    context = context or Context()
    if way == "generate":
        return await model.generate(PROMPT, context=context)
    if way == "sample":
        return (await model.sample(PROMPT, n=2, context=context))[0]
    deltas = [delta async for delta in model.stream(PROMPT, context=context)]
    assert deltas[-1].completion is not None
    assert "".join(delta.text for delta in deltas) == deltas[-1].completion.text
    return deltas[-1].completion


class TestAttempted(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> Model:
        return AttemptedModel(ScriptedModel(lambda _: "Paris [1]."))


class TestWrapped(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> Model:
        return WrappedModel(ScriptedModel(lambda _: "Paris [1].", capabilities=Capabilities(samples=True)))


# ── Tries ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
async def test_what_may_pass_is_tried_again_and_every_try_is_told(way: str, waits: Waits) -> None:
    model = PlayingModel([DOWN], [LIFE, ModelTimeout("silent")], ["Good ", "day"])
    said = await ask(made(model, waits), way)
    assert (said.text, waits.slept) == ("Good day", [0.25, 0.5])
    assert [(one.model, one.error, one.waited) for one in said.attempts] == [
        ("local", "local: refused", 0.0),
        ("local", "local: silent", 0.25),
        ("local", None, 0.5),
    ]


@pytest.mark.parametrize("way", WAYS)
async def test_when_all_tries_fail_the_last_error_has_them_all(way: str, waits: Waits) -> None:
    model = PlayingModel([DOWN], [DOWN], [ModelUnavailable("gone")])
    with pytest.raises(ModelUnavailable, match="gone") as caught:
        await ask(made(model, waits), way)
    assert [one.error for one in caught.value.attempts] == ["local: refused", "local: refused", "local: gone"]
    assert model.calls == 3


async def test_waits_are_drawn_from_zero_to_a_bound_that_doubles(waits: Waits) -> None:
    with pytest.raises(ModelUnavailable):
        await ask(made(PlayingModel([DOWN]), waits, retries=8), "generate")
    assert waits.bounds == [(0.0, bound) for bound in (0.25, 0.5, 1, 2, 4, 8, LONGEST_WAIT, LONGEST_WAIT)]


@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailable("501", again=False),
        ModelRejected("no"),
        ModelDenied("no"),
        OverBudget("no"),
        ModelBusy("no", again=False),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_does_not_pass_is_not_tried_again(error: ModelError, waits: Waits) -> None:
    model = PlayingModel([error])
    with pytest.raises(type(error)):
        await ask(made(model, waits), "stream")
    assert (model.calls, waits.slept) == (1, [])


async def test_after_a_word_nothing_is_tried_again(waits: Waits) -> None:
    model = PlayingModel(["Good ", DOWN], ["Bad"])
    deltas = made(model, waits).stream(PROMPT, context=Context())
    assert (await anext(deltas)).text == "Good "
    with pytest.raises(ModelUnavailable) as caught:
        await anext(deltas)
    assert (model.calls, len(caught.value.attempts)) == (1, 1)


# ── Retry-After ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_time_that_a_server_names_is_waited_for(waits: Waits) -> None:
    busy = ModelUnavailable("429", retry_after=7.0)
    attempted = made(PlayingModel([busy], ["ok"]), waits)
    await ask(attempted, "stream")
    assert waits.slept == [7.0]
    assert attempted.health.breaker.state == "closed"


@pytest.mark.parametrize(
    ("error", "rests"),
    [
        (ModelUnavailable("429", retry_after=30.0), 30.0),
        (ModelUnavailable("503", retry_after=4.0, again=False), 4.0),
        (RateLimited("a limit of ours", retry_after=30.0), 0.0),
    ],
    ids=["longer-than-patience", "elsewhere", "ours"],
)
async def test_a_model_whose_time_is_not_waited_for_rests_so_long(
    error: ModelError, rests: float, waits: Waits
) -> None:
    health = Health(breaker=Breaker(clock=lambda: 100.0))
    model = PlayingModel([error], ["ok"])
    attempted = made(model, waits, health=health)
    with pytest.raises(type(error)):
        await ask(attempted, "stream")
    assert (waits.slept, health.breaker.resting) == ([], rests)
    if rests:
        with pytest.raises(ModelResting) as caught:
            await ask(attempted, "stream")
        assert (caught.value.retry_after, model.calls) == (rests, 1)
        assert caught.value.attempts[0].seconds == 0.0


async def test_a_server_that_names_a_time_and_then_answers_is_not_ill(waits: Waits) -> None:
    busy = ModelUnavailable("429", retry_after=1.0)
    attempted = made(PlayingModel(*([busy], ["ok"]) * 50), waits)
    for _ in range(50):
        await ask(attempted, "generate")
    assert attempted.health.breaker.state == "closed"


# ── Deadlines ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
async def test_a_try_ends_at_its_own_deadline_and_is_not_repeated(way: str, waits: Waits) -> None:
    model = PlayingModel([SILENCE])
    with pytest.raises(ModelTimeout, match=r"local: it said nothing within 0\.01 s") as caught:
        await ask(made(model, waits, attempt=0.01), way, Context().within(60))
    assert (model.calls, model.under_way, model.cancelled) == (1, 0, 1)
    assert caught.value.elsewhere


@pytest.mark.parametrize("way", WAYS)
async def test_all_tries_end_at_the_deadline_of_the_call(way: str, waits: Waits) -> None:
    model = PlayingModel([SILENCE])
    with pytest.raises(ModelTimeout, match="the time for this call was over before it had answered"):
        await ask(made(model, waits), way, Context().within(0.01))
    assert model.under_way == 0
    late = PlayingModel(["never"])
    with pytest.raises(ModelTimeout, match="the time for this call was over before it was asked"):
        await ask(made(late, waits), way, Context().within(0))
    assert late.calls == 0


async def test_a_stream_that_stops_midway_ends_at_the_deadline_of_the_call(waits: Waits) -> None:
    model = PlayingModel(["Good ", SILENCE])
    with pytest.raises(ModelTimeout, match="the time for this call was over"):
        await ask(made(model, waits, attempt=0.3), "stream", Context().within(0.5))
    assert model.under_way == 0


async def test_a_sign_of_life_is_enough_for_the_deadline_of_a_try(waits: Waits) -> None:
    """A model that reasons for long is not cut off; it may still be followed, since no word was said."""
    model = PlayingModel([LIFE, SILENCE])
    with pytest.raises(ModelTimeout, match="the time for this call was over"):
        await ask(made(model, waits, attempt=0.3), "stream", Context().within(0.5))
    again = PlayingModel([LIFE, LIFE, DOWN], [LIFE, "ok"])
    assert (await ask(made(again, waits), "stream")).text == "ok"


async def test_no_wait_goes_past_the_deadline(waits: Waits) -> None:
    model = PlayingModel([ModelUnavailable("429", retry_after=5.0)])
    with pytest.raises(ModelUnavailable, match="429"):
        await ask(made(model, waits), "stream", Context().within(4))
    assert (model.calls, waits.slept) == (1, [])


async def test_a_retry_that_cannot_make_it_is_not_begun(waits: Waits) -> None:
    attempted = made(PlayingModel([DOWN]), waits)
    attempted.health.speed.note(first=5.0, tokens=1, seconds=0.0)
    with pytest.raises(ModelUnavailable):
        await ask(attempted, "stream", Context().within(5))
    assert waits.slept == []


# ── What speaks against a model ──────────────────────────────────────────────────────────────────────────────────────


def judged(attempted: AttemptedModel) -> list[bool]:
    """Whether each outcome that counted was bad."""
    return [bad for _, bad in attempted.health.breaker._outcomes]


@pytest.mark.parametrize(
    ("beat", "bad"),
    [
        (DOWN, [True]),
        (ModelTimeout("it said nothing for 60 s"), [True]),
        (ModelRejected("no"), []),
        (ModelDenied("no"), []),
        (OverBudget("no"), []),
        (RateLimited("no"), []),
        (KeyError("a fault of ours"), []),
    ],
    ids=lambda given: type(given).__name__,
)
async def test_only_what_its_server_did_speaks_against_a_model(beat: Beat, bad: list[bool], waits: Waits) -> None:
    attempted = made(PlayingModel([beat]), waits, retries=0)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever was given
        await ask(attempted, "stream")
    assert judged(attempted) == bad


@pytest.mark.parametrize(
    ("play", "attempt", "within", "bad"),
    [
        ([SILENCE], 60.0, 0.01, []),
        ([SILENCE], 0.02, 0.015, [True]),
        ([SILENCE], 0.01, 60, [True]),
        (["Good ", SILENCE], 0.01, 0.02, []),
    ],
    ids=["less-than-half-its-time", "most-of-its-time", "its-time", "midway"],
)
async def test_a_callers_short_deadline_does_not_speak_against_the_model(
    play: Play, attempt: float, within: float, bad: list[bool], waits: Waits
) -> None:
    attempted = made(PlayingModel(play), waits, attempt=attempt)
    with pytest.raises(ModelTimeout):
        await ask(attempted, "stream", Context().within(within))
    assert judged(attempted) == bad


async def test_a_model_that_fails_too_often_is_not_asked(waits: Waits) -> None:
    model = PlayingModel([DOWN])
    attempted = made(model, waits, retries=0)
    for _ in range(FEWEST):
        with pytest.raises(ModelUnavailable, match="refused"):
            await ask(attempted, "generate")
    with pytest.raises(ModelResting, match="it failed too often"):
        await ask(attempted, "generate")
    assert model.calls == FEWEST


async def test_the_first_sign_of_life_of_a_trial_lets_all_others_in(waits: Waits) -> None:
    now = 0.0
    health = Health(breaker=Breaker(clock=lambda: now))
    for _ in range(FEWEST):
        health.breaker.note(health.breaker.enter(), worked=False)
    now += REST
    trial = made(PlayingModel([LIFE, "long"]), waits, health=health).stream(PROMPT, context=Context())
    await anext(trial)
    assert (await ask(made(PlayingModel(["short"]), waits, health=health), "stream")).text == "short"
    await trial.aclose()


async def test_a_trial_that_its_caller_leaves_gives_the_right_to_try_back(waits: Waits) -> None:
    now = 0.0
    health = Health(breaker=Breaker(clock=lambda: now))
    for _ in range(FEWEST):
        health.breaker.note(health.breaker.enter(), worked=False)
    now += REST
    silent = PlayingModel([SILENCE])
    task = asyncio.create_task(ask(made(silent, waits, health=health), "stream"))
    await silent.asked.wait()
    with pytest.raises(ModelResting):
        await ask(made(PlayingModel(["no"]), waits, health=health), "stream")
    task.cancel()
    await asyncio.wait([task])
    assert (await ask(made(PlayingModel(["yes"]), waits, health=health), "stream")).text == "yes"
    assert health.breaker.state == "closed"


# ── Turns, and callers that leave ────────────────────────────────────────────────────────────────────────────────────


async def test_who_waits_for_a_turn_is_told_how_long(waits: Waits) -> None:
    attempted = made(PlayingModel([SILENCE], ["ok"]), waits, health=Health(gate=Gate(1)))
    first = asyncio.create_task(ask(attempted, "stream"))
    await attempted.model.asked.wait()  # type: ignore[attr-defined]
    second = asyncio.create_task(ask(attempted, "stream"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert (attempted.health.gate.running, attempted.health.gate.waiting) == (1, 1)
    first.cancel()
    said = await second
    assert said.attempts[0].waited > 0
    assert attempted.health.gate.running == 0


async def test_a_caller_that_leaves_during_a_wait_sends_nothing_more() -> None:
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    model = PlayingModel([DOWN], ["never"])
    task = asyncio.create_task(ask(AttemptedModel(model, sleep=sleep), "stream"))
    await waiting.wait()
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), model.calls) == (True, 1)


BEATS = st.one_of(st.sampled_from(["a", LIFE, DOWN, ModelRejected("no"), ModelTimeout("slow"), SILENCE]))
CALLS = st.lists(st.tuples(st.sampled_from(WAYS), st.lists(BEATS, max_size=4), st.integers(0, 12)), max_size=12)


@given(calls=CALLS, seed=st.integers(0, 9))
def test_no_turn_is_lost_however_calls_end(calls: list[tuple[str, Play, int]], seed: int) -> None:
    async def play() -> None:
        health, drawn = Health(gate=Gate(2, 4)), random.Random(seed)
        tasks: list[asyncio.Task[Completion]] = []
        for way, beats, patience in calls:
            model = PlayingModel([*beats, "end"])
            tasks.append(asyncio.create_task(ask(made(model, Waits(), health=health), way)))
            for _ in range(patience):
                await asyncio.sleep(0)
            drawn.choice(tasks).cancel()
        for _ in range(50):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()  # those that are silent for good
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, Completion | ModelError | asyncio.CancelledError) for one in outcomes)
        assert (health.gate.running, health.gate.waiting) == (0, 0)
        assert not health.breaker._trial

    asyncio.run(play())


# ── Speed ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["generate", "stream"])
async def test_the_pace_is_measured_however_the_words_came(way: str, waits: Waits) -> None:
    model = made(ScriptedModel(["One answer in words."]), waits)
    assert model.health.speed.expected(100) is None
    await ask(model, way)
    assert model.health.speed.asked == 1
    assert model.health.speed.expected(100) > model.health.speed.expected(1) > 0


async def test_a_delta_of_each_kind_passes_unchanged(waits: Waits) -> None:
    deltas = [delta async for delta in made(PlayingModel([LIFE, "a", "b"]), waits).stream(PROMPT, context=Context())]
    assert deltas[:3] == [Delta(""), Delta("a"), Delta("b")]
