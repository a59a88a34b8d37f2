"""Which parts of a project can be used now: `rag.health()`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from ragstone.assembly import Assembly
from ragstone.caching.freshness import bare
from ragstone.errors import ModelResting, NotConfigured
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.trace import Trace
from ragstone.types import Context

__all__ = ["AsyncHealth", "HealthReport", "ModelHealth", "PartHealth", "PartState"]

PATIENCE = 2.0  # seconds for each part
NO_KEY = bytes(24)  # of a call; a cache that can be asked says that nothing is kept under it

PartState: TypeAlias = Literal["ok", "degraded", "down", "absent"]
"""`degraded`: answers go on without it, or without some of it. `absent`: the project declares none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHealth:
    """One part of a project. `error` is the kind of what went wrong: neither an address nor a path."""

    name: str
    state: PartState
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The part as the service tells it, without its name."""
        return {"state": self.state, "error": self.error}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealth:
    """One model of a route. `resting`: it failed too often, and is left alone for a while."""

    name: str
    state: Literal["ok", "resting", "not configured"]

    def as_dict(self) -> dict[str, Any]:
        """The model as the service tells it."""
        return {"name": self.name, "state": self.state}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """What was found of each part, and of each model of the route."""

    parts: tuple[PartHealth, ...]
    models: tuple[ModelHealth, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether questions can be answered."""
        return all(part.state != "down" for part in self.parts)

    @property
    def degraded(self) -> bool:
        """Whether they can, and something is amiss."""
        return self.ready and any(part.state == "degraded" for part in self.parts)


class AsyncHealth:
    """The parts of one answer pipeline: its state, store, lexical index, models, cache and ledger.

    Nothing that costs money is asked: of a model counts what this process knows from the calls that it made. Each part
    is asked once at a time, however often somebody wants to know: one that hangs takes up one thread.
    """

    def __init__(self, parts: Assembly, *, pipeline: str) -> None:
        self._parts, self._pipeline = parts, pipeline
        self._asked = dict[str, asyncio.Task[tuple[PartHealth, tuple[ModelHealth, ...]]]]()

    async def check(self) -> HealthReport:
        """The state of each part, after two seconds at most. It raises nothing."""
        probes: dict[str, _Probe] = {
            "state": self._state,
            "store": self._store,
            "lexical": self._lexical,
            "models": self._models,
            "cache": self._cache,
            "ledger": self._ledger,
        }
        found = await asyncio.gather(*(self._once(name, probe) for name, probe in probes.items()))
        return HealthReport(parts=tuple(part for part, _ in found), models=tuple(m for _, of in found for m in of))

    async def _once(self, name: str, probe: _Probe) -> tuple[PartHealth, tuple[ModelHealth, ...]]:
        task = self._asked.get(name)
        if task is None or task.done():
            task = self._asked[name] = asyncio.create_task(_probed(name, probe))
        await asyncio.wait([task], timeout=PATIENCE)
        if not task.done():
            return PartHealth(name=name, state="degraded" if name == "cache" else "down", error="TimeoutError"), ()
        return task.result()

    # ── Each part ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _answering(self) -> AnswerPipeline:
        return await asyncio.to_thread(self._parts.answer, tenant="default", pipeline=self._pipeline)

    async def _state(self) -> _Found:
        await (await self._answering()).index.facts()
        await asyncio.to_thread(self._parts.keys.exist)
        return "ok", None, ()

    async def _store(self) -> _Found:
        await (await self._answering()).index.store.count(context=_context())
        return "ok", None, ()

    async def _lexical(self) -> _Found:
        await (await self._answering()).index.lexical.count(context=_context())
        return "ok", None, ()

    async def _models(self) -> _Found:
        router = (await self._answering()).router
        found: list[ModelHealth] = []
        for name in router.listed:
            health = router.route.healths.get(name)
            resting = health is not None and health.breaker.refusal is not None
            state = "not configured" if name not in router.models else "resting" if resting else "ok"
            found.append(ModelHealth(name=name, state=state))
        states = {one.state for one in found}
        if "ok" in states:  # one that waits for a variable is a choice, and no failure
            return ("degraded" if "resting" in states else "ok"), None, tuple(found)
        return "down", (ModelResting if "resting" in states else NotConfigured).__name__, tuple(found)

    async def _cache(self) -> _Found:
        used = await asyncio.to_thread(self._parts.caches.of_pipelines, lenient=True)
        for cache in {id(bare(one.cache)): bare(one.cache) for one in used}.values():
            try:
                await cache.get("calls", [NO_KEY], context=_context())
            except Exception as error:  # questions are answered without a cache, whatever is wrong with it
                return "degraded", type(error).__name__, ()
        return ("ok" if used else "absent"), None, ()

    async def _ledger(self) -> _Found:
        today = datetime.now(UTC).date().isoformat()
        for ledger in await asyncio.to_thread(self._parts.ledgers):
            await ledger.spent(since=today, until=today, context=_context())
        return "ok", None, ()


_Found: TypeAlias = tuple[PartState, str | None, tuple[ModelHealth, ...]]
_Probe: TypeAlias = Callable[[], Awaitable[_Found]]


async def _probed(name: str, probe: _Probe) -> tuple[PartHealth, tuple[ModelHealth, ...]]:
    try:
        state, error, models = await probe()
    except Exception as failed:  # whatever a connector raises, the part cannot be used
        return PartHealth(name=name, state="down", error=type(failed).__name__), ()
    return PartHealth(name=name, state=state, error=error), models


def _context() -> Context:
    return Context(trace=Trace("health")).within(PATIENCE)
