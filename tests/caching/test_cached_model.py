"""What is kept of a model's answers, what is not, and how it comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paced import PacedModel
from ragstone.caching.model import ROOM, CachedModel
from ragstone.errors import ModelUnavailable, NotCached
from ragstone.protocols import Capabilities, Model
from ragstone.stored import Stored
from ragstone.testing import MemoryCache, ScriptedModel
from ragstone.testing.suites.model import ModelSuite, prompt
from ragstone.types import Completion, Context, Delta, Options, Prompt
from ragstone.usage import Price, Usage

RICH = Completion(
    text="Paris [1].\n\n Lyon  is third.",
    model="scripted",
    reasoning="It stands there.",
    structured="json",
    confidence=0.75,
    logprob=-0.25,
    notice="Said slowly.",
    usage=Usage(input_tokens=20, output_tokens=4, cached_tokens=2),
    cost=0.000_5,
    seconds=3.0,
)
SAME = ("text", "model", "finish_reason", "reasoning", "structured", "confidence", "logprob", "abstained", "notice")


class TestCached(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> Model:
        return cached(ScriptedModel(lambda _: "Paris [1]."))


class TestCachedWithSamples(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> Model:
        return cached(ScriptedModel(lambda _: "Paris [1].", capabilities=Capabilities(samples=True)), sampled=True)


def cached(model: ScriptedModel, cache: MemoryCache | None = None, **settings: Any) -> CachedModel:
    model.fingerprint = "scripted-1"
    return CachedModel(model, cache or MemoryCache(), **settings)


def facts(context: Context) -> list[dict[str, Any]]:
    return [step.facts for step in context.trace.steps if step.name == "cache"]


async def streamed(model: Model, asked: Prompt, context: Context) -> list[Delta]:
    return [delta async for delta in model.stream(asked, context=context)]


async def figures(cache: MemoryCache) -> dict[str, int]:
    return dict((await cache.stats(context=Context())).figures)


# ── What is kept ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("first", ["generate", "stream"])
@pytest.mark.parametrize("then", ["generate", "stream"])
async def test_the_second_answer_is_that_of_the_first_and_costs_nothing(first: str, then: str) -> None:
    cache = MemoryCache()
    model = cached(ScriptedModel([RICH]), cache)
    found: list[Completion] = []
    contexts = [Context(), Context()]
    for way, context in zip((first, then), contexts, strict=True):
        asked = replace(prompt(), logprobs=True)
        if way == "generate":
            found.append(await model.generate(asked, context=context))
        else:
            *deltas, last = await streamed(model, asked, context)
            assert len(deltas) > 3
            assert last.completion is not None
            assert "".join(delta.text for delta in [*deltas, last]) == RICH.text
            found.append(last.completion)
    new, kept = found
    assert [getattr(kept, name) for name in SAME] == [getattr(new, name) for name in SAME]
    assert (new.cached, new.usage, new.cost) == (False, RICH.usage, RICH.cost)
    assert (kept.cached, kept.usage, kept.cost, kept.attempts) == (True, Usage(), 0.0, ())
    ((missed,), (hit,)) = map(facts, contexts)
    assert missed["outcome"] == "miss"
    assert hit["outcome"] == "hit"
    assert hit["key"] == missed["key"]
    assert hit["age"] >= 0
    assert await figures(cache) == {
        "calls.miss": 1,
        "calls.hit": 1,
        "calls.saved.nano": 500_000,
        "calls.saved.input_tokens": 20,
        "calls.saved.output_tokens": 4,
    }


async def test_tags_say_what_an_answer_rests_on_and_who_made_it() -> None:
    cache = MemoryCache()
    model = cached(ScriptedModel(["Paris [1]."]), cache)
    model.name = "local"
    asked = prompt()
    await model.generate(asked, context=Context(tenant="acme"))
    document = asked.slots[0].hits[0].chunk.document_id
    for tag in ("tenant:acme", "prompt:answer@1", "model:local@scripted-1", f"document:{document}"):
        assert await cache.tagged(ROOM, tag, context=Context()), tag


async def test_a_list_of_samples_is_one_entry() -> None:
    model = cached(ScriptedModel(["a", "b", "c", "d"], capabilities=Capabilities(samples=True)), sampled=True)
    asked = replace(prompt(), options=Options(temperature=0.7))
    three = await model.sample(asked, n=3, context=Context())
    again = await model.sample(asked, n=3, context=Context())
    assert [each.text for each in three] == [each.text for each in again] == ["a", "b", "c"]
    assert all(each.cached for each in again)
    assert [each.text for each in await model.sample(asked, n=1, context=Context())] == ["d"]


async def test_an_entry_lives_as_long_as_it_was_told_and_a_little_less() -> None:
    now = [1000.0]
    cache = MemoryCache(clock=lambda: now[0])
    model = cached(ScriptedModel(["one", "two"]), cache, seconds=100.0, drawn=lambda: 0.5)
    await model.generate(prompt(), context=Context())
    now[0] += 94.9
    assert len(await cache.tagged(ROOM, "tenant:default", context=Context())) == 1
    now[0] += 0.2  # 95 of 100: half of the tenth that is drawn
    assert (await model.generate(prompt(), context=Context())).text == "two"


# ── What is not kept ────────────────────────────────────────────────────────────────────────────────────────────────


DRAWN = replace(prompt(), options=Options(temperature=0.7))


@pytest.mark.parametrize(
    ("asked", "context", "why"),
    [
        (prompt(), Context(cache="off"), "off"),
        (DRAWN, Context(), "sampled"),
        (replace(prompt(), sample=1), Context(), "sampled"),
        (replace(prompt(), drawn=True), Context(), "sampled"),
    ],
)
async def test_what_is_not_kept_is_asked_anew_and_the_trace_says_why(asked: Prompt, context: Context, why: str) -> None:
    cache = MemoryCache()
    model = cached(ScriptedModel(["one", "two", "three"]), cache)
    context = replace(context, trace=Context().trace)
    assert (await model.generate(asked, context=context)).text == "one"
    last = (await streamed(model, asked, context))[-1].completion
    assert last is not None
    assert (last.text, last.cached) == ("two", False)
    assert (await model.sample(asked, n=1, context=context))[0].text == "three"
    assert facts(context) == [{"outcome": "skipped", "why": why}] * 3
    assert await figures(cache) == {f"calls.skipped.{why}": 3}
    assert (await cache.stats(context=Context())).entries == {}


async def test_several_answers_are_drawn_by_lot_at_any_temperature() -> None:
    model = cached(ScriptedModel(["a", "b", "c", "d"]))
    for _ in range(2):
        context = Context()
        await model.sample(replace(prompt(), options=Options(temperature=0)), n=2, context=context)
        assert facts(context) == [{"outcome": "skipped", "why": "sampled"}]


async def test_what_is_drawn_by_lot_is_kept_where_that_is_wanted() -> None:
    model = cached(ScriptedModel(["a", "b"]), sampled=True)
    assert [(await model.generate(DRAWN, context=Context())).text for _ in range(2)] == ["a", "a"]
    second = replace(DRAWN, sample=1)
    assert [(await model.generate(second, context=Context())).text for _ in range(2)] == ["b", "b"]


async def test_answers_of_a_model_without_a_fingerprint_are_not_kept() -> None:
    cache, context = MemoryCache(), Context()
    model = CachedModel(ScriptedModel(["one", "two"]), cache)
    assert [(await model.generate(prompt(), context=context)).text for _ in range(2)] == ["one", "two"]
    assert facts(context)[0] == {"outcome": "skipped", "why": "unnamed"}


async def test_a_request_that_json_cannot_say_is_answered_and_not_kept() -> None:
    hit = prompt().slots[0].hits[0]
    odd = replace(hit, chunk=replace(hit.chunk, metadata={"size": object()}))  # type: ignore[dict-item]
    asked = replace(prompt(), slots=(replace(prompt().slots[0], hits=(odd,)),))
    context = Context()
    model = cached(ScriptedModel(["one", "two"]))
    assert [(await model.generate(asked, context=context)).text for _ in range(2)] == ["one", "two"]
    assert facts(context)[0] == {"outcome": "skipped", "why": "unkeyed"}


async def private(asked: Prompt, completion: Completion) -> str | None:
    return "it names a person" if "Ada" in completion.text else None


@pytest.mark.parametrize(
    ("line", "settings", "why", "figure"),
    [
        (Completion(text="Par", model="scripted", finish_reason="length"), {}, "unfinished", "unfinished"),
        (Completion(text="x" * 1_000_001, model="scripted"), {}, "large", "large"),
        (Completion(text="one", model="scripted", confidence=np.float32(0.5)), {}, "odd", "odd"),  # pyright: ignore
        (Completion(text="Ada lives here.", model="scripted"), {"screen": private}, "it names a person", "screened"),
    ],
)
@pytest.mark.parametrize("way", ["generate", "stream"])
async def test_an_answer_that_may_not_be_kept_is_given_and_the_trace_says_why(
    line: Completion, settings: dict[str, Any], why: str, figure: str, way: str
) -> None:
    cache, context = MemoryCache(), Context()
    model = cached(ScriptedModel([line, line]), cache, **settings)
    for _ in range(2):
        if way == "generate":
            found = await model.generate(prompt(), context=context)
        else:
            found = (await streamed(model, prompt(), context))[-1].completion or line
        assert (found.text, found.cached) == (line.text, False)
    assert [(each["outcome"], each["why"]) for each in facts(context)] == [("skipped", why)] * 2
    assert await figures(cache) == {f"calls.skipped.{figure}": 2}


async def test_a_stream_that_is_left_early_keeps_nothing() -> None:
    cache, model = MemoryCache(), PacedModel()
    stream = CachedModel(model, cache).stream(prompt(), context=Context())
    asked = asyncio.ensure_future(anext(stream))
    await model.says("one ")
    assert (await asked).text == "one "
    await stream.aclose()
    assert model.left == [0]
    assert (await cache.stats(context=Context())).entries == {}


async def test_a_failure_is_not_kept() -> None:
    model = cached(ScriptedModel([ModelUnavailable("overloaded"), "one"]))
    with pytest.raises(ModelUnavailable, match="overloaded"):
        await model.generate(prompt(), context=Context())
    assert (await model.generate(prompt(), context=Context())).text == "one"


# ── Policies ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_refresh_asks_anew_and_replaces_what_was_kept() -> None:
    model = cached(ScriptedModel(["old", "new"]))
    await model.generate(prompt(), context=Context())
    context = Context(cache="refresh")
    assert (await model.generate(prompt(), context=context)).text == "new"
    assert facts(context)[0]["outcome"] == "miss"
    assert (await model.generate(prompt(), context=Context())).text == "new"


@pytest.mark.parametrize("asked", [prompt(), DRAWN])
async def test_only_what_is_kept_may_answer_where_that_is_said(asked: Prompt) -> None:
    model = cached(ScriptedModel(["kept"]))
    only = Context(cache="only")
    with pytest.raises(NotCached):
        await model.generate(asked, context=only)
    with pytest.raises(NotCached):
        await model.sample(asked, n=2, context=only)
    with pytest.raises(NotCached):
        await streamed(model, asked, only)
    await model.generate(prompt(), context=Context())
    assert (await model.generate(prompt(), context=only)).text == "kept"


# ── Entries that read odd ───────────────────────────────────────────────────────────────────────────────────────────


def mutations(value: bytes) -> Sequence[bytes]:
    told = json.loads(value)
    one = told["completions"][0]
    odd: list[Any] = [
        {**told, "format": 2},
        {name: told[name] for name in told if name != "format"},
        {**told, "completions": []},
        {**told, "completions": [one, one]},
        {**told, "completions": None},
        {**told, "seconds": "1"},
        {**told, "nano": -1},
        {**told, "nano": 1e300},
        {**told, "seconds": 10**400},
        {**told, "completions": [{**one, "confidence": -(10**400)}]},
        {**told, "input_tokens": None},
        {**told, "completions": [{**one, "text": None}]},
        {**told, "completions": [{**one, "abstained": 1}]},
        {**told, "completions": [{**one, "structured": "xml"}]},
        {**told, "completions": [{**one, "cached": False}]},
        {**told, "completions": [{name: one[name] for name in one if name != "reasoning"}]},
        {**told, "completions": [None]},
        [],
        None,
        "text",
    ]
    written = [json.dumps(each).encode() for each in odd]
    return [*written, b"", b"\xff\xfe", value[:-1], b"[" * 100_000, b'"' + b"x" * 50_000_000 + b'"']


async def test_an_entry_that_reads_odd_is_a_miss_and_is_removed() -> None:
    cache = MemoryCache()
    asked, count = prompt(), 0

    def say(_: Prompt) -> str:
        nonlocal count
        count += 1
        return f"answer {count}"

    model = cached(ScriptedModel(say), cache)
    await model.generate(asked, context=Context())
    (key,) = await cache.tagged(ROOM, "tenant:default", context=Context())
    value = (await cache.get(ROOM, [key], context=Context()))[key].value
    for number, odd in enumerate(mutations(value), 2):
        await cache.put(ROOM, {key: Stored(value=odd)}, context=Context())
        with pytest.raises(NotCached):
            await model.generate(asked, context=Context(cache="only"))
        assert await cache.get(ROOM, [key], context=Context()) == {}
        await cache.put(ROOM, {key: Stored(value=odd)}, context=Context())
        assert (await model.generate(asked, context=Context())).text == f"answer {number}"
        assert (await model.generate(asked, context=Context())).cached


# ── Before its time is over ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("drawn", "anew"), [(0.0, False), (1.0 - 1e-12, True)])
async def test_a_dear_entry_near_its_end_is_made_anew_beside_the_answer(drawn: float, anew: bool) -> None:
    cache, said = MemoryCache(), asyncio.Event()
    scripted = ScriptedModel(["old", "new"])
    model = cached(scripted, cache, seconds=3600.0, drawn=lambda: drawn)
    who = {"tenant": "acme", "key": "app", "principals": frozenset({"group:hr"})}
    await model.generate(prompt(), context=Context(**who))
    (key,) = await cache.tagged(ROOM, "tenant:acme", context=Context())
    entry = (await cache.get(ROOM, [key], context=Context()))[key]
    dear = {**json.loads(entry.value), "seconds": 1000.0}  # so many seconds, and an hour is left
    await cache.put(ROOM, {key: Stored(value=json.dumps(dear).encode(), seconds=3600.0)}, context=Context())
    scripted.until = said
    late = Context(**who).within(60)
    for _ in range(3):
        assert (await model.generate(prompt(), context=late)).text == "old"
    said.set()
    await model.close()
    assert len(scripted.prompts) == 1 + anew
    assert (await model.generate(prompt(), context=Context(**who))).text == ("new" if anew else "old")


async def test_a_failure_beside_the_answer_is_logged_and_nobodys_problem(caplog: pytest.LogCaptureFixture) -> None:
    cache = MemoryCache()
    model = cached(ScriptedModel(["old", ModelUnavailable("down")]), cache, seconds=60.0, drawn=lambda: 1 - 1e-12)
    await model.generate(prompt(), context=Context())
    (key,) = await cache.tagged(ROOM, "tenant:default", context=Context())
    entry = (await cache.get(ROOM, [key], context=Context()))[key]
    dear = {**json.loads(entry.value), "seconds": 1000.0}
    await cache.put(ROOM, {key: Stored(value=json.dumps(dear).encode(), seconds=60.0)}, context=Context())
    assert (await model.generate(prompt(), context=Context())).text == "old"
    await model.close()
    assert "down" in caplog.text
    model = cached(ScriptedModel([]), cache)
    assert (await model.generate(prompt(), context=Context())).text == "old"


async def test_closing_stops_what_takes_too_long_beside_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragstone.caching.flight.LAST", 0.01)
    cache, never = MemoryCache(), asyncio.Event()
    price = Capabilities(price=Price(input=0, output=0))
    scripted = ScriptedModel(["old", "new"], capabilities=price)
    model = cached(scripted, cache, seconds=60.0, drawn=lambda: 1 - 1e-12)
    await model.generate(prompt(), context=Context())
    (key,) = await cache.tagged(ROOM, "tenant:default", context=Context())
    entry = (await cache.get(ROOM, [key], context=Context()))[key]
    dear = {**json.loads(entry.value), "seconds": 1000.0}
    await cache.put(ROOM, {key: Stored(value=json.dumps(dear).encode(), seconds=60.0)}, context=Context())
    scripted.until = never
    await model.generate(prompt(), context=Context())
    await asyncio.sleep(0)
    await model.close()
    assert model.flights.busy == 0
    assert len(asyncio.all_tasks()) == 1
