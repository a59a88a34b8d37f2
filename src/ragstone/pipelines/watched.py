"""Answers some questions afresh, beside the requests, to see whether what they were told was right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from ragstone.caching.afresh import afresh
from ragstone.caching.semantic import quiet
from ragstone.caching.semantic.agreement import agree
from ragstone.caching.semantic.background import Background
from ragstone.errors import RagstoneError
from ragstone.pipelines.request import Answering, Request
from ragstone.types import Answer

__all__ = ["Afresh"]


class Seen(Protocol):
    """Is told what came of it."""

    def __call__(self, afresh: Answer, *, false: bool) -> Awaitable[None]:
        """`false`: what was served says something else."""
        ...


class Afresh:
    """One at a time: a hit that is drawn meanwhile is not watched. `timeout` are the seconds that each answer has."""

    def __init__(self, *, timeout: float) -> None:
        self.timeout = timeout
        self._background = Background()

    def begin(self, request: Request, served: Answer, answering: Answering, seen: Seen) -> None:
        """Begins to answer a request in the background, unless another one is under way."""
        self._background.begin(lambda: self._compared(request, served, answering, seen))

    async def settled(self) -> None:
        """Waits for the one that is under way."""
        await self._background.settled()

    async def close(self) -> None:
        """Begins none any more, and breaks off the one that is under way."""
        await self._background.close()

    async def _compared(self, request: Request, served: Answer, answering: Answering, seen: Seen) -> None:
        # Made anew, and kept: the next who asks in these words gets an answer of their own.
        context = afresh(request.context, "watch", seconds=self.timeout, budget=request.context.budget)
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
