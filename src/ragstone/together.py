"""Several things at once, of which each is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["together"]

T = TypeVar("T")


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What each of them gives, in their order.

    Where one fails, its error is raised; then, and where the caller goes away, the others are stopped, and what they
    hold is given back before the caller goes on.

    asyncio.TaskGroup wraps the error in a group. Before Python 3.13 it also leaves the task that waits marked as
    cancelled, after which asyncio.timeout of Python 3.11.2 (Debian 12) takes its own end for somebody else's.
    """
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
