"""The questions that were answered, by scope: in the cache for all processes, and in memory to be searched."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ragstone.caching.key import remembered_key
from ragstone.caching.semantic import quiet
from ragstone.caching.semantic.background import CLOSING
from ragstone.caching.semantic.population import Population, Remembered
from ragstone.caching.semantic.refreshing import EVERY, Refreshed
from ragstone.caching.spared import SparedCache
from ragstone.protocols import Cache
from ragstone.stored import Stored
from ragstone.types import Context
from ragstone.wrapped import WrappedCache

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["ROOM", "RememberedQuestions", "scope_tag"]

ROOM = "questions"
FORMAT = 1
BATCH = 100  # entries that are read at once: 200 kB
ROUNDED = 0.01  # by which the length of a vector may differ from 1
MEMORY = 256_000_000  # bytes of the vectors of all scopes; the one that was used longest ago goes first
SCOPES = 1_000  # of which each conversation makes some
UNCERTAIN = 2 * EVERY  # seconds within which what was remembered here may still be on its way into the cache


def scope_tag(scope: bytes) -> str:
    """By which the questions of a scope are found."""
    return f"scope:{scope.hex()}"


@dataclass(slots=True)
class _Scoped:
    population: Population
    refreshed: Refreshed
    added: dict[bytes, float] = field(default_factory=dict[bytes, float])  # here, by key, and when
    missed: bool = False  # whether the cache said last that it holds none of them


class RememberedQuestions:
    """At most `limit` questions of each scope, each for so many `seconds`.

    What other processes remember is read in the background, at most every few seconds; what is gone from the cache goes
    from memory. A request waits for nothing but, a moment long, the first reading of its scope.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        limit: int,
        seconds: float | None = None,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cache, self.limit, self.seconds = cache, limit, seconds
        self._every, self._clock = every, clock
        self._scopes: dict[bytes, _Scoped] = {}  # the one that was used longest ago stands first
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def bypassed(self) -> int:
        """How often the cache was not asked, or was too slow, until now: what it said meanwhile proves nothing."""
        cache = self.cache
        while isinstance(cache, WrappedCache):
            if isinstance(cache, SparedCache):
                return cache.bypassed
            cache = cache.cache
        return 0

    async def near(
        self, scope: bytes, vector: Vector, *, k: int, least: float, context: Context
    ) -> list[tuple[Remembered, float]]:
        """At most k questions of a scope whose cosine is `least` or more, the nearest first."""
        if self._closed:
            return []
        scoped = self._scoped(scope, len(vector), context.tenant)
        await scoped.refreshed.current()
        return await scoped.population.nearest(vector, k=k, least=least)

    def knows(self, scope: bytes, question: str) -> bool:
        """Whether that very question is remembered here."""
        scoped = self._scopes.get(scope)
        return scoped is not None and remembered_key(scope, question) in scoped.population

    def unlike(self, scope: bytes, vector: Vector) -> list[str]:
        """The question of a scope that is least like this one; none where all are like it."""
        scoped = self._scopes.get(scope)
        return scoped.population.farthest(vector) if scoped is not None else []

    def remember(self, scope: bytes, question: str, vector: Vector, *, tags: Sequence[str], context: Context) -> None:
        """Remembers a question from now on; it goes into the cache in the background."""
        if self._closed:
            return
        scoped = self._scoped(scope, len(vector), context.tenant)
        one = Remembered(remembered_key(scope, question), question, vector)
        if one.key in scoped.population:
            return
        oldest = scoped.population.add(one)
        scoped.added[one.key] = self._clock()
        own = (scope_tag(scope), f"tenant:{context.tenant}")
        entry = Stored(value=_written(one), seconds=self.seconds, tags=tuple(dict.fromkeys((*own, *tags))))
        self._soon(self._keep({one.key: entry}, oldest, context.tenant))

    def forget(self, scope: bytes, key: bytes, *, context: Context) -> None:
        """Forgets a question that nothing is kept for any more."""
        if scope in self._scopes:
            self._scopes[scope].population.remove([key])
            self._scopes[scope].added.pop(key, None)
        self._soon(self._keep({}, [key], context.tenant))

    async def settled(self) -> None:
        """Waits for what is under way."""
        for scoped in list(self._scopes.values()):
            await scoped.refreshed.settled()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Ends what is under way."""
        self._closed = True
        for scoped in self._scopes.values():
            await scoped.refreshed.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSING)
            for task in late:
                task.cancel()

    # ── Underneath ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _scoped(self, scope: bytes, dimensions: int, tenant: str) -> _Scoped:
        found = self._scopes.pop(scope, None)
        if found is None or found.population.dimensions != dimensions:
            population = Population(dimensions=dimensions, limit=self.limit)
            refreshed = Refreshed(lambda: self._refresh(scope, tenant), every=self._every, clock=self._clock)
            found = _Scoped(population, refreshed)
        self._scopes[scope] = found
        while len(self._scopes) > 1 and self._heavy():
            self._soon(self._scopes.pop(next(iter(self._scopes))).refreshed.close())
        return found

    def _heavy(self) -> bool:
        return len(self._scopes) > SCOPES or sum(one.population.size for one in self._scopes.values()) > MEMORY

    async def _refresh(self, scope: bytes, tenant: str) -> None:
        """Reads what others have remembered, the oldest first, and forgets what is gone."""
        scoped, context, begun = self._scopes.get(scope), Context(tenant=tenant), self._clock()
        if scoped is None:
            return
        keys = await self.cache.tagged(ROOM, scope_tag(scope), context=context)
        held, population = set(keys), scoped.population
        missed, scoped.missed = scoped.missed, not keys
        if keys or missed:  # a cache that cannot be asked for a moment says that it is empty
            settled = begun - max(UNCERTAIN, 2 * self._every)
            gone = [key for key in population.keys if key not in held and scoped.added.get(key, settled) <= settled]
            population.remove(gone)
            for key in gone:
                scoped.added.pop(key, None)
        over = list(keys[: -self.limit])
        new = [key for key in keys[-self.limit :] if key not in population]
        for first in range(0, len(new), BATCH):
            over += await self._read(scope, population, new[first : first + BATCH], context)
        if over:
            await self.cache.remove(ROOM, over, context=context)

    async def _read(self, scope: bytes, population: Population, keys: Sequence[bytes], context: Context) -> list[bytes]:
        """Adds entries of the cache, and gives the keys of those that cannot be read or make room."""
        found = await self.cache.get(ROOM, keys, context=context)
        over: list[bytes] = []
        for key in keys:
            if key in found:
                one = _read(scope, key, found[key].value, population.dimensions)
                over += population.add(one) if one is not None else [key]
        return over

    async def _keep(self, entries: dict[bytes, Stored], gone: Sequence[bytes], tenant: str) -> None:
        context = Context(tenant=tenant)
        try:
            if entries:
                await self.cache.put(ROOM, entries, context=context)
            if gone:
                await self.cache.remove(ROOM, gone, context=context)
        except Exception as error:  # a cache may fail in ways of its own, and nobody waits for this
            quiet.warn("a question cannot be remembered", error)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _written(one: Remembered) -> bytes:
    import numpy as np

    vector = base64.b64encode(np.asarray(one.vector, "<f4").tobytes()).decode()
    return json.dumps({"format": FORMAT, "question": one.question, "vector": vector}).encode()


def _read(scope: bytes, key: bytes, value: bytes, dimensions: int) -> Remembered | None:
    """What `_written` made; None for anything else."""
    import numpy as np

    try:
        told = json.loads(value)
        facts = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        question = facts.get("question")
        if type(facts.get("format")) is not int or facts["format"] != FORMAT or not isinstance(question, str):
            return None
        vector = np.frombuffer(base64.b64decode(facts["vector"], validate=True), "<f4")
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None
    if key != remembered_key(scope, question) or vector.shape != (dimensions,):
        return None
    return Remembered(key, question, vector.astype(np.float32)) if abs(float(vector @ vector) - 1) < ROUNDED else None
