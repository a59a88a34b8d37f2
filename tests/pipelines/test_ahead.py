"""Stages that work ahead of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from ragstone.pipelines.ahead import gathered, mapped


async def count(to: int, *, broken_at: int | None = None) -> AsyncGenerator[int]:
    for number in range(to):
        if number == broken_at:
            raise ValueError("broken")
        yield number


async def test_items_keep_their_order():
    assert [item async for found in gathered(count(50), most=3) for item in found] == list(range(50))


async def test_a_slow_taker_gets_long_lists():
    lengths: list[int] = []
    async for found in gathered(count(40), most=4):
        lengths.append(len(found))
        for _ in range(20):
            await asyncio.sleep(0)
    assert sum(lengths) == 40
    assert max(lengths) == 4


async def test_an_error_arrives_after_the_items_before_it():
    running = gathered(count(5, broken_at=3), most=1)
    assert [await anext(running) for _ in range(3)] == [[0], [1], [2]]
    with pytest.raises(ValueError, match="broken"):
        await anext(running)


async def test_it_works_ahead_by_no_more_than_it_was_told():
    made: list[int] = []

    async def items() -> AsyncGenerator[int]:
        for number in range(100):
            made.append(number)
            yield number

    async for found in gathered(items(), most=2):
        await asyncio.sleep(0)
        assert len(made) <= found[-1] + 5


async def test_leaving_early_stops_the_work():
    closed = asyncio.Event()

    async def items() -> AsyncGenerator[int]:
        try:
            for number in range(1000):
                yield number
        finally:
            closed.set()

    running = gathered(items(), most=1)
    async for found in running:
        if 3 in found:
            break
    await running.aclose()
    assert closed.is_set()


async def test_mapped_gives_each_as_soon_as_it_is_made():
    waits = [asyncio.Event() for _ in range(3)]

    async def call(number: int) -> int:
        await waits[number].wait()
        return number

    running = mapped(range(3), call, at_once=2)
    waits[1].set()
    assert await anext(running) == 1
    waits[2].set()
    assert await anext(running) == 2
    waits[0].set()
    assert [number async for number in running] == [0]


async def test_mapped_limits_what_is_under_way():
    under_way = most = 0

    async def slow(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return number * 2

    found = [item async for item in mapped(range(20), slow, at_once=4)]
    assert sorted(found) == [number * 2 for number in range(20)]
    assert most <= 4
