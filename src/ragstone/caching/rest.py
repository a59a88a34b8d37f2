"""How long to wait for something, and how long to leave it alone after it has failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Entry", "Rest", "in_time"]

T = TypeVar("T")

FIRST, LONGEST = 1.0, 30.0  # seconds that it is left alone, doubled each time that its trial fails
SLICE = 0.01  # seconds
LATE, LATELY = 2.0, 0.25  # a slice that took so many times as long counts for so much of itself


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that was let in: in which era, as failures are counted, and whether it is the trial."""

    era: int
    trial: bool


class Rest:
    """Lets everyone in until a call fails; then nobody for a while, then one, whose outcome decides.

    Of many calls that fail together the first one counts. `why` is what failed last; `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.why = ""
        self._clock, self._seconds, self._until = clock, FIRST, 0.0
        self._era: int = 0
        self._resting = self._trial = False

    @property
    def resting(self) -> bool:
        """Whether the last call that decided has failed."""
        return self._resting

    def enter(self) -> Entry | None:
        """Lets a call in; None while it rests."""
        if not self._resting:
            return Entry(self._era, False)
        if self._trial or self._clock() < self._until:
            return None
        self._trial = True
        return Entry(self._era, True)

    def note(self, entry: Entry, *, failed: str = "") -> None:
        """How a call ended that was let in: well, or with a reason."""
        if entry.era != self._era:
            return
        if failed:
            self._era += 1
            self._resting, self._trial, self.why = True, False, failed
            self._until = self._clock() + self._seconds
            self._seconds = min(LONGEST, 2 * self._seconds)
        elif entry.trial:
            self._era += 1
            self._resting, self._trial, self._seconds = False, False, FIRST

    def leave(self, entry: Entry) -> None:
        """A call ended that says nothing: who made it went away."""
        if entry.era == self._era and entry.trial:
            self._trial = False


async def in_time(work: Callable[[], Awaitable[T]], seconds: float) -> T:
    """What the work gives. Raises TimeoutError where it takes longer.

    The time is counted in slices. One in which the event loop was busy with other things counts for a part of itself,
    however long it was: that is not the doing of what is waited for.
    """
    task: asyncio.Future[T] = asyncio.ensure_future(work())
    left, part = seconds, min(SLICE if seconds <= 1 else seconds / 10, seconds)
    try:
        while left > 0:
            begun = time.monotonic()
            done, _ = await asyncio.wait({task}, timeout=part)
            if done:
                return task.result()
            late = time.monotonic() - begun > LATE * part
            left -= part * LATELY if late else part
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_heard)


def _heard(task: asyncio.Future[Any]) -> None:
    """Takes note of what became of a task that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
