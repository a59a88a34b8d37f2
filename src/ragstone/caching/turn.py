"""Whose turn it is to make what many processes want: one of them holds a lease, the others wait for what it makes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from ragstone.errors import ModelTimeout, RagstoneError
from ragstone.protocols import Cache
from ragstone.stored import Lease, Stored
from ragstone.types import Context

__all__ = ["Turn", "turn"]

T = TypeVar("T")

LEASE = 5.0  # seconds after which someone else takes over from a process that died
RENEWED = 3  # times within these seconds
ROOM = "turns"  # where it is noted, under the key, that a call has ended and nothing of it was kept
NOTED = 5.0  # seconds that this holds
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.02, 0.2, 1.5  # seconds between two looks at what another process makes


@dataclass(slots=True)
class Turn(Generic[T]):
    """What was `found` in place of a turn, or the lease that the turn comes with; `waited` for another process."""

    found: T | None = None
    lease: Lease | None = None
    waited: bool = False


@asynccontextmanager
async def turn(
    cache: Cache, key: bytes, *, look: Callable[[], Awaitable[T | None]], patient: bool = True, context: Context
) -> AsyncGenerator[Turn[T]]:
    """Waits until `look` finds what another process has made, or until it is this one's turn to make it.

    Who is not `patient` goes on without a lease, and so does who would wait for what is not kept. The lease is held
    until the block ends, and then given back. Raises ModelTimeout where the deadline of the context comes first.
    """
    # An answer that is cut short, or that a screen refuses, is not kept. If each of those who wait held the lease in
    # turn, the last of them would wait for all the calls before it. So who ends a call with nothing kept notes that
    # before the lease is free, and who finds the note waits for nobody. A lease alone does not tell that from a holder
    # who was killed or stopped: these note nothing, then one takes over and the others wait for what it makes.
    owner = secrets.token_hex(8)

    async def claim() -> Lease | None:
        return await cache.claim(key, owner=owner, seconds=LEASE, context=context)

    async def note() -> None:
        if mine.found is None and await look() is None:
            await cache.put(ROOM, {key: Stored(value=b"", seconds=NOTED)}, context=context)

    async def in_vain() -> bool:
        return bool(await cache.get(ROOM, [key], context=context))

    mine = Turn[T](lease=await claim())
    pause = FIRST_PAUSE
    while patient and mine.lease is None and mine.found is None and not await in_vain():
        mine.waited = True
        await _pause(pause, context)
        pause = min(LONGEST_PAUSE, GROWTH * pause)
        mine.found = await look()
        if mine.found is None:
            mine.lease = await claim()
    renewing: asyncio.Task[None] | None = None
    try:
        if patient and mine.lease is not None:
            mine.found = await look()  # another one may have been done just before
        if mine.lease is not None and mine.found is None:
            renewing = asyncio.create_task(_renewed(mine, claim))
        try:
            yield mine
        except Exception:
            await note()
            raise
        await note()
    finally:
        if renewing is not None:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        if mine.lease is not None:
            await cache.release(mine.lease, context=context)


async def _renewed(mine: Turn[T], claim: Callable[[], Awaitable[Lease | None]]) -> None:
    """Holds the lease for as long as it takes.

    One that ran out unnoticed (the process stood still) is taken anew, with a higher fence, if nobody else has it now;
    else what comes of it is refused by its fence.
    """
    while True:
        await asyncio.sleep(LEASE / RENEWED)
        with suppress(RagstoneError):
            held = await claim()
            if held is not None and mine.lease is not None and held.fence > mine.lease.fence:
                mine.lease = held


async def _pause(seconds: float, context: Context) -> None:
    left = context.remaining()
    if left is not None and left <= seconds:
        await asyncio.sleep(left)
        raise ModelTimeout("the time for this call was over while another process made it", again=False)
    await asyncio.sleep(seconds)
