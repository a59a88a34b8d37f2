"""Lets one stage work ahead of the next, so that parsing, embedding and writing overlap."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from typing import TypeVar

__all__ = ["ahead", "mapped"]

T = TypeVar("T")
U = TypeVar("U")


class _End:
    """Stands after the last item."""


async def ahead(items: AsyncGenerator[T], *, by: int = 1) -> AsyncGenerator[T]:
    """The same items, made in the background by as many as `by` before they are asked for."""
    queue: asyncio.Queue[T | _End] = asyncio.Queue()
    room = asyncio.Semaphore(by)

    async def fill() -> None:
        try:
            async with aclosing(items):
                async for item in items:
                    await room.acquire()
                    queue.put_nowait(item)
        finally:
            queue.put_nowait(_End())

    task = asyncio.create_task(fill())
    try:
        while not isinstance(item := await queue.get(), _End):
            room.release()
            yield item
        await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def mapped(items: Iterable[T], call: Callable[[T], Awaitable[U]], *, at_once: int) -> AsyncIterator[U]:
    """`call(item)` for each item, in order, with at most `at_once` of them under way."""
    waiting: deque[asyncio.Task[U]] = deque()

    async def run(item: T) -> U:
        return await call(item)

    try:
        for item in items:
            waiting.append(asyncio.create_task(run(item)))
            if len(waiting) >= at_once:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
