"""A route over two real servers of the same tiny model: who is asked, who is told to stop, and what is obeyed."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
from pydantic import BaseModel, Field

from fault_proxy import drips, proxying
from ragstone.connectors.openai import OpenAIModel
from ragstone.errors import ModelTimeout, ModelUnavailable
from ragstone.inference.strategies import SELDOM
from ragstone.output import Output
from ragstone.prompts.classes import with_class
from ragstone.prompts.file import load
from ragstone.samples import used
from ragstone.trace import Trace
from ragstone.types import Completion, Context
from ragstone.usage import Price
from routing import Routed, a_prompt, answered_by, routing
from vllm_counters import SECONDS, counting, metric, until

pytestmark = pytest.mark.vllm

RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"
LONG = 8000  # tokens, which nobody waits for
ANSWER = Path(__file__).parents[2] / "prompts" / "answer.prompty"


@asynccontextmanager
async def client(url: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url.removesuffix("/v1"), timeout=60) as made:
        yield made


@pytest.fixture
async def first(vllms) -> AsyncIterator[httpx.AsyncClient]:
    async with client(vllms[0].base_url) as made:
        yield made


@pytest.fixture
async def second(vllms) -> AsyncIterator[httpx.AsyncClient]:
    async with client(vllms[1].base_url) as made:
        yield made


@pytest.fixture
def urls(vllms) -> dict[str, str]:
    return {"a": vllms[0].base_url, "b": vllms[1].base_url}


@asynccontextmanager
async def busy_with(raw: httpx.AsyncClient, url: str, requests: int) -> AsyncGenerator[None]:
    """Keeps a server at work with so many long requests of somebody else's."""
    async with asyncio.TaskGroup() as group:
        others = OpenAIModel("tiny", base_url=url)
        asked = [a_prompt(f"Write of chunk {number}.", tokens=LONG) for number in range(requests)]
        tasks = [group.create_task(others.generate(prompt, context=Context())) for prompt in asked]
        await until(raw, RUNNING, least=requests)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
    await others.close()
    await idle(raw)


async def idle(raw: httpx.AsyncClient) -> None:
    """Waits until a server has nothing to do."""
    await until(raw, RUNNING, most=0)
    await until(raw, WAITING, most=0)


async def seen(look: Callable[[], Awaitable[bool]]) -> None:
    """Asks until it is so. A server on a busy machine may not tell of its load in time."""
    end = time.monotonic() + SECONDS
    while not await look():
        assert time.monotonic() < end, "it was never seen"


def ordinary() -> Context:
    """A request that looks at no other model than the fastest."""
    number = 0
    while int.from_bytes(blake2b(f"{number:016x}".encode(), digest_size=8).digest()) % SELDOM == 0:
        number += 1
    return Context(trace=Trace("ask", id=f"{number:016x}"))


# ── Who is asked ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_load_is_what_the_gauges_say(vllms, first: httpx.AsyncClient) -> None:
    url = vllms[0].base_url

    async def running() -> int | None:
        model = OpenAIModel("tiny", base_url=url)  # one that has asked for nothing yet
        load = await model.busy(context=Context())
        await model.close()
        return None if load is None else load.running + load.waiting

    async def none() -> bool:
        return await running() == 0

    async def five() -> bool:
        return await running() == 5

    await seen(none)
    async with busy_with(first, url, 5):
        await seen(five)
    await seen(none)


async def test_who_is_least_busy_is_asked(
    urls: dict[str, str], first: httpx.AsyncClient, second: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with routing(urls, tmp_path, strategy="least_busy") as routed:

        async def measured(name: str, others: int) -> bool:
            """Whether both have told of their load, of which one has so much of others."""
            routed.now += 10
            await routed.router.choose(a_prompt(), context=Context())
            loads = {each: routed.health(each).gauge.others for each in urls}
            return loads[name] == others and None not in loads.values()

        async def asked(times: int) -> Counter[str]:
            found = [await routed.router.generate(a_prompt(tokens=5), context=Context()) for _ in range(times)]
            return Counter(answered_by(one) for one in found)

        async with busy_with(first, urls["a"], 6):
            await seen(lambda: measured("a", 6))
            assert await asked(6) == {"b": 6}
        async with busy_with(second, urls["b"], 6):
            await seen(lambda: measured("b", 6))
            assert await asked(6) == {"a": 6}
        await seen(lambda: measured("b", 0))
        assert await asked(6) == {"a": 3, "b": 3}  # equal ones take turns


async def test_many_at_once_are_shared_out(
    urls: dict[str, str], first: httpx.AsyncClient, second: httpx.AsyncClient, tmp_path: Path
) -> None:
    await idle(first)
    await idle(second)
    async with routing(urls, tmp_path, strategy="least_busy") as routed:
        for health in (routed.health("a"), routed.health("b")):
            await health.measure(routed.models[health.breaker.name])
        async with counting(first) as ones, counting(second) as others:
            asked = [routed.router.generate(a_prompt(tokens=100), context=Context()) for _ in range(30)]
            found = await asyncio.gather(*asked)
        by = Counter(answered_by(one) for one in found)
    assert by == {"a": ones.requests, "b": others.requests}
    assert min(by.values()) >= 10


async def test_the_fastest_is_asked_once_both_are_known(vllms, tmp_path: Path) -> None:
    """One of them is behind a line so slow that no machine is as busy."""
    with proxying(vllms[1].base_url.removesuffix("/v1")) as slow:
        slow.otherwise = drips(400, 0.05)
        async with routing({"b": slow.url, "a": vllms[0].base_url}, tmp_path, strategy="fastest") as routed:
            asked = []
            for _ in range(5):
                async with aclosing(routed.router.stream(a_prompt(), context=ordinary())) as deltas:
                    asked += [answered_by(delta.completion) async for delta in deltas if delta.completion]
            speeds = {name: routed.health(name).speed.expected(40) for name in ("a", "b")}
    assert asked == ["b", "a", "a", "a", "a"]
    assert speeds["a"] is not None
    assert speeds["b"] is not None
    assert speeds["a"] < speeds["b"]


@pytest.mark.parametrize(("strategy", "expected"), [("ordered", "a"), ("cheapest", "b")])
async def test_the_list_or_the_price_decides(
    urls: dict[str, str], tmp_path: Path, strategy: str, expected: str
) -> None:
    prices = {"a": Price(input=2, output=8), "b": Price(input=1, output=4)}
    async with routing(urls, tmp_path, prices=prices, strategy=strategy) as routed:
        found = [await routed.router.generate(a_prompt(tokens=5), context=Context()) for _ in range(3)]
        spent = await routed.spent()
    assert [answered_by(one) for one in found] == [expected] * 3
    assert spent.reported.keys() == {expected}
    assert spent.reported[expected].nano == sum(prices[expected].nano(one.usage) for one in found)


async def test_a_full_queue_sends_requests_elsewhere_and_is_not_asked_twice(
    vllms, urls: dict[str, str], second: httpx.AsyncClient, tmp_path: Path
) -> None:
    with proxying(urls["b"].removesuffix("/v1")) as watched:
        order = {"b": watched.url, "a": urls["a"]}
        async with routing(order, tmp_path) as routed, busy_with(second, urls["b"], vllms[1].most):
            completion = await routed.router.generate(a_prompt(tokens=5), context=Context())
            with pytest.raises(ModelUnavailable, match=r"cannot answer now \(503\)") as refused:
                await routed.models["b"].generate(a_prompt(), context=Context())
            spent = await routed.spent()
        assert answered_by(completion) == "a"
        assert [one.model for one in completion.attempts] == ["b", "a"]
        assert "503" in (completion.attempts[0].error or "")
        assert not refused.value.again
        assert len(watched.asked) == 2  # once by the route
        assert not routed.slept
        assert (spent.open, spent.reported.keys(), spent.estimated) == (0, {"a"}, {})


# ── Who goes away ───────────────────────────────────────────────────────────────────────────────────────────────────


async def closes_a_stream(routed: Routed, raw: httpx.AsyncClient) -> None:
    async with aclosing(routed.router.stream(a_prompt(tokens=LONG), context=Context())) as deltas:
        async for delta in deltas:
            if delta.text:
                return


async def cancels(work: Awaitable[Any], raw: httpx.AsyncClient) -> None:
    task = asyncio.ensure_future(work)
    await until(raw, RUNNING, least=1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancels_an_answer(routed: Routed, raw: httpx.AsyncClient) -> None:
    await cancels(routed.router.generate(a_prompt(tokens=LONG), context=Context()), raw)


async def cancels_samples(routed: Routed, raw: httpx.AsyncClient) -> None:
    asked = a_prompt(tokens=LONG, temperature=1.0)
    await cancels(routed.router.sample(asked, n=8, context=Context()), raw)


async def runs_out_of_time(routed: Routed, raw: httpx.AsyncClient) -> None:
    with pytest.raises(ModelTimeout, match="over before it had answered"):
        await routed.router.generate(a_prompt(tokens=LONG), context=Context().within(2.0))


@pytest.mark.parametrize("leaves", [closes_a_stream, cancels_an_answer, cancels_samples, runs_out_of_time])
async def test_a_caller_who_leaves_stops_the_server(
    urls: dict[str, str], first: httpx.AsyncClient, tmp_path: Path, leaves: Callable[..., Awaitable[None]]
) -> None:
    await idle(first)
    written = await metric(first, "vllm:generation_tokens_total")
    async with routing({"a": urls["a"]}, tmp_path, budget={"day": 100}) as routed:
        await leaves(routed, first)
        await idle(first)
        assert await metric(first, "vllm:generation_tokens_total") - written < LONG
        spent = await routed.spent()
        assert (spent.open, spent.reported) == (0, {})  # what was used is estimated, and nothing is left open
        assert spent.estimated["a"].requests == 1
        assert (routed.health("a").own, routed.health("a").breaker.state) == (0, "closed")
        assert (await routed.router.generate(a_prompt(tokens=5), context=Context())).text


# ── What is obeyed ──────────────────────────────────────────────────────────────────────────────────────────────────


class Rule(BaseModel):
    code: Annotated[str, Field(pattern="^[a-z]{3}$")]
    kind: Literal["rule", "fact"]
    level: int = Field(ge=0, le=9)
    sure: bool


def rule() -> Output:
    return with_class(load(ANSWER, root=ANSWER.parent), Rule).output


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_an_answer_of_a_form_validates_on_either(urls: dict[str, str], tmp_path: Path, order: str) -> None:
    asked = replace(a_prompt(tokens=200), output=rule())
    async with routing({name: urls[name] for name in order}, tmp_path) as routed:
        plain = await routed.router.generate(asked, context=Context())
        sampled = replace(asked, options=replace(asked.options, temperature=1.0))
        samples = await routed.router.sample(sampled, n=3, context=Context())
        spent = await routed.spent()
    found: list[Completion] = [plain, *samples]
    assert [answered_by(one) for one in found] == [order[0]] * 4
    assert {one.structured for one in found} == {"schema"}
    assert all(Rule.model_validate_json(one.text) for one in found)
    assert (spent.open, spent.reported[order[0]].usage.output_tokens) == (0, used(found).output_tokens)


async def test_a_server_that_ignores_schemas_is_found_out_and_asked_in_words(
    urls: dict[str, str], tmp_path: Path
) -> None:
    with proxying(urls["b"].removesuffix("/v1")) as deaf:
        deaf.drops = ("response_format",)
        asked, context = replace(a_prompt(tokens=30), output=rule()), Context()
        async with routing({"b": deaf.url}, tmp_path) as routed:
            completion = await routed.router.generate(asked, context=context)
            again = await routed.router.generate(asked, context=Context())
    assert (completion.structured, again.structured) == ("words", "words")
    probes = [step.facts for step in context.trace.steps if step.name == "generate.probe"]
    assert [facts["structured"] for facts in probes] == ["words"]
    *tried, one, two = [seen.body for seen in deaf.asked]
    assert [("response_format" in body) for body in (*tried, one, two)] == [True] * len(tried) + [False, False]
    words = json.dumps(one["messages"])
    assert len(words) > len(json.dumps(tried[0]["messages"]))
    assert all(name in words for name in Rule.model_fields)


async def test_the_ledgers_id_of_a_call_stands_in_the_servers_log(urls: dict[str, str], tmp_path: Path) -> None:
    with proxying(urls["b"].removesuffix("/v1")) as watched:
        async with routing({"b": watched.url}, tmp_path) as routed:
            async with aclosing(routed.router.stream(a_prompt(tokens=LONG), context=Context())) as deltas:
                await anext(deltas)
                (claim,) = await routed.ledger.open(context=Context())
            assert watched.asked[0].headers["x-request-id"] == claim.id
            assert watched.asked[0].gone.wait(SECONDS)
