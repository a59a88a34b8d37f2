"""Several things at once, of which each is needed."""

from __future__ import annotations

import asyncio

import pytest

from ragstone.together import together


async def _gives(value: int, *, after: int = 0) -> int:
    for _ in range(after):
        await asyncio.sleep(0)
    return value


async def test_what_each_gives_comes_in_their_order():
    assert await together(_gives(number, after=5 - number) for number in range(5)) == [0, 1, 2, 3, 4]


async def test_where_one_fails_the_others_are_stopped_and_its_error_is_raised_as_it_is():
    stopped = list[str]()

    async def waits() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # what it has open is given back before the error is told
            stopped.append("one")
        return 0

    async def fails() -> int:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        await together((waits(), fails(), waits()))
    assert stopped == ["one", "one"]


async def test_a_failure_leaves_the_caller_able_to_tell_its_own_time_out():
    async def fails() -> int:
        await asyncio.sleep(0)
        raise KeyError("gone")

    with pytest.raises(KeyError):
        await together((fails(), _gives(1, after=3)))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await together((_gives(1, after=1_000_000), asyncio.Event().wait()))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_who_leaves_stops_all_of_them():
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    waiting = asyncio.ensure_future(together([waits()]))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert stopped.is_set()
