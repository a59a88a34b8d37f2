"""What is done between two goes of a thread that works for many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from ragstone.state.grouped import Grouped


def doubled(items: Sequence[int]) -> list[int]:
    return [2 * item for item in items]


async def test_what_is_left_in_the_background_is_done_until_nothing_is():
    left, done = [3], threading.Event()

    def idle() -> bool:
        left[0] -= 1
        if left[0] == 0:
            done.set()
        return left[0] > 0

    thread = Grouped(doubled, name="doubling", idle=idle)
    assert await thread.do(4) == 8
    await asyncio.to_thread(done.wait)
    thread.close()
    assert left == [0]


async def test_it_may_be_woken_though_there_is_nothing_else_to_do():
    done = threading.Event()
    thread = Grouped(doubled, name="doubling", idle=lambda: bool(done.set()))
    thread.wake()
    await asyncio.to_thread(done.wait)
    thread.close()


async def test_who_waits_is_served_while_more_is_left():
    thread = Grouped(doubled, name="doubling", idle=lambda: True)
    for number in range(20):
        assert await thread.do(number) == 2 * number
    thread.close()


async def test_a_fault_in_the_background_ends_nothing_else(caplog: pytest.LogCaptureFixture):
    def idle() -> bool:
        raise ValueError("a fault")

    thread = Grouped(doubled, name="doubling", idle=idle)
    for number in range(3):
        assert await thread.do(number) == 2 * number
    thread.close()
    assert "doubling: what is done in the background has failed" in caplog.messages
