"""Lets one stage work ahead of the next, so that parsing, embedding and writing overlap."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from typing import TypeVar

__all__ = ["ahead", "gathered", "mapped"]

T = TypeVar("T")
U = TypeVar("U")


class _End:
    """Stands after the last item."""


async def ahead(items: AsyncGenerator[T], *, by: int = 1) -> AsyncGenerator[T]:
    """The same items, made in the background by as many as `by` before they are asked for."""
    async with aclosing(gathered(items, most=by)) as lists:
        async for found in lists:
            for item in found:
                yield item


async def gathered(items: AsyncGenerator[T], *, most: int) -> AsyncGenerator[list[T]]:
    """What has been made while the last list was worked on, as many as `most`: a slow taker gets long lists."""
    queue: asyncio.Queue[T | _End] = asyncio.Queue()
    room = asyncio.Semaphore(most)

    async def fill() -> None:
        try:
            async with aclosing(items):
                async for item in items:
                    await room.acquire()
                    queue.put_nowait(item)
        finally:
            queue.put_nowait(_End())

    task = asyncio.create_task(fill())
    ended = False
    try:
        while not ended:
            found: list[T] = []
            waiting = [await queue.get()]
            while not queue.empty() and len(waiting) < most:
                waiting.append(queue.get_nowait())
            for item in waiting:
                if isinstance(item, _End):
                    ended = True
                else:
                    found.append(item)
                    room.release()
            if found:
                yield found
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
