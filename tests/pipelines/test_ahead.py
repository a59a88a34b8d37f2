"""Stages that work ahead of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from ragstone.pipelines.ahead import ahead, mapped


async def count(to: int, *, broken_at: int | None = None) -> AsyncGenerator[int]:
    for number in range(to):
        if number == broken_at:
            raise ValueError("broken")
        yield number


async def test_items_keep_their_order():
    assert [item async for item in ahead(count(50), by=3)] == list(range(50))


async def test_an_error_arrives_after_the_items_before_it():
    running = ahead(count(5, broken_at=3))
    assert [await anext(running) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="broken"):
        await anext(running)


async def test_it_works_ahead_by_no_more_than_it_was_told():
    made: list[int] = []

    async def items() -> AsyncGenerator[int]:
        for number in range(100):
            made.append(number)
            yield number

    async for item in ahead(items(), by=2):
        await asyncio.sleep(0)
        assert len(made) <= item + 5


async def test_leaving_early_stops_the_work():
    closed = asyncio.Event()

    async def items() -> AsyncGenerator[int]:
        try:
            for number in range(1000):
                yield number
        finally:
            closed.set()

    running = ahead(items())
    async for item in running:
        if item == 3:
            break
    await running.aclose()
    assert closed.is_set()


async def test_mapped_keeps_order_and_limits_what_is_under_way():
    under_way = most = 0

    async def slow(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return number * 2

    assert [item async for item in mapped(range(20), slow, at_once=4)] == [number * 2 for number in range(20)]
    assert most <= 4
