"""Asks one model, and asks it again where that may help.

    model = AttemptedModel(model, health=health, retries=2, attempt=60)

A try waits for its turn, ends at its own deadline, and is noted. What may pass is tried again after a wait that is
drawn evenly from zero to a bound that doubles (full jitter: so that many who failed together do not come again
together; see M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from ragstone.errors import ModelBusy, ModelError, ModelResting, ModelTimeout, ModelUnavailable
from ragstone.inference.breaker import Entry
from ragstone.inference.health import Health
from ragstone.protocols import Model
from ragstone.types import Attempt, Completion, Context, Delta, Prompt
from ragstone.wrapped import WrappedModel

__all__ = ["ATTEMPT", "RETRIES", "AttemptedModel"]

T = TypeVar("T")

RETRIES = 2
ATTEMPT = 60.0  # seconds
FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0  # seconds: the bound of the first wait, and of any
PATIENCE = 10.0  # seconds that a server may ask for; one that asks for more is left alone, and another model asked
OVER = "the time for this call was over"
FAIR = 0.5  # of a try's own time: whom a caller's deadline gave less of it has not failed


class AttemptedModel(WrappedModel):
    """The model, asked until it answers or its tries are used up.

    `attempt` are the seconds that a try has until its first sign of life, be it a word or a piece of the model's own
    reasoning, or until its end where nothing is streamed. The deadline of the context ends all tries together: none is
    begun, and no wait, that would not be over by then. Once a word was said nothing is tried again. Every try stands on
    the completion, and on the error that is raised (`attempts`).

    `sleep` waits so many seconds, `drawn` draws a number between two: a test gives its own.
    """

    def __init__(
        self,
        model: Model,
        *,
        health: Health | None = None,
        retries: int = RETRIES,
        attempt: float | None = ATTEMPT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        drawn: Callable[[float, float], float] = random.uniform,
    ) -> None:
        super().__init__(model)
        self.health = health or Health()
        self.retries, self.attempt, self.sleep, self.drawn = retries, attempt, sleep, drawn

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The completion of the first try that works. Raises the last one's error."""

        async def once() -> Sequence[Completion]:
            return [await self.model.generate(prompt, context=context)]

        return (await self._answered(once, context))[0]

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """The completions of the first try that works, each with every try. Raises the last one's error."""

        async def several() -> Sequence[Completion]:
            return await self.model.sample(prompt, n=n, context=context)

        return await self._answered(several, context)

    async def _answered(self, ask: Callable[[], Awaitable[Sequence[Completion]]], context: Context) -> list[Completion]:
        tries = _Tries(self, context)
        while True:
            async with tries.next() as one:
                return one.answered(await one.in_time(ask()))

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece. A try that fails before its first word may be followed by another."""
        tries = _Tries(self, context)
        while True:
            async with tries.next() as one, aclosing(self.model.stream(prompt, context=context)) as deltas:
                while (delta := await one.in_time(anext(deltas, None))) is not None:
                    one.heard(delta)
                    if delta.completion is not None:
                        (completion,) = one.answered([delta.completion])
                        delta = replace(delta, completion=completion)
                    yield delta
                return


class _Tries:
    """The tries of one call."""

    def __init__(self, model: AttemptedModel, context: Context) -> None:
        self.model, self.context = model, context
        self.made: list[Attempt] = []
        self._delay = 0.0

    @asynccontextmanager
    async def next(self) -> AsyncGenerator[_Try]:
        """The next try. Where it fails and may be followed by another one, the block ends as if nothing were wrong."""
        one, health = _Try(self, self._delay), self.model.health
        try:
            if self._delay:
                await self.model.sleep(self._delay)
            self._may_begin()
            within, patience = self.context.remaining(), self.model.attempt
            async with health.gate.entered(self.context.tenant, within=within, patience=patience) as waited:
                one.begin(waited)
                yield one
        except ModelError as error:
            error.where = error.where or self.model.name or None
            if not one.failed(error):
                raise
        finally:
            one.leave()

    def _may_begin(self) -> None:
        """Raises what a try would end with for certain, before it waits for its turn."""
        if self.context.remaining() == 0:
            raise ModelTimeout(f"{OVER} before it was asked", again=False)
        if refusal := self.model.health.breaker.refusal:
            raise refusal

    def again(self, error: ModelError, *, said: bool) -> bool:
        """Whether the model is asked again after a failure, and notes after how long."""
        failed = len(self.made)
        if said or not error.again or failed > self.model.retries:
            return False
        asked = error.retry_after or 0.0
        delay = max(asked, self.model.drawn(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failed - 1))))
        left, needed = self.context.remaining(), self.model.health.speed.first or 0.0
        if asked > PATIENCE or (left is not None and delay + needed >= left):
            return False
        self._delay = delay
        return True


class _Try:
    """One try: when it began, when its first sign of life came, and whether it has said words."""

    def __init__(self, tries: _Tries, waited: float) -> None:
        self._tries, self._waited = tries, waited
        self._health, self._limit = tries.model.health, tries.model.attempt
        self._entry: Entry | None = None  # the breaker's, until it has been told how this ended
        self._begun: float | None = None
        self._first: float | None = None
        self._pieces = 0  # that held words

    def begin(self, waited: float) -> None:
        """Its turn has come. Raises ModelResting where the model may not be asked any more."""
        self._waited += waited
        self._entry = self._health.breaker.enter()
        self._health.speed.asked += 1
        self._begun = time.perf_counter()

    async def in_time(self, work: Awaitable[T]) -> T:
        """What the work gives. Raises ModelTimeout at the end of the try's time, or of the whole call's."""
        left, own = self._tries.context.remaining(), None
        if self._limit is not None and self._first is None:
            own = max(0.0, self._limit - self._seconds)
        ours = own is not None and (left is None or own < left)
        timer = asyncio.timeout(own if ours else left)
        try:
            async with timer:
                return await work
        except TimeoutError as error:
            if not timer.expired():
                raise
            late = f"it said nothing within {self._limit:g} s" if ours else f"{OVER} before it had answered"
            raise ModelTimeout(late, again=False) from error

    def heard(self, delta: Delta) -> None:
        """A piece has come. With the first one a trial has worked."""
        self._pieces += bool(delta.text)
        if self._first is None:
            self._first = self._seconds
            if self._entry is not None and self._entry.trial:
                self._told(worked=True)  # nobody has to wait for its end

    def answered(self, completions: Sequence[Completion]) -> list[Completion]:
        """All of it has come: the completions, with every try."""
        seconds = self._seconds
        self._told(worked=True)
        tokens, speed = sum(each.usage.output_tokens for each in completions) / len(completions), self._health.speed
        if self._first is not None and self._pieces > 1:
            speed.note(first=self._first, tokens=tokens, seconds=seconds - self._first)
        else:
            speed.whole(tokens=tokens, seconds=seconds)
        self._noted(None)
        made = tuple(self._tries.made)
        return [replace(each, attempts=made) for each in completions]

    def failed(self, error: ModelError) -> bool:
        """Notes it, and whether another one follows.

        A refusal that names a time to come again, which is waited for, says nothing against the model. Where it is not
        waited for here, nobody asks the model until then.
        """
        tries, asked = self._tries, error.retry_after
        self._noted(str(error))
        error.attempts = tuple(tries.made)
        again = tries.again(error, said=self._pieces > 0)
        if _of_its_server(error):
            if not (again and asked) and self._to_blame(error):
                self._told(worked=False)
            if not again and asked:
                self._health.breaker.rest(asked)
        return again

    def leave(self) -> None:
        """It is over. What was not told the breaker by now says nothing of the model."""
        if self._entry is not None:
            self._health.breaker.leave(self._entry)

    def _to_blame(self, error: ModelError) -> bool:
        """Whether a failure is the model's: not where the caller had less time than a try is due, or it was at it."""
        if not isinstance(error, ModelTimeout) or self._tries.context.remaining() != 0:
            return True
        return self._first is None and self._seconds >= FAIR * (ATTEMPT if self._limit is None else self._limit)

    def _told(self, *, worked: bool) -> None:
        if self._entry is not None:
            self._health.breaker.note(self._entry, worked=worked, first=self._first)
            self._entry = None

    def _noted(self, error: str | None) -> None:
        name = self._tries.model.name
        self._tries.made.append(Attempt(model=name, error=error, seconds=self._seconds, waited=self._waited))

    @property
    def _seconds(self) -> float:
        """Since it began; 0 where its turn never came."""
        return 0.0 if self._begun is None else time.perf_counter() - self._begun


def _of_its_server(error: ModelError) -> bool:
    """Whether it tells of the model's server, and not of the caller, of a limit of ours, or of our own queue."""
    return isinstance(error, ModelUnavailable | ModelTimeout) and not isinstance(error, ModelBusy | ModelResting)
