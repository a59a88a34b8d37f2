"""Asks many questions side by side, as they come, and stops where going on would only give the same error again.

A worker takes the next question, asks it, and waits where a limit says so. What came of each is handed over as soon as
it is there. No worker runs further ahead of the first question that is not handed on than `ahead`, so that one slow
answer never leaves a million others waiting in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ragstone.batch.questions import BatchQuestion
from ragstone.batch.results import BatchAnswer
from ragstone.errors import (
    ConfigError,
    IndexBusy,
    ModelBusy,
    ModelDenied,
    ModelError,
    ModelResting,
    NotConfigured,
    OverBudget,
    RagstoneError,
    RateLimited,
    StateError,
    StoreUnavailable,
    UsageError,
)
from ragstone.together import together
from ragstone.types import Answer

__all__ = ["AHEAD", "CONCURRENCY", "Ask", "Asker", "Pending", "check_concurrency", "in_order"]

CONCURRENCY = 16
MOST_AT_ONCE = 4096
AHEAD = 512  # questions
PATIENCE = 600.0  # seconds that a question waits for its turn at a model that is busy
TRIES = 3  # at a server that fails, each of them with the tries that the route makes
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds
ROW = 20
"""Failures in a row that may be no question's own fault. After so many without an answer, nobody goes on."""

PACED = (RateLimited, ModelBusy, ModelResting, IndexBusy, StoreUnavailable)
"""Errors that say that there will be room later: all wait for it, however often."""

Ask = Callable[[BatchQuestion], Awaitable[Answer]]


def check_concurrency(number: int) -> int:
    """The number of questions at once. Raises UsageError where it is none."""
    if isinstance(number, bool) or not 1 <= number <= MOST_AT_ONCE:
        raise UsageError("concurrency is out of range", expected=f"1 to {MOST_AT_ONCE}", found=str(number))
    return number


class Numbered(Protocol):
    """Anything with a place among the questions, from 0."""

    @property
    def number(self) -> int:
        """Its place."""
        ...


T = TypeVar("T", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Pending:
    """A question that is to be asked."""

    number: int
    question: BatchQuestion


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


async def _until(stopped: asyncio.Event, seconds: float) -> None:
    """Waits so long, or until nobody goes on."""
    try:
        async with asyncio.timeout(seconds):
            await stopped.wait()
    except TimeoutError:
        pass


class Asker(Generic[T]):
    """Asks `concurrency` questions at a time. `waiting` is told when all have to wait, and for what."""

    def __init__(
        self,
        ask: Ask,
        *,
        concurrency: int = CONCURRENCY,
        ahead: int = AHEAD,
        waiting: Callable[[str], None] | None = None,
        pause: Callable[[asyncio.Event, float], Awaitable[None]] = _until,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self.concurrency, self._waiting = ask, concurrency, waiting
        self._pause, self._clock = pause, clock
        self._ahead = max(ahead, 2 * concurrency + ROW)
        self._first = 0  # the first question that is not handed on
        self._moved = asyncio.Event()
        self._found: asyncio.Queue[BatchAnswer | T | _End] = asyncio.Queue()
        self._taken = asyncio.Event()
        self._doubtful: list[BatchAnswer] = []
        self._stopped = asyncio.Event()
        self._fatal: Exception | None = None
        self._answered = float("-inf")  # when an answer came last
        self._quiet = 0.0  # until when nobody asks

    async def results(self, items: AsyncGenerator[Pending | T]) -> AsyncGenerator[list[BatchAnswer | T]]:
        """What has come since the last list, in no order; what is not `Pending` is passed on as it is.

        Raises the error that concerns every question, once all that was under way has been handed over.
        """
        turn = asyncio.Lock()
        task = asyncio.create_task(self._run(items, turn))
        try:
            while True:
                found, end = await self._next()
                if found:
                    yield found
                if end is not None:
                    if end.error is not None:
                        raise end.error
                    return
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def rest(self) -> list[BatchAnswer | T]:
        """What had come before the caller stopped, and was not handed over yet."""
        found: list[BatchAnswer | T] = []
        while not self._found.empty():
            if not isinstance(one := self._found.get_nowait(), _End):
                found.append(one)
        return found

    def passed(self, number: int) -> None:
        """All before this question have been handed on: there is room for others."""
        self._first = number
        self._moved.set()

    async def _next(self) -> tuple[list[BatchAnswer | T], _End | None]:
        found: list[BatchAnswer | T] = []
        one = await self._found.get()
        while not isinstance(one, _End):
            found.append(one)
            if self._found.empty():
                self._taken.set()
                return found, None
            one = self._found.get_nowait()
        return found, one

    async def _run(self, items: AsyncGenerator[Pending | T], turn: asyncio.Lock) -> None:
        try:
            async with aclosing(items):
                await together(self._work(items, turn) for _ in range(self.concurrency))
        except Exception as error:
            self._found.put_nowait(_End(error))
            return
        if self._fatal is None:
            self._release()
        self._found.put_nowait(_End(self._fatal))

    async def _work(self, items: AsyncIterator[Pending | T], turn: asyncio.Lock) -> None:
        while True:
            async with turn:
                if self._stopped.is_set() or (item := await anext(items, None)) is None:
                    return
                await self._room(item.number)
            if not isinstance(item, Pending):
                await self._hand(item)
                continue
            await self._asked(item)
            await asyncio.sleep(0)  # an answer that never waits for anything would keep all others waiting

    async def _room(self, number: int) -> None:
        """Waits until the first questions have been handed on."""
        while number >= self._first + self._ahead:
            self._release()  # they may be what all wait for
            self._moved.clear()
            await self._moved.wait()

    async def _hand(self, one: BatchAnswer | T) -> None:
        """Hands over what has come, once there is room: what lies here is lost where the process is killed."""
        self._found.put_nowait(one)
        while self._found.qsize() > self.concurrency:
            self._taken.clear()
            await self._taken.wait()

    def _release(self) -> None:
        for one in self._doubtful:
            self._found.put_nowait(one)
        self._doubtful.clear()

    # ── One question ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _asked(self, item: Pending) -> None:
        begun, tries = self._clock(), 0
        while True:
            await self._wait_for_quiet()
            if self._stopped.is_set():
                return
            try:
                answer = await self._ask(item.question)
            except Exception as error:
                tries += 1
                seconds = self._wait(error, tries, begun)
                if seconds is None:
                    self._failed(item, error, begun)
                    return
                if isinstance(error, PACED):
                    self._keep_quiet(error, seconds)
                else:
                    await self._pause(self._stopped, seconds)
            else:
                self._answered = self._clock()
                self._release()
                await self._hand(BatchAnswer(number=item.number, question=item.question, answer=answer))
                return

    async def _wait_for_quiet(self) -> None:
        while (seconds := self._quiet - self._clock()) > 0 and not self._stopped.is_set():
            await self._pause(self._stopped, seconds)

    def _keep_quiet(self, error: Exception, seconds: float) -> None:
        self._quiet = max(self._quiet, self._clock() + seconds)
        if self._waiting and seconds >= FIRST_WAIT:
            self._waiting(f"{error} Going on in {seconds:.0f} s.")

    def _wait(self, error: Exception, tries: int, begun: float) -> float | None:
        """Seconds after which to ask again; None where that is of no use."""
        if not isinstance(error, RagstoneError) or not error.retryable or _too_large(error):
            return None
        if not isinstance(error, PACED) and tries >= TRIES:
            return None
        asked_for = error.retry_after if isinstance(error, ModelError) else None
        seconds = asked_for if asked_for is not None else min(LONGEST_WAIT, FIRST_WAIT * 2 ** (tries - 1))
        late = self._clock() + seconds - begun > PATIENCE
        return None if late else seconds

    def _failed(self, item: Pending, error: Exception, begun: float) -> None:
        result = BatchAnswer(number=item.number, question=item.question, error=error)
        if _everybodys(error, item.question):
            self._stop(error)
        elif _doubtful(error, item.question):
            self._doubtful.append(result)
            waited_in_vain = self._clock() - begun > PATIENCE / 2 and self._answered <= begun
            if len(self._doubtful) >= ROW or waited_in_vain:
                self._doubtful.clear()  # they were not at fault, and are asked again the next time
                self._stop(error)
        else:
            self._found.put_nowait(result)

    def _stop(self, error: Exception) -> None:
        self._fatal = self._fatal or error
        self._stopped.set()


def _everybodys(error: Exception, question: BatchQuestion) -> bool:
    """Whether every other question would fail as this one did."""
    if isinstance(error, ConfigError) and question.prompt is not None:
        return False  # its own prompt may be what is wrong
    return isinstance(error, ConfigError | ModelDenied) or (isinstance(error, StateError) and not error.retryable)


def _doubtful(error: Exception, question: BatchQuestion) -> bool:
    """Whether others may well fail as this one did: the server is down, say, or the budget is spent."""
    if not isinstance(error, RagstoneError):
        return True
    if _too_large(error):
        return False
    own_prompt = isinstance(error, NotConfigured) and question.prompt is not None
    return error.retryable or own_prompt or isinstance(error, OverBudget)


def _too_large(error: RagstoneError) -> bool:
    """Whether a limit has never room for this question, however long all wait."""
    return isinstance(error, RateLimited) and error.retry_after is None


async def in_order(
    asker: Asker[BatchAnswer], items: AsyncGenerator[Pending | BatchAnswer]
) -> AsyncGenerator[BatchAnswer]:
    """What came of each question, in their order."""
    early: dict[int, BatchAnswer] = {}
    place = 0
    async with aclosing(asker.results(items)) as results:
        async for found in results:
            early |= {one.number: one for one in found}
            while place in early:
                yield early.pop(place)
                place += 1
                asker.passed(place)
