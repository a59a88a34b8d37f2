"""Threads for what blocks: they serve whoever waits, whatever else hangs."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.connectors.guardrails.aside import MOST, MOST_LEFT, Aside
from ragstone.errors import RagstoneError


class Held:
    """Work that begins, and hangs until it is let go."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Semaphore(0), threading.Event()

    def __call__(self) -> int:
        self.begun.release()
        self.free.wait(30)
        return 3

    async def left_by(self, aside: Aside) -> None:
        """Someone waits for it until it has begun, and no longer."""
        task = asyncio.ensure_future(aside.run(self))
        await asyncio.to_thread(self.begun.acquire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_a_function_gives_or_raises_is_given_or_raised():
    aside = Aside("test")
    assert await aside.run(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        await aside.run(lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="it tried to end the program: SystemExit"):
        await aside.run(lambda: (_ for _ in ()).throw(SystemExit(3)))
    assert await aside.run(threading.get_ident) != threading.get_ident()
    aside.close()


async def test_those_that_hang_take_no_place_from_others():
    aside, held = Aside("test"), Held()
    for _ in range(2 * MOST):
        await held.left_by(aside)
    assert await asyncio.gather(*(aside.run(lambda: 3) for _ in range(MOST))) == [3] * MOST
    held.free.set()
    aside.close()


async def test_where_too_many_hang_the_next_is_told_at_once_until_they_come_back():
    aside, held = Aside("test"), Held()
    for _ in range(MOST_LEFT):
        await held.left_by(aside)
    with pytest.raises(RagstoneError, match=f"test: {MOST_LEFT} calls before this one have not come back"):
        await aside.run(lambda: 3)
    held.free.set()
    async with asyncio.timeout(30):
        while True:
            try:
                assert await aside.run(lambda: 3) == 3
                break
            except RagstoneError:
                await asyncio.sleep(0)
    aside.close()


async def test_no_more_work_than_threads_and_what_is_given_up_before_it_begins_is_never_done():
    aside, held, done = Aside("test"), Held(), list[int]()
    tasks = [asyncio.ensure_future(aside.run(held)) for _ in range(MOST)]
    for _ in range(MOST):
        await asyncio.to_thread(held.begun.acquire)
    waiting = asyncio.ensure_future(aside.run(lambda: done.append(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.free.set()
    assert await asyncio.gather(*tasks) == [3] * MOST
    assert await aside.run(lambda: 3) == 3
    assert done == []
    aside.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=8))
def test_it_works_again_after_it_was_closed_however_often(turns: list[tuple[int, int]]):
    async def works() -> None:
        aside = Aside("test")
        for calls, closed in turns:
            found = await asyncio.gather(*(aside.run(lambda at=at: at) for at in range(calls)))
            assert found == list(range(calls))
            for _ in range(closed):
                aside.close()
        aside.close()

    async def in_time() -> None:
        async with asyncio.timeout(60):
            await works()

    asyncio.run(in_time())
