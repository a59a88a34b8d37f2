"""A model whose answers are kept.

    model = CachedModel(model, SparedCache(cache), seconds=30 * 86_400)

It stands outside of whatever counts, retries and limits calls: what is kept costs nothing and waits for nobody.
Requests that are equal share one call while it is under way, in this process (`flight.py`) and beside others
(`turn.py`).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ragstone.caching.afresh import afresh
from ragstone.caching.completions import LARGEST, Kept, read, written
from ragstone.caching.flight import Flight, Flights
from ragstone.caching.key import Scope, call_key
from ragstone.caching.provenance import passages_of, tags_of
from ragstone.caching.reading import Reader, everyones, pieces, told
from ragstone.caching.screen import Screen, screened
from ragstone.caching.turn import turn
from ragstone.capabilities import Capabilities
from ragstone.errors import ModelError, NotCached
from ragstone.protocols import Cache, Model
from ragstone.samples import whole
from ragstone.stored import Found, Lease, Stored
from ragstone.trace import Step
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import NANO, Usage, summed
from ragstone.wrapped import WrappedModel

__all__ = ["ROOM", "CachedModel"]

ROOM = "calls"
JITTER = 0.1  # of its time that an entry may be given less, so that those of one moment do not end together
BETA = 1.0  # how eagerly an entry is made anew before its time is over: 1 is the best, where its cost is known
AGAIN = 300.0  # seconds that a model has for that

Ask: TypeAlias = Callable[["Flight[_Made]"], Awaitable[Sequence[Completion]]]


@dataclass(slots=True)
class _Made:
    """What came of a call: the completions, whether they were there already, and why they were not kept."""

    kept: Kept
    found: bool = False
    waited: bool = False
    why: str | None = None


@dataclass(slots=True)
class _Request:
    """One request on its way. Without a `key` nothing of it is kept."""

    prompt: Prompt
    n: int
    context: Context
    key: bytes | None
    step: Step
    begun: float = field(default_factory=time.perf_counter)
    answer: Sequence[Completion] | None = None
    older: float | None = None  # when the entry was made that this one replaces before its time is over


class CachedModel(WrappedModel):
    """Answers a request that was answered before from the cache.

    `sampled` keeps answers that are drawn by lot, too, `scope` says who shares them, and an entry counts for `seconds`.
    `screen` has the last word on what may be kept. `flights` are shared by models that share a cache.
    """

    def __init__(
        self,
        model: Model,
        cache: Cache,
        *,
        sampled: bool = False,
        scope: Scope = "caller",
        seconds: float | None = None,
        screen: Screen | None = None,
        flights: Flights | None = None,
        drawn: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(model)
        self.cache, self.sampled, self.seconds, self.screen = cache, sampled, seconds, screen
        self.scope: Scope = scope
        self.flights, self._drawn = flights or Flights(), drawn

    @property
    def capabilities(self) -> Capabilities:
        """The wrapped model's. What was answered before is answered also while its server is down."""
        return replace(self.model.capabilities, remembers=True)

    async def close(self) -> None:
        """Waits for what goes on in the background, then closes the wrapped model."""
        await self.flights.close()
        await super().close()

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """What is kept, or the wrapped model's, which is kept from then on. Raises NotCached where only that may be."""
        asked = await self._asked(prompt, 1, context)

        async def ask(_: Flight[_Made]) -> Sequence[Completion]:
            return [await self.model.generate(prompt, context=context)]

        if asked.key is None:
            return await self.model.generate(prompt, context=context)
        return (await self._whole(asked, ask))[0]

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """All of them, as one entry."""
        asked = await self._asked(prompt, n, context)

        async def ask(_: Flight[_Made]) -> Sequence[Completion]:
            return await self.model.sample(prompt, n=n, context=context)

        if asked.key is None:
            return await self.model.sample(prompt, n=n, context=context)
        return await self._whole(asked, ask)

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The same piece by piece. What is kept comes in pieces too, all at once."""
        asked = await self._asked(prompt, 1, context)
        if asked.key is None:
            async with aclosing(self.model.stream(prompt, context=context)) as deltas:
                async for delta in deltas:
                    yield delta
            return

        async def ask(flight: Flight[_Made]) -> Sequence[Completion]:
            async with aclosing(self.model.stream(prompt, context=context)) as deltas:
                async for delta in deltas:
                    flight.say(delta)
                    if delta.completion is not None:
                        return [delta.completion]
            raise ModelError("the model ended without an answer", where=self.name or None)

        if asked.answer is None:
            async with aclosing(self._flown(asked, ask, streamed=True)) as deltas:
                async for delta in deltas:
                    yield delta
        else:
            for piece in pieces(asked.answer[0].text):
                yield Delta(piece)
        assert asked.answer is not None, "a call that ends has its answer"
        yield Delta("", asked.answer[0])

    async def _whole(self, asked: _Request, ask: Ask) -> Sequence[Completion]:
        if asked.answer is None:
            async with aclosing(self._flown(asked, ask)) as deltas:
                async for _ in deltas:
                    pass
        assert asked.answer is not None, "a call that ends has its answer"
        return asked.answer

    # ── What is kept ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _asked(self, prompt: Prompt, n: int, context: Context) -> _Request:
        """The request, with its answer where one is kept. Raises NotCached where only that may be used."""
        with context.trace.step("cache") as step:
            asked = _Request(prompt, n, context, None, step)
            why = self._unkeyed(asked)
            if asked.key is not None:
                step.facts["key"] = asked.key.hex()
                found = await self._look(asked) if context.cache != "refresh" else None
                if found is not None:
                    await self._hit(asked, *found)
                    return asked
            if context.cache == "only":
                step.facts.update(outcome="miss", **({"why": why} if why else {}))
                raise NotCached("nothing is kept for this request", where=self.name or None)
            if why is not None:
                await self._skipped(asked, why)
        return asked

    def _unkeyed(self, asked: _Request) -> str | None:
        """Why nothing is kept of a request, in one word; else its key is made."""
        prompt = asked.prompt
        by_lot = prompt.drawn or (prompt.options.temperature or 0) > 0 or asked.n > 1 or prompt.sample > 0
        if asked.context.cache == "off":
            return "off"
        if not self.fingerprint:
            return "unnamed"
        if by_lot and not self.sampled:
            return "sampled"
        try:
            asked.key = call_key(prompt, model=self.fingerprint, n=asked.n, scope=self.scope, context=asked.context)
        except (TypeError, ValueError, RecursionError):
            return "unkeyed"
        return None

    async def _look(self, asked: _Request) -> tuple[Kept, Found] | None:
        """What is kept. What cannot be read is removed."""
        assert asked.key is not None, "only a request with a key is looked up"
        found = (await self.cache.get(ROOM, [asked.key], context=asked.context)).get(asked.key)
        if found is None:
            return None
        kept = read(found.value, n=asked.n)
        if kept is None:
            await self.cache.remove(ROOM, [asked.key], context=asked.context)
            await self.cache.count({"bypassed.corrupt": 1}, context=asked.context)
            return None
        return kept, found

    async def _hit(self, asked: _Request, kept: Kept, found: Found) -> None:
        self._answered(asked, kept)
        asked.step.facts.update(outcome="hit", age=round(max(0.0, time.time() - found.made), 3))
        await self._counted(asked, "hit", kept)
        if self._due(kept, found):
            self.flights.beside(self._again(asked, older=found.made))

    async def _counted(self, asked: _Request, outcome: str, kept: Kept | None = None) -> None:
        figures = {f"{ROOM}.{outcome}": 1}
        if kept is not None:
            saved = {"nano": kept.nano, "input_tokens": kept.usage.input_tokens}
            saved["output_tokens"] = kept.usage.output_tokens
            figures |= {f"{ROOM}.saved.{name}": number for name, number in saved.items() if number}
        await self.cache.count(figures, context=asked.context)

    async def _skipped(self, asked: _Request, why: str, *, word: str = "") -> None:
        asked.step.facts.update(outcome="skipped", why=why)
        await self._counted(asked, f"skipped.{word or why}")

    @staticmethod
    def _answered(asked: _Request, kept: Kept) -> None:
        seconds = time.perf_counter() - asked.begun
        asked.answer = [
            replace(each, cached=True, usage=Usage(), cost=0.0, attempts=(), seconds=seconds)
            for each in kept.completions
        ]

    # ── What is not there yet ────────────────────────────────────────────────────────────────────────────────────────

    async def _flown(self, asked: _Request, ask: Ask, *, streamed: bool = False) -> AsyncGenerator[Delta]:
        """What the one call says that is under way for this request; then the request has its answer.

        Where an error of that call is only that of who began it, the call is made anew, by one of the others.
        """
        reader = Reader(asked.context)

        async def call(flight: Flight[_Made]) -> _Made:
            return await self._made(asked, ask, flight)

        assert asked.key is not None, "only a request with a key is shared"
        name = (id(self.cache), asked.context.cache == "refresh", asked.key)
        while True:
            flight, leads = self.flights.join(name, call, context=asked.context)
            async with flight.held(), aclosing(flight.read(context=None if leads else asked.context)) as deltas:
                async for delta in deltas:
                    for piece in reader.taken(delta):
                        yield piece
            if flight.error is not None and (leads or everyones(flight, reader)):
                raise flight.error if leads else told(flight.error)
            if flight.error is None:
                assert flight.result is not None, "it is over"
                text = flight.result.kept.completions[0].text if streamed and flight.silent else ""
                for piece in (*reader.all_of(pieces(text)), *reader.end()):
                    yield piece
                await self._landed(asked, flight.result, leads=leads)
                return
            reader.again()

    async def _landed(self, asked: _Request, made: _Made, *, leads: bool) -> None:
        """Gives a request its answer, and notes how it came by it."""
        if leads and not made.found:
            asked.answer = made.kept.completions
            if made.why is None:
                asked.step.facts.update(outcome="miss")
                await self._counted(asked, "miss" if asked.older is None else "refreshed")
            return
        self._answered(asked, made.kept)
        joined = not leads or made.waited
        asked.step.facts.update(outcome="joined" if joined else "hit", age=0.0)
        if made.waited:
            asked.step.facts.update(why="another process made it")
        await self._counted(asked, "joined" if joined else "hit", made.kept)

    async def _made(self, asked: _Request, ask: Ask, flight: Flight[_Made]) -> _Made:
        """What the one call comes to, in a task of its own."""
        assert asked.key is not None, "only a request with a key is shared"

        async def look() -> Kept | None:
            found = await self._look(asked)
            if found is None or (asked.older is not None and found[1].made <= asked.older):
                return None
            return found[0]

        patient = asked.context.cache != "refresh" or asked.older is not None
        async with turn(self.cache, asked.key, look=look, patient=patient, context=asked.context) as mine:
            if mine.found is not None:
                return _Made(mine.found, found=True, waited=mine.waited)
            begun = time.perf_counter()
            completions = tuple(await ask(flight))
            usage, cost = summed(each.usage for each in completions), sum(each.cost for each in completions)
            kept = Kept(
                completions=completions,
                seconds=time.perf_counter() - begun,
                usage=usage,
                nano=round(cost * NANO),
            )
            return _Made(kept, why=await self._keep(asked, kept, mine.lease))

    async def _keep(self, asked: _Request, kept: Kept, lease: Lease | None) -> str | None:
        """Keeps what was said, unless there is a reason not to, which it returns."""
        assert asked.key is not None, "only a request with a key is kept"
        if (refusal := await self._refusal(asked, kept.completions)) is not None:
            word, why = refusal
            await self._skipped(asked, why, word=word)
            return why
        tags = tags_of(asked.prompt, model=self.name, fingerprint=self.fingerprint, context=asked.context)
        rests = [passage.as_list() for passage in passages_of(asked.prompt)]
        if sum(len(each.text) + len(each.reasoning) for each in kept.completions) > LARGEST:
            await self._skipped(asked, "large")
            return "large"
        try:
            value = written(kept.completions, seconds=kept.seconds, tags=tags, rests=rests)
        except (TypeError, ValueError, OverflowError, RecursionError):  # whatever a model of somebody's own has given
            value = b""
        if len(value) > LARGEST or read(value, n=asked.n) is None:
            why = "large" if len(value) > LARGEST else "odd"
            await self._skipped(asked, why)
            return why
        seconds = None if self.seconds is None else self.seconds * (1 - JITTER * self._drawn())
        entry = Stored(value=value, seconds=seconds, tags=tags)
        await self.cache.put(ROOM, {asked.key: entry}, lease=lease, context=asked.context)
        return None

    async def _refusal(self, asked: _Request, completions: Sequence[Completion]) -> tuple[str, str] | None:
        """Why an answer is not kept: a word, and what the screen says of it."""
        if len(completions) != asked.n:
            return "unfinished", "unfinished"
        for completion in completions:
            if completion.finish_reason != "stop":
                return "unfinished", "unfinished"
            if (why := await screened(self.screen, asked.prompt, completion)) is not None:
                return "screened", why
        return None

    # ── Before its time is over ──────────────────────────────────────────────────────────────────────────────────────

    def _due(self, kept: Kept, found: Found) -> bool:
        """Whether an entry is made anew before its time is over, so that it never runs out for many at once.

        XFetch: A. Vattani, F. Chierichetti and K. Lowenstein, "Optimal Probabilistic Cache Stampede Prevention",
        PVLDB 8(8), 2015, figure 3. The dearer an entry, and the nearer its end, the likelier.
        """
        if found.until is None:
            return False
        early = -kept.seconds * BETA * math.log(1.0 - self._drawn())
        return time.time() + early >= found.until

    async def _again(self, asked: _Request, *, older: float) -> None:
        """Has the model answer again, in the name of who asked, without the deadline and the budget of a request."""
        context = afresh(asked.context, "refresh", seconds=AGAIN)

        async def ask(_: Flight[_Made]) -> Sequence[Completion]:
            if asked.n > 1:
                return await self.model.sample(asked.prompt, n=asked.n, context=context)
            return [await whole(self.model.stream(asked.prompt, context=context))]

        with context.trace.step("cache") as step:
            await self._whole(replace(asked, context=context, step=step, answer=None, older=older), ask)
