"""What a reader has at the end is one model's text, whatever broke off on the way; and when a route waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playing import LIFE, PROMPT, SILENCE, Play, PlayingModel
from ragstone.errors import ModelBusy, ModelError, ModelResting, ModelTimeout, ModelUnavailable, StreamBroken
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.breaker import FEWEST, Breaker
from ragstone.inference.choosing import Route
from ragstone.inference.health import Health
from ragstone.inference.router import Router
from ragstone.protocols import Capabilities, Model
from ragstone.testing import ScriptedModel
from ragstone.testing.suites import ModelSuite
from ragstone.types import Completion, Context, Delta, Prompt

DOWN = ModelUnavailable("broke off")
RESTART = Route(restart=True)


class Routed(Model):
    """A route behind the face of a model."""

    def __init__(self, router: Router) -> None:
        self.router, self.name = router, "routed"

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        return await self.router.generate(prompt, context=context)

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        return await self.router.sample(prompt, n=n, context=context)

    def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        return self.router.stream(prompt, context=context)


class TestRouted(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> Model:
        model = ScriptedModel(lambda _: "Paris [1].")
        return Routed(Router({"down": PlayingModel([DOWN]), "up": AttemptedModel(model)}))


def attempted(*plays: Play, name: str) -> AttemptedModel:
    async def sleep(_: float) -> None:
        """Takes no time."""

    return AttemptedModel(PlayingModel(*plays, name=name), sleep=sleep)


async def read(router: Router, context: Context) -> tuple[str, Completion | None, ModelError | None, int]:
    """What a reader has at the end, the completion or the error, and how often the answer began anew."""
    text, completion, restarts = "", None, 0
    try:
        async for delta in router.stream(PROMPT, context=context):
            restarts += delta.restart
            text = delta.text if delta.restart else text + delta.text
            assert completion is None
            completion = delta.completion
    except ModelError as error:
        return text, None, error, restarts
    return text, completion, None, restarts


PLAYS = st.lists(
    st.one_of(
        st.sampled_from([LIFE, DOWN, ModelTimeout("slow", again=False), ModelBusy("full", again=False)]),
        st.sampled_from("abc"),
    ),
    max_size=5,
)


@given(
    scripts=st.lists(st.lists(PLAYS, min_size=1, max_size=3), min_size=1, max_size=3),
    restart=st.booleans(),
    unread=st.booleans(),
)
def test_two_models_are_never_spliced(scripts: list[list[Play]], restart: bool, unread: bool) -> None:
    # Each piece says whose it is, and in which call it was said.
    models: dict[str, AttemptedModel] = {}
    for number, plays in enumerate(scripts):
        marked = [
            [beat if not beat or not isinstance(beat, str) else f"<{number}.{call}{beat}>" for beat in play]
            for call, play in enumerate(plays)
        ]
        models[str(number)] = attempted(*marked, name=str(number))
    router, context = Router(models, route=Route(restart=restart)), Context(unread=unread)
    text, completion, error, restarts = asyncio.run(read(router, context))
    assert len({piece.split(".")[0] for piece in text.split("<")[1:]}) <= 1
    calls = sum(model.model.calls for model in models.values())  # type: ignore[attr-defined]
    if completion is not None:
        assert text == completion.text
        assert completion.usage.output_tokens == len(text)
        attempts = completion.attempts
        assert (attempts[-1].error, attempts[-1].model) == (None, completion.model)
        assert all(one.error for one in attempts[:-1])
    else:
        assert error is not None
        attempts = error.attempts
        assert all(one.error for one in attempts)
        if text and not unread:
            assert isinstance(error, StreamBroken)
    assert len(attempts) == calls
    assert [one.waited > 0 for one in attempts].count(False) >= 1
    if restarts:
        assert restart or unread
    assert all(model.health.gate.running == 0 for model in models.values())


async def test_an_answer_that_broke_off_is_final_for_who_reads_it() -> None:
    router = Router({"half": attempted(["Good ", DOWN], name="half"), "up": attempted(["ok"], name="up")})
    text, _, error, restarts = await read(router, Context())
    assert (text, restarts, type(error)) == ("Good ", 0, StreamBroken)
    assert [(one.model, one.error) for one in error.attempts] == [("half", "half: broke off")]


@pytest.mark.parametrize("context", [Context(unread=True), Context()], ids=["unread", "declared"])
async def test_it_begins_anew_where_that_is_allowed(context: Context) -> None:
    half, up = attempted(["Good ", DOWN], name="half"), attempted([LIFE, "All ", "well"], name="up")
    router = Router({"half": half, "up": up}, route=Route() if context.unread else RESTART)
    text, completion, _, restarts = await read(router, context)
    assert (text, restarts) == ("All well", 1)
    assert completion is not None
    assert completion.notice == "half: broke off"


async def test_the_only_model_is_asked_once_more() -> None:
    text, completion, _, restarts = await read(
        Router({"only": attempted(["Good ", DOWN], ["Good day"], name="only")}, route=RESTART), Context()
    )
    assert (text, restarts) == ("Good day", 1)
    assert completion is not None
    twice = Router({"only": attempted(["Good ", DOWN], ["Bad ", DOWN], ["never"], name="only")}, route=RESTART)
    text, _, error, _ = await read(twice, Context())
    assert (text, type(error)) == ("Bad ", StreamBroken)


async def test_the_words_stay_until_others_come() -> None:
    """Where nobody begins anew, the reader keeps what there is, and is told that it broke off."""
    router = Router(
        {
            "half": attempted(["Good ", ModelUnavailable("gone", again=False)], name="half"),
            "down": attempted([LIFE, DOWN], name="down"),
        },
        route=RESTART,
    )
    text, _, error, restarts = await read(router, Context())
    assert (text, restarts, type(error)) == ("Good ", 0, StreamBroken)


# ── Samples ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_samples_side_by_side_tell_of_every_try() -> None:
    model = attempted([DOWN], ["a"], [DOWN], [DOWN], [DOWN], ["b"], name="m")
    model.model.capabilities = Capabilities(samples=False)
    found = await Router({"m": model}).sample(PROMPT, n=3, context=Context())
    errors = [one.error for one in found[0].attempts]
    assert len(errors) == model.model.calls  # type: ignore[attr-defined]
    assert errors.count(None) == len(found)
    assert all(one.attempts == found[0].attempts for one in found)


@given(plays=st.lists(PLAYS, min_size=1, max_size=8), n=st.integers(1, 5), samples=st.booleans())
def test_samples_come_whole_or_are_missing(plays: list[Play], n: int, samples: bool) -> None:
    model = attempted(*plays, ["last"], name="m")
    model.model.capabilities = Capabilities(samples=samples)
    said = {"".join(beat for beat in play if isinstance(beat, str)) for play in [*plays, ["last"]]}
    try:
        found = asyncio.run(_sampled(model, n))
    except ModelError as error:
        attempts = error.attempts
    else:
        attempts = found[0].attempts
        assert 1 <= len(found) <= n
        assert {one.text for one in found} <= said
        missing = f"{n - len(found)} of {n} samples are missing"
        assert all((missing in (one.notice or "")) == (len(found) < n) for one in found)
    assert len(attempts) == model.model.calls  # type: ignore[attr-defined]
    assert (model.health.gate.running, model.health.gate.waiting) == (0, 0)


async def _sampled(model: Model, n: int) -> Sequence[Completion]:
    return await Router({"m": model}).sample(PROMPT, n=n, context=Context())


# ── Waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Slept(list[float]):
    """Remembers for how long, and what is to happen meanwhile."""

    def __init__(self, then: object = None) -> None:
        super().__init__()
        self.then = then

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        if callable(self.then):
            self.then()


def asked_for(seconds: float, *, then: Play = ("ok",)) -> AttemptedModel:
    now = [0.0]
    model = AttemptedModel(
        PlayingModel([ModelUnavailable("429", retry_after=seconds)], then, name="only"),
        health=Health(breaker=Breaker("only", clock=lambda: now[0])),
    )
    model.passes = lambda: now.__setitem__(0, now[0] + seconds)  # type: ignore[attr-defined]
    return model


async def test_where_nobody_else_can_answer_waiting_is_better_than_failing() -> None:
    only = asked_for(30)
    slept = Slept(only.passes)  # type: ignore[attr-defined]
    router = Router({"only": only}, route=Route(healths={"only": only.health}), sleep=slept)
    said = await router.generate(PROMPT, context=Context().within(60))
    assert (said.text, slept) == ("ok", [30])
    assert [(one.error, one.waited) for one in said.attempts] == [("only: 429", 0.0), (None, 30)]
    # The next question finds it at rest before anybody is asked.
    only.health.breaker.rest(20)
    assert (await router.generate(PROMPT, context=Context().within(60))).text == "ok"
    assert slept == [30, 20]


@pytest.mark.parametrize("seconds", [20, None], ids=["too-late", "no-deadline"])
async def test_nobody_waits_beyond_the_deadline(seconds: float | None) -> None:
    slept, context = Slept(), Context() if seconds is None else Context().within(seconds)
    with pytest.raises(ModelUnavailable, match="429"):
        await Router({"only": asked_for(30)}, sleep=slept).generate(PROMPT, context=context)
    assert slept == []


async def test_a_route_waits_once_and_not_where_another_model_answers() -> None:
    slept, refusing = Slept(), ModelUnavailable("429", retry_after=12.0, again=False)
    with pytest.raises(ModelUnavailable, match="429"):
        await Router({"only": PlayingModel([refusing])}, sleep=slept).generate(PROMPT, context=Context().within(60))
    assert slept == [12.0]
    other = Router({"busy": PlayingModel([refusing]), "other": PlayingModel(["ok"])}, sleep=slept)
    assert (await other.generate(PROMPT, context=Context().within(60))).text == "ok"
    assert slept == [12.0]


async def test_who_was_shed_does_not_wait() -> None:
    slept, busy = Slept(), ModelBusy("full", retry_after=2.0, again=False)
    with pytest.raises(ModelBusy):
        await Router({"only": PlayingModel([busy])}, sleep=slept).generate(PROMPT, context=Context().within(60))
    assert slept == []


async def test_past_the_deadline_nobody_else_is_asked() -> None:
    silent = AttemptedModel(PlayingModel([SILENCE]))
    other = PlayingModel(["never"])
    with pytest.raises(ModelTimeout):
        await Router({"silent": silent, "other": other}).generate(PROMPT, context=Context().within(0.01))
    assert other.calls == 0


async def test_a_model_that_rests_is_passed_over_with_a_notice() -> None:
    health = Health(breaker=Breaker("ill"))
    for _ in range(FEWEST):
        health.breaker.note(health.breaker.enter(), worked=False)
    ill, well = PlayingModel(["never"]), PlayingModel(["ok"])
    route = Route(healths={"ill": health})
    said = await Router({"ill": ill, "well": well}, route=route).generate(PROMPT, context=Context())
    assert said.notice == "ill: it failed too often, and is left alone for 10 s"
    with pytest.raises(ModelResting):
        await Router({"ill": ill}, route=route).generate(PROMPT, context=Context())
    assert ill.calls == 0


async def test_the_trace_tells_of_each_try() -> None:
    context = Context()
    model = attempted([DOWN], ["ok"], name="m")
    model.drawn = lambda low, high: high
    await Router({"m": model}).generate(PROMPT, context=context)
    first, second = context.trace.steps[0].facts["tries"]
    assert (first["waited"], first["error"], second["waited"]) == (0.0, "m: broke off", 0.25)
    assert "error" not in second
    plain = Context()
    await Router({"m": attempted(["ok"], name="m")}).generate(PROMPT, context=plain)
    assert "tries" not in plain.trace.steps[0].facts


async def test_a_notice_is_not_repeated_for_each_try() -> None:
    down, up = attempted([DOWN], name="down"), attempted(["ok"], name="up")
    said = await Router({"down": down, "up": up}).generate(replace(PROMPT), context=Context())
    assert said.notice == "down: broke off"
    assert [one.model for one in said.attempts] == ["down", "down", "down", "up"]
