"""One of two real servers is killed in the middle of its work: nobody is left without an answer, or pays twice.

Both serve the same tiny model, so that what one says is known from the other one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from ragstone.inference.router import Router
from ragstone.samples import used
from ragstone.types import Completion, Context, Prompt
from routing import PRICE, Routed, a_prompt, answered_by, routing
from vllm_counters import counting, until

pytestmark = pytest.mark.vllm

REST = 10.0  # seconds that a model which failed too often is left alone, by the clock of its breaker
AT_ONCE = 50


@pytest.fixture
async def first(vllms) -> AsyncIterator[httpx.AsyncClient]:
    server, _ = vllms
    async with httpx.AsyncClient(base_url=server.base_url.removesuffix("/v1"), timeout=60) as client:
        yield client


@pytest.fixture
async def second(vllms) -> AsyncIterator[httpx.AsyncClient]:
    _, server = vllms
    async with httpx.AsyncClient(base_url=server.base_url.removesuffix("/v1"), timeout=60) as client:
        yield client


def prompt(number: int) -> Prompt:
    """Of one request. Half of them end soon, the others work when the server dies."""
    return a_prompt(f"What is the chunk of number {number}?", tokens=5 if number % 5 == 0 else 400)


async def ask(router: Router, number: int, begun: asyncio.Semaphore) -> Completion:
    """Every second one as a stream that nobody reads before it is whole; `begun` counts those with words."""
    context = Context(unread=True)
    if number % 2:
        return await router.generate(prompt(number), context=context)
    completion, counted = None, False
    async with aclosing(router.stream(prompt(number), context=context)) as deltas:
        async for delta in deltas:
            if delta.text and not counted:
                counted = True
                begun.release()
            completion = delta.completion or completion
    assert completion is not None
    return completion


async def test_every_request_is_answered_by_the_other_one_and_none_is_billed_twice(
    vllms, first: httpx.AsyncClient, second: httpx.AsyncClient, tmp_path: Path
) -> None:
    survivor, mortal = vllms
    urls = {"b": mortal.base_url, "a": survivor.base_url}
    async with routing(urls, tmp_path, budget={"day": 100}) as routed:
        begun = asyncio.Semaphore(0)
        async with counting(first) as counted:
            tasks = [asyncio.ensure_future(ask(routed.router, number, begun)) for number in range(AT_ONCE)]
            await asyncio.gather(*tasks[::5])  # those that end soon
            for _ in range(10):
                await begun.acquire()  # and so many streams have words
            await until(second, "vllm:num_requests_running", least=20)
            mortal.kill()
            found = await asyncio.gather(*tasks)
        await _is_billed_once(routed, found, counted.requests, counted.read, counted.written)
        alone = {number: await routed.models["a"].generate(prompt(number), context=Context()) for number in (1, 2, 5)}
        assert all(found[number].text == one.text for number, one in alone.items())
        await _waits_for_nobody(routed)
        mortal.start()
        mortal.ready()
        await _is_used_again(routed)


async def _is_billed_once(routed: Routed, found: list[Completion], requests: int, read: int, written: int) -> None:
    """The ledger, the completions and the server's own counters say the same."""
    by = {name: [one for one in found if answered_by(one) == name] for name in ("a", "b")}
    assert len(by["a"]) + len(by["b"]) == AT_ONCE
    assert len(by["b"]) >= AT_ONCE // 5
    assert len(by["a"]) >= 20
    assert all(one.usage.output_tokens in (5, 400) for one in found)
    spent = await routed.spent()
    assert spent.open == 0
    for name, completions in by.items():
        row, usage = spent.reported[name], used(completions)
        assert (row.requests, row.usage) == (len(completions), usage)
        assert row.nano == sum(PRICE.nano(one.usage) for one in completions)
    assert requests == len(by["a"])
    assert (read, written) == (used(by["a"]).input_tokens, used(by["a"]).output_tokens)
    assert spent.estimated.keys() <= {"b"}  # what the dead one had said already, or might have
    broken = [one for one in by["a"] if len(one.attempts) > 1]
    assert all(one.attempts[0].model == "b" and one.attempts[0].error for one in broken)
    assert all("b" in (one.notice or "") for one in by["a"])


async def _waits_for_nobody(routed: Routed) -> None:
    """The dead one is known to be dead: it is not asked again before its rest is over."""
    assert routed.health("b").breaker.state == "open"
    asked = routed.health("b").speed.asked
    for number in range(5):
        completion = await routed.router.generate(prompt(5 * number), context=Context())
        assert [one.model for one in completion.attempts] == ["a"]
        assert completion.attempts[0].waited == 0
        assert "left alone" in (completion.notice or "")
    assert routed.health("b").speed.asked == asked


async def _is_used_again(routed: Routed) -> None:
    """It lives again: first one request tries it, when its rest is over, then all have it."""
    assert answered_by(await routed.router.generate(prompt(0), context=Context())) == "a"
    routed.now += REST
    assert routed.health("b").breaker.state == "half open"
    assert answered_by(await routed.router.generate(prompt(0), context=Context())) == "b"
    assert routed.health("b").breaker.state == "closed"
    again = await asyncio.gather(*(routed.router.generate(prompt(0), context=Context()) for _ in range(8)))
    assert [answered_by(one) for one in again] == ["b"] * 8
    assert (await routed.spent()).open == 0
