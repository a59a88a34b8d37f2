"""A call may be cancelled wherever it waits: nothing is held afterwards, and what it took is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from openai_server import Reply, Server, completion, piece, prompt, serving, streamed
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.gate import Gate
from ragstone.inference.health import Health
from ragstone.inference.metered import MeteredModel
from ragstone.inference.router import Router
from ragstone.terms import Budget, Limit
from ragstone.types import Context
from ragstone.usage import NANO, Price

FEWEST, MOST = 2, 200  # places where a call waits
PATIENCE = 30.0
USAGE = {"prompt_tokens": 12, "completion_tokens": 3}
DOLLARS = Budget(nano=100 * NANO, period="day")


class Cancelled:
    """Awaits a coroutine, and cancels its task where it waits for the `at`-th time, counted from 1."""

    def __init__(self, work: Coroutine[Any, Any, Any], at: int) -> None:
        self.work, self.at, self.waits = work, at, 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, raised = self.work.__await__(), None
        while True:
            try:
                waits_for = steps.throw(raised) if raised else steps.send(None)
            except StopIteration as end:
                return end.value
            self.waits += 1
            if self.waits == self.at and (task := asyncio.current_task()) is not None:
                task.cancel()
            raised = None
            try:
                yield waits_for
            except BaseException as error:
                raised = error


@dataclass
class Parts:
    router: Router
    ledger: SqliteLedger
    healths: tuple[Health, ...]


@asynccontextmanager
async def routed(server: Server) -> AsyncGenerator[Parts]:
    """Two models of one server, the second for when the first one fails."""
    ledger, healths = SqliteLedger(None), (Health(gate=Gate(2)), Health(gate=Gate(2)))
    models: dict[str, AttemptedModel] = {}
    for name, health in zip(("first", "second"), healths, strict=True):
        model = OpenAIModel("m", base_url=server.url, price=Price(input=1, output=2), output_limit=100, samples=False)
        model.name = name
        metered = MeteredModel(model, ledger, budgets=[DOLLARS], limits=[Limit(number=10**6, of="tokens")])
        models[name] = AttemptedModel(metered, health=health, retries=1, drawn=lambda low, high: 0.001)
    try:
        yield Parts(Router(dict(models)), ledger, healths)
    finally:
        for model in models.values():
            await model.close()
        await ledger.close()


async def ask(router: Router, way: str, context: Context) -> None:
    if way == "generate":
        await router.generate(prompt(), context=context)
    elif way == "stream":
        async for _ in router.stream(prompt(), context=context):
            pass
    else:
        await router.sample(prompt(), n=3, context=context)


def replies(way: str, trouble: str) -> list[Any]:
    said = [piece("Yes, "), piece("it does."), piece(finish_reason="stop"), piece(choices=[], usage=USAGE)]
    good = completion("Yes.", usage=USAGE) if way == "generate" else streamed(*said)
    bad = {"none": [], "again": [Reply({}, status=500)], "elsewhere": [Reply({}, status=503)]}
    return [*bad[trouble], *[good] * 12]


@pytest.mark.parametrize("trouble", ["none", "again", "elsewhere"])
@pytest.mark.parametrize("way", ["generate", "stream", "sample"])
async def test_wherever_a_call_is_cancelled_nothing_is_held(way: str, trouble: str) -> None:
    waits = 0
    async with asyncio.timeout(PATIENCE):
        with serving() as server:
            for at in range(1, MOST):
                server.will(*replies(way, trouble))
                async with routed(server) as parts:
                    context = Context(tenant="acme").within(PATIENCE)
                    call = Cancelled(ask(parts.router, way, context), at)
                    task = asyncio.ensure_future(_awaited(call))
                    await asyncio.wait([task])
                    await _nothing_is_held(parts, context)
                waits = call.waits
                if waits < at:
                    await task  # nobody has cancelled it
                    break
                assert task.cancelled(), "who cancels a call is not told that it went well"
    assert FEWEST <= waits < MOST - 1


async def _awaited(call: Cancelled) -> None:
    await call


async def _nothing_is_held(parts: Parts, context: Context) -> None:
    """What is still being written down for a caller who has left is waited for."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)
    assert not await parts.ledger.open(context=context), "a claim is left"
    rows = await parts.ledger.spent(since="2000-01-01", until="2999-12-31", context=context)
    assert context.purse.nano == sum(row.nano for row in rows)
    for health in parts.healths:
        assert (health.gate.running, health.gate.waiting, health.breaker.state) == (0, 0, "closed")
        assert health.breaker.refusal is None, "a trial is left"
