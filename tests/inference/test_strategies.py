"""In which order each strategy asks, and why."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import pytest

from ragstone.errors import ModelUnavailable, NotConfigured
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.choosing import Route
from ragstone.inference.gauge import FRESH, Gauge
from ragstone.inference.health import Health
from ragstone.inference.router import Router
from ragstone.inference.speed import Speed
from ragstone.inference.strategies import SELDOM, Cheapest, Choice, Fastest, LeastBusy, Strategy
from ragstone.protocols import Capabilities, Load, Model
from ragstone.testing import ScriptedModel
from ragstone.trace import Trace
from ragstone.types import Completion, Context, Message, Options, Prompt
from ragstone.usage import Price

PROMPT = Prompt(name="p", version="1", messages=(Message("user", "Hello"),), tokens=1000)


def context(number: int = 0) -> Context:
    """One of a fixed trace."""
    return Context(trace=Trace("ask", id=f"{number:016x}"))


async def order(
    strategy: Strategy, models: Sequence[str] | dict[str, Model], *, number: int = 0, prompt: Prompt = PROMPT
) -> Sequence[Choice]:
    given = models if isinstance(models, dict) else {name: ScriptedModel([]) for name in models}
    return await strategy.order(dict(given), prompt, context=context(number))


def names(choices: Sequence[Choice]) -> list[str]:
    return [choice.name for choice in choices]


def priced(price: Price | None, *, local: bool = False) -> Model:
    return ScriptedModel([], capabilities=Capabilities(price=price, local=local))


# ── Cheapest ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_cheapest_is_that_of_this_prompt_and_its_answer():
    models: dict[str, Model] = {
        "unknown": priced(None),
        "reads dear": priced(Price(input=4, output=1)),
        "writes dear": priced(Price(input=1, output=10)),
        "own": priced(None, local=True),
    }
    found = await order(Cheapest(), models)  # 1,000 tokens in and 300 out
    assert names(found) == ["own", "writes dear", "reads dear", "unknown"]
    assert [choice.why for choice in found[1:]] == ["about $0.004000", "about $0.004300", "its price is not known"]
    longer = Prompt(name="p", version="1", messages=(), tokens=1000, options=Options(max_tokens=2000))
    assert names(await order(Cheapest(), models, prompt=longer))[:2] == ["own", "reads dear"]


# ── Fastest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def healths(**speeds: tuple[float, float] | None) -> dict[str, Health]:
    found = {name: Health() for name in speeds}
    for name, speed in speeds.items():
        if speed is not None:
            first, rate = speed
            found[name].speed.note(first=first, tokens=rate, seconds=1.0)
            found[name].speed.asked = 1
    return found


def ordinary() -> int:
    """The number of a trace that looks at no other model."""
    return next(number for number in range(100) if not drawn(number))


def drawn(number: int) -> bool:
    return int.from_bytes(blake2b(f"{number:016x}".encode(), digest_size=8).digest()) % SELDOM == 0


async def test_the_fastest_is_that_of_this_answers_length():
    fastest = Fastest(healths(quick_to_begin=(0.1, 20.0), quick_to_write=(1.0, 200.0)))
    both = ["quick_to_begin", "quick_to_write"]
    short = Prompt(name="p", version="1", messages=(), options=Options(max_tokens=10))
    assert names(await order(fastest, both, number=ordinary(), prompt=short)) == both
    found = await order(fastest, both, number=ordinary())
    assert names(found) == ["quick_to_write", "quick_to_begin"]
    assert [choice.why for choice in found] == ["about 2.50 s for 300 tokens", "about 15.10 s for 300 tokens"]
    assert found[0].figures == {"seconds": 2.5, "first": 1.0, "tokens_a_second": 200.0}


async def test_models_that_were_never_asked_come_first_and_silent_ones_last():
    known = healths(silent=None, known=(0.1, 100.0), new=None, newer=None)
    known["silent"].speed.asked = 1
    found = await order(Fastest(known), ["silent", "known", "new", "newer"], number=ordinary())
    assert names(found) == ["new", "newer", "known", "silent"]
    assert found[0].why == "it was never asked yet"


async def test_each_new_model_is_asked_once_also_by_many_at_the_same_time():
    known = healths(a=None, b=None, c=None)
    models = {name: ScriptedModel(lambda _: "words enough") for name in known}
    router = Router(
        {name: AttemptedModel(model, health=known[name]) for name, model in models.items()},
        route=Route(strategy=Fastest(known), healths=known),
    )
    await asyncio.gather(*(router.generate(PROMPT, context=context(ordinary())) for _ in range(3)))
    assert [len(model.prompts) for model in models.values()] == [1, 1, 1]


async def test_a_new_model_that_fails_is_not_asked_first_for_ever():
    known = healths(broken=None, works=(0.1, 100.0))
    broken = ScriptedModel(lambda _: ModelUnavailable("down", again=False))
    models = {"broken": broken, "works": ScriptedModel(lambda _: "yes")}
    router = Router(
        {name: AttemptedModel(model, health=known[name]) for name, model in models.items()},
        route=Route(strategy=Fastest(known), healths=known),
    )
    for _ in range(5):
        assert (await router.generate(PROMPT, context=context(ordinary()))).text == "yes"
    assert len(broken.prompts) == 1


async def test_a_small_share_of_traces_finds_one_that_became_fast():
    known = healths(fast=(0.1, 100.0), slow=(1.0, 10.0), slower=(2.0, 10.0))
    firsts = Counter[str]()
    for number in range(3200):
        found = await order(Fastest(known), list(known), number=number)
        assert sorted(names(found)) == sorted(known)
        assert (found[0].name != "fast") == drawn(number)
        firsts[found[0].name] += 1
    share = 1 - firsts["fast"] / 3200
    assert 0.5 / SELDOM < share < 2 / SELDOM
    assert min(firsts["slow"], firsts["slower"]) > 20
    again = await order(Fastest(known), list(known), number=7)
    assert again == await order(Fastest(known), list(known), number=7)


def test_a_call_whose_first_word_nobody_saw_counts_by_its_whole_time():
    alone = Speed()
    alone.whole(tokens=100, seconds=2.0)
    assert alone.expected(100) == pytest.approx(2.0, rel=0.02)
    after = Speed()
    after.note(first=0.5, tokens=100, seconds=1.0)
    after.whole(tokens=100, seconds=1.5)  # says the same of it as the stream before
    assert (after.first, after.tokens) == (pytest.approx(0.5), pytest.approx(100.0))
    silent = Speed()
    silent.whole(tokens=0, seconds=3.0)
    assert silent.expected(100) == pytest.approx(3.0)


def test_words_that_all_come_at_once_are_no_speed_of_writing():
    speed = Speed()
    speed.note(first=2.0, tokens=100, seconds=0.0001)
    assert speed.expected(200) == pytest.approx(4.0, rel=0.02)


def test_an_old_speed_is_forgotten_by_and_by():
    speed = Speed()
    for first in [4.0] + [1.0] * 30:
        speed.note(first=first, tokens=0, seconds=0.0)
    assert speed.first == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("way", ["generate", "sample", "stream"])
async def test_every_way_to_ask_a_model_says_how_fast_it_is(way: str):
    health = Health()
    model = AttemptedModel(
        ScriptedModel(lambda _: "three words here", capabilities=Capabilities(samples=True)), health=health
    )
    if way == "generate":
        await model.generate(PROMPT, context=Context())
    elif way == "sample":
        await model.sample(PROMPT, n=4, context=Context())
    else:
        assert [delta async for delta in model.stream(PROMPT, context=Context())]
    assert health.speed.asked == 1
    assert health.speed.expected(10) is not None


# ── Least busy ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Gauged(Model):
    """A server that tells its load, and holds its requests until all are there."""

    def __init__(self, load: Load | Exception | None = None) -> None:
        self.load_told, self.polled, self.served = load, 0, 0
        self.hall = asyncio.Barrier(1)

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        self.served += 1
        await self.hall.wait()
        return Completion(text="done", model=self.name)

    async def busy(self, *, context: Context) -> Load | None:
        self.polled += 1
        await asyncio.sleep(0)
        if isinstance(self.load_told, Exception):
            raise self.load_told
        return self.load_told


def loaded(**models: Gauged) -> tuple[Router, dict[str, Health]]:
    known = {name: Health() for name in models}
    guarded: dict[str, Model | NotConfigured] = {
        name: AttemptedModel(model, health=known[name]) for name, model in models.items()
    }
    return Router(guarded, route=Route(strategy=LeastBusy(known), healths=known)), known


async def burst(router: Router, count: int, *models: Gauged) -> None:
    hall = asyncio.Barrier(count)
    for model in models:
        model.hall = hall
    await asyncio.gather(*(router.generate(PROMPT, context=Context()) for _ in range(count)))


async def test_fifty_requests_at_once_are_spread_and_each_server_is_asked_for_its_load_once():
    a, b = Gauged(Load(running=0, waiting=0)), Gauged(Load(running=0, waiting=0))
    router, _ = loaded(a=a, b=b)
    await burst(router, 50, a, b)
    assert (a.served, b.served) == (25, 25)
    assert (a.polled, b.polled) == (1, 1)


async def test_what_others_keep_a_server_busy_with_counts_too():
    a, b = Gauged(Load(running=20, waiting=10)), Gauged(Load(running=0, waiting=0))
    router, _ = loaded(a=a, b=b)
    await burst(router, 50, a, b)
    assert (a.served, b.served) == (10, 40)


@pytest.mark.parametrize("silent", [None, ModelUnavailable("no metrics here"), TimeoutError()], ids=str)
async def test_a_server_that_does_not_tell_counts_by_our_own_requests(silent: Exception | None):
    a, b = Gauged(silent), Gauged(Load(running=10, waiting=0))
    router, _ = loaded(a=a, b=b)
    await burst(router, 30, a, b)
    assert (a.served, b.served) == (20, 10)


async def test_the_time_that_a_model_takes_to_load_is_not_its_servers():
    class Loading(Gauged):
        loaded = False

        async def load(self) -> None:
            self.loaded = True

        async def busy(self, *, context: Context) -> Load | None:
            return await super().busy(context=context) if self.loaded else None

    slow = Loading(Load(running=7, waiting=0))
    (choice,) = await LeastBusy({"a": Health()}).order({"a": slow}, PROMPT, context=Context())
    assert choice.why == "0 requests of ours, 7 of others"


async def test_equal_servers_take_turns():
    known = {name: Health() for name in "abc"}
    strategy, models = LeastBusy(known), {name: ScriptedModel([]) for name in "abc"}
    firsts = [(await order(strategy, dict(models)))[0].name for _ in range(6)]
    assert firsts == ["a", "b", "c", "a", "b", "c"]


async def test_of_equal_servers_the_one_with_more_memory_left_comes_first():
    a, b = Gauged(Load(running=1, waiting=0, memory=0.9)), Gauged(Load(running=0, waiting=1, memory=0.2))
    choices = await LeastBusy({name: Health() for name in "ab"}).order({"a": a, "b": b}, PROMPT, context=Context())
    assert names(choices) == ["b", "a"]
    assert choices[0].why == "0 requests of ours, 1 of others"
    assert choices[0].figures == {"busy": 1, "own": 0, "others": 1, "memory": 0.2}


async def test_our_own_requests_are_not_counted_twice_and_a_figure_is_kept_for_a_second():
    now, own = [0.0], [5]
    gauge, model = Gauge(clock=lambda: now[0]), Gauged(Load(running=6, waiting=2))
    await gauge.read(model, lambda: own[0])
    assert (gauge.others, model.polled) == (3, 1)
    model.load_told = Load(running=1, waiting=0)
    await gauge.read(model, lambda: own[0])
    assert (gauge.others, model.polled) == (3, 1)
    now[0] = FRESH
    await gauge.read(model, lambda: own[0])
    assert (gauge.others, model.polled) == (0, 2)


async def test_one_that_leaves_while_a_server_is_asked_takes_the_figure_from_nobody():
    gauge, model = Gauge(), Gauged(Load(running=2, waiting=0))
    leaving, staying = (asyncio.create_task(gauge.read(model, lambda: 0)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert (gauge.others, model.polled, leaving.cancelled()) == (2, 1, True)


async def test_models_that_only_quote_come_behind_whatever_the_strategy():
    quotes = ScriptedModel([], capabilities=Capabilities(generative=False, local=True))
    models: dict[str, Model | NotConfigured] = {"quotes": quotes, "writes": priced(Price(input=9, output=9))}
    for strategy in (Cheapest(), Fastest({}), LeastBusy({})):
        found = await Route(strategy=strategy).choose(models, PROMPT, context=Context())
        assert names(found.asked) == ["writes", "quotes"]
        assert found.asked[1].why == "it only quotes, so it comes last"
