"""The thread on which all that is asynchronous runs for those who wait for it."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Coroutine
from functools import cache
from typing import Any, TypeVar

__all__ = ["next_of", "running_loop", "waited"]

T = TypeVar("T")

PATIENCE = 10.0  # seconds that work which was interrupted may take to put itself in order


@cache
def running_loop() -> asyncio.AbstractEventLoop:
    """One event loop on a thread of its own, so that this works inside a notebook's running loop too."""
    # A child process has the parent's loop, but not the thread that runs it.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=running_loop.cache_clear)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="ragstone", daemon=True)
    thread.start()

    def stop() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=2)
        loop.close()

    atexit.register(stop)
    return loop


def waited(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it gives. It runs on that thread; Ctrl-C here cancels it there."""
    ended = threading.Event()

    async def run() -> T:
        try:
            return await coroutine
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(run(), running_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C stops the work, not only the waiting
        ended.wait(PATIENCE)
        raise


async def next_of(parts: AsyncIterator[T]) -> T | None:
    """The next part, or None at the end."""
    return await anext(parts, None)
