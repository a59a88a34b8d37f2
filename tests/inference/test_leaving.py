"""A caller that goes away is gone for the server too, on every way to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from left_server import LeftServer, leaving
from openai_server import prompt
from ragstone.connectors.openai import OpenAIModel
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.gate import Gate
from ragstone.inference.health import Health
from ragstone.inference.router import Router
from ragstone.types import Context

PATIENCE = 30.0  # seconds, that a test which fails does not wait for ever


@asynccontextmanager
async def routed(
    server: LeftServer,
    *,
    health: Health | None = None,
    samples: bool = True,
    **given: Callable[[float], Awaitable[None]],
) -> AsyncGenerator[Router]:
    model = OpenAIModel("m", base_url=server.url, samples=samples)
    model.name = "local"
    try:
        yield Router({"local": AttemptedModel(model, health=health, **given)})  # type: ignore[arg-type]
    finally:
        await model.close()


async def ask(router: Router, way: str) -> object:
    if way == "generate":
        return await router.generate(prompt(), context=Context())
    if way == "stream":
        return [delta async for delta in router.stream(prompt(), context=Context())]
    return await router.sample(prompt(), n=3, context=Context())


async def leave(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("words", [False, True], ids=["before-a-word", "midway"])
@pytest.mark.parametrize(
    ("way", "samples", "requests"),
    [("generate", True, 1), ("stream", True, 1), ("sample", True, 1), ("sample", False, 3)],
    ids=["generate", "stream", "sample", "samples-side-by-side"],
)
async def test_the_server_sees_that_its_caller_has_left(way: str, samples: bool, requests: int, words: bool) -> None:
    health = Health()
    async with (
        asyncio.timeout(PATIENCE),
        leaving(words=words) as server,
        routed(server, health=health, samples=samples) as router,
    ):
        task = asyncio.create_task(ask(router, way))
        await server.until(asked=requests)
        await leave(task)
        await server.until(left=requests)
        assert (server.asked, health.gate.running, health.breaker.state) == (requests, 0, "closed")


async def test_a_reader_that_closes_the_stream_has_left() -> None:
    async with asyncio.timeout(PATIENCE), leaving(words=True) as server, routed(server) as router:
        stream = router.stream(prompt(), context=Context())
        assert (await anext(stream)).text == "Good "
        await stream.aclose()
        await server.until(left=1)
        assert server.asked == 1


async def test_who_leaves_while_a_retry_is_waited_for_sends_nothing_more() -> None:
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE), leaving(refuses=True) as server, routed(server, sleep=sleep) as router:
        task = asyncio.create_task(ask(router, "stream"))
        await waiting.wait()
        before = server.asked
        await leave(task)
        assert (server.asked, before > 0) == (before, True)


async def test_who_leaves_the_queue_has_sent_nothing() -> None:
    health = Health(gate=Gate(1))
    async with asyncio.timeout(PATIENCE), leaving() as server, routed(server, health=health) as router:
        first = asyncio.create_task(ask(router, "stream"))
        await server.until(asked=1)
        second = asyncio.create_task(ask(router, "stream"))
        for _ in range(10):
            await asyncio.sleep(0)  # it goes as far as the queue
        assert health.gate.waiting == 1
        await leave(second)
        assert health.gate.waiting == 0
        await leave(first)
        await server.until(left=1)
        assert (server.asked, health.gate.running) == (1, 0)


@pytest.mark.parametrize("way", ["generate", "stream", "sample"])
async def test_a_try_that_is_over_time_is_over_for_the_server_too(way: str) -> None:
    async with asyncio.timeout(PATIENCE), leaving() as server:
        model = OpenAIModel("m", base_url=server.url)
        await model.load()
        attempted = AttemptedModel(model, attempt=1.0)
        task = asyncio.create_task(ask(Router({"local": attempted}), way))
        await server.until(asked=1, left=1)
        await asyncio.wait([task])
        assert task.exception() is not None
        assert server.asked == 1
        await model.close()
