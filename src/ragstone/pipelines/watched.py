"""Answers some questions afresh, beside the requests, to see whether what they were told was right."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from ragstone.caching.semantic import quiet
from ragstone.caching.semantic.agreement import agree
from ragstone.errors import RagstoneError
from ragstone.pipelines.request import Answering, Request
from ragstone.trace import Trace
from ragstone.types import Answer, Context

__all__ = ["Afresh"]

CLOSING = 1.0  # seconds that an answer which is under way has to end


class Seen(Protocol):
    """Is told what came of it."""

    def __call__(self, afresh: Answer, *, false: bool) -> Awaitable[None]:
        """`false`: what was served says something else."""
        ...


class Afresh:
    """One at a time: a hit that is drawn meanwhile is not watched. `timeout` are the seconds that each answer has."""

    def __init__(self, *, timeout: float) -> None:
        self.timeout = timeout
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def begin(self, request: Request, served: Answer, answering: Answering, seen: Seen) -> None:
        """Begins to answer a request in the background, unless another one is under way."""
        if not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._compared(request, served, answering, seen))

    async def settled(self) -> None:
        """Waits for the one that is under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Begins none any more, and breaks off the one that is under way."""
        self._closed = True
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=CLOSING)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _compared(self, request: Request, served: Answer, answering: Answering, seen: Seen) -> None:
        asked = request.context
        # Made anew, and kept: the next who asks in these words gets an answer of their own.
        context = Context(
            tenant=asked.tenant,
            key=asked.key,
            principals=asked.principals,
            budget=asked.budget,
            unread=True,
            confidential=asked.confidential,
            cache="refresh",
            trace=Trace("watch"),
        ).within(self.timeout)
        try:
            async with asyncio.timeout(self.timeout):
                async with aclosing(answering(replace(request, context=context))) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Answer):
                            await seen(piece, false=not await asyncio.to_thread(agree, served, piece))
        except (RagstoneError, TimeoutError):
            return  # no answer says nothing about the other
        except Exception as error:  # nobody waits for this
            quiet.warn("a hit could not be watched", error)
