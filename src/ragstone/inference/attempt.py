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
from dataclasses import dataclass, field, replace

from ragstone.errors import ModelBusy, ModelError, ModelResting, ModelTimeout, ModelUnavailable
from ragstone.inference.health import Health
from ragstone.inference.wrapped import WrappedModel
from ragstone.protocols import Model
from ragstone.types import Attempt, Completion, Context, Delta, Prompt

__all__ = ["ATTEMPT", "RETRIES", "AttemptedModel"]

RETRIES = 2
ATTEMPT = 60.0  # seconds
FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0  # seconds: the bound of the first wait, and of any
PATIENCE = 10.0  # seconds that a server may ask for; one that asks for more is left alone, and another model asked


class AttemptedModel(WrappedModel):
    """The model, asked until it answers or its tries are used up.

    `attempt` are the seconds that a try has until its first word, or until its end where nothing is streamed. Every try
    stands on the completion, and on the error that is raised (`attempts`).
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
        """The completion of the first try that works."""

        async def once(within: Context) -> list[Completion]:
            return [await self.model.generate(prompt, context=within)]

        return (await self._asked(once, context))[0]

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """The completions of the first try that works."""

        async def several(within: Context) -> Sequence[Completion]:
            return await self.model.sample(prompt, n=n, context=within)

        return await self._asked(several, context)

    async def _asked(
        self, ask: Callable[[Context], Awaitable[Sequence[Completion]]], context: Context
    ) -> Sequence[Completion]:
        tries = _Tries(self, context)
        while True:
            async with tries.next() as one:
                limit = context if self.attempt is None else context.within(self.attempt)
                found = await ask(limit)
                one.answered(found)
                return [replace(each, attempts=tuple(tries.attempts)) for each in found]

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece. A try that fails before its first word may be followed by another."""
        tries = _Tries(self, context)
        while True:
            async with tries.next() as one, aclosing(self.model.stream(prompt, context=context)) as deltas:
                async for delta in self._timely(deltas, one):
                    if delta.completion is not None:
                        one.answered([delta.completion])
                        delta = replace(delta, completion=replace(delta.completion, attempts=tuple(tries.attempts)))
                    yield delta
                return

    async def _timely(self, deltas: AsyncGenerator[Delta], one: _Try) -> AsyncGenerator[Delta]:
        """The pieces, of which the first with a word comes in time. Raises ModelTimeout where it does not."""
        while True:
            try:
                if one.first is None:
                    async with asyncio.timeout(one.left(self.attempt)):
                        delta = await anext(deltas)
                else:
                    delta = await anext(deltas)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise ModelTimeout(f"its first word did not come within {self.attempt:g} s", where=self.name) from error
            if delta.text:
                one.heard()
            yield delta


@dataclass(slots=True)
class _Try:
    """One try: when it began, and when its first word came."""

    tries: _Tries
    waited: float
    begun: float = field(default_factory=time.perf_counter)
    first: float | None = None
    done: bool = False

    def left(self, limit: float | None) -> float | None:
        """Seconds that are left until its first word."""
        return None if limit is None else max(0.0, limit - (time.perf_counter() - self.begun))

    def heard(self) -> None:
        """A word has come."""
        if self.first is None:
            self.first = time.perf_counter() - self.begun

    def answered(self, completions: Sequence[Completion]) -> None:
        """All of it has come."""
        seconds = time.perf_counter() - self.begun
        health, first = self.tries.model.health, self.first
        health.breaker.note(worked=True)
        tokens = sum(each.usage.output_tokens for each in completions) / max(len(completions), 1)
        if first is not None:
            health.speed.note(first=first, tokens=tokens, seconds=seconds - first)
        else:
            health.speed.whole(tokens=tokens, seconds=seconds)
        self.done = True
        self.tries.note(self, None, seconds)


class _Tries:
    """The tries of one call."""

    def __init__(self, model: AttemptedModel, context: Context) -> None:
        self.model, self.context = model, context
        self.attempts: list[Attempt] = []
        self._delay = 0.0

    def note(self, one: _Try, error: str | None, seconds: float) -> None:
        """Keeps how a try ended."""
        self.attempts.append(Attempt(model=self.model.name, error=error, seconds=seconds, waited=one.waited))

    @asynccontextmanager
    async def next(self) -> AsyncGenerator[_Try]:
        """The next try. Where it fails and may be followed by another one, the block ends as if nothing were wrong."""
        health, slept = self.model.health, self._delay
        if slept:
            await self.model.sleep(slept)
        one = _Try(self, slept)
        health.speed.asked += 1
        try:
            async with health.gate.entered(self.context.remaining()) as waited:
                if not health.breaker.enter():
                    raise _resting(self.model.name, health.breaker.resting)
                one = _Try(self, slept + waited)
                try:
                    yield one
                except BaseException as error:
                    self._judge(error)
                    raise
                else:
                    if not one.done:
                        health.breaker.leave()  # the reader has left
        except ModelError as error:
            self.note(one, str(error), time.perf_counter() - one.begun)
            error.attempts = tuple(self.attempts)
            if one.first is not None or not self._again(error):
                raise

    def _judge(self, error: BaseException) -> None:
        """Whether an error speaks against the model."""
        breaker = self.model.health.breaker
        if isinstance(error, ModelUnavailable | ModelTimeout) and not isinstance(error, ModelBusy | ModelResting):
            breaker.note(worked=False)
            if error.retry_after is not None and error.retry_after > PATIENCE:
                breaker.rest(error.retry_after)
        else:
            breaker.leave()

    def _again(self, error: ModelError) -> bool:
        """Whether the model is asked again, and after how long."""
        failed = len(self.attempts)
        if not error.again or failed > self.model.retries:
            return False
        bound = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failed - 1))
        delay = max(self.model.drawn(0.0, bound), error.retry_after or 0.0)
        left = self.context.remaining()
        if delay > PATIENCE or (left is not None and delay >= left):
            return False
        self._delay = delay
        return True


def _resting(name: str, seconds: float) -> ModelResting:
    return ModelResting(
        f"it failed too often, and is left alone for {seconds:.0f} s", where=name, retry_after=seconds, again=False
    )
