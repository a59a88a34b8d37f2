"""Lets one stage work ahead of the next, so that parsing, embedding and writing overlap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from typing import TypeVar

__all__ = ["gathered", "mapped"]

T = TypeVar("T")
U = TypeVar("U")


class _End:
    """Stands after the last item."""


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
    """`call(item)` for each item, each as soon as it is made, with at most `at_once` of them under way."""
    waiting: set[asyncio.Future[U]] = set()
    try:
        for item in items:
            if len(waiting) == at_once:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
            waiting.add(asyncio.ensure_future(call(item)))
        for task in asyncio.as_completed(waiting):
            yield await task
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
