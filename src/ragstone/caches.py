"""What the caches of a project hold, and what can be done about it: `rag.cache()`."""

from __future__ import annotations

import asyncio
import binascii
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from ragstone.assembly import Assembly
from ragstone.caching.freshness import PORTION, bare
from ragstone.caching.provenance import Passage, read_passages
from ragstone.caching.semantic.watch import seen
from ragstone.errors import CacheUnavailable, UsageError, nearest
from ragstone.pipelines.cache_places import PipelineCache
from ragstone.protocols import Cache
from ragstone.reports import CacheReport, CacheStats, KeptCall, RestsOn, SemanticFigures
from ragstone.stored import Found, Stats
from ragstone.types import Context

__all__ = ["ROOMS", "AsyncCache"]

ROOMS = ("calls", "questions", "vectors", "sentences", "current", "turns", "langchain")
"""What there may be in a cache.

Calls, questions, vectors, what situates passages, current versions, calls that were not kept, LangChain's answers.
"""

KEY_BYTES = (16, 24)  # of a text, of a call


class AsyncCache:
    """The caches of a project's pipelines, or of one of them.

    async with ragstone.aopen("mydocs") as rag:
        for one in (await rag.cache().stats()).caches:
            print(one.place, one.hit_rate, one.saved_usd)
    """

    def __init__(self, parts: Assembly, *, pipeline: str | None = None) -> None:
        self._parts, self._pipeline = parts, pipeline

    async def stats(self) -> CacheReport:
        """What each cache holds, and what was counted; of one that cannot be asked, why."""
        found, observed = list[CacheStats](), list[SemanticFigures]()
        for cache, users in _by_cache(await self._used()):
            held, error = Stats(), None
            try:
                held = await cache.stats(context=Context())
                observed += [SemanticFigures(**one.as_dict()) for one in await seen(cache, context=Context())]
            except CacheUnavailable as unavailable:
                error = str(unavailable)
            found.append(
                CacheStats(
                    place=users[0].place,
                    pipelines=tuple(one.pipeline for one in users),
                    entries=dict(held.entries),
                    size=dict(held.size),
                    figures=dict(held.figures),
                    error=error,
                )
            )
        return CacheReport(caches=tuple(found), semantic=tuple(observed))

    async def count(self, rooms: Iterable[str] = (), *, tenant: str | None = None) -> dict[str, int]:
        """How many entries `clear` would remove, by room."""
        wanted, found = _rooms(rooms), Counter[str]()
        for cache, _ in _by_cache(await self._used()):
            entries = (await cache.stats(context=Context())).entries
            for room, number in entries.items():
                if not wanted or room in wanted:
                    found[room] += number if tenant is None else len(await _of_tenant(cache, room, tenant))
        return {room: number for room, number in sorted(found.items()) if number}

    async def clear(self, rooms: Iterable[str] = (), *, tenant: str | None = None) -> int:
        """Removes all entries, or those of some rooms or of one tenant, and says how many that were.

        Pipelines that share a cache lose theirs together. Vectors and versions are no tenant's. Raises CacheUnavailable
        where a cache cannot be asked.
        """
        wanted, gone = _rooms(rooms), 0
        for cache, _ in _by_cache(await self._used()):
            if tenant is None:
                gone += await cache.clear(wanted, context=Context())
                continue
            held = (await cache.stats(context=Context())).entries  # whatever was still to be written is there now
            for room in (room for room in held if not wanted or room in wanted):
                keys = await _of_tenant(cache, room, tenant)
                for first in range(0, len(keys), PORTION):
                    await bare(cache).remove(room, keys[first : first + PORTION], context=Context())
                gone += len(keys)
        return gone

    async def explain(self, key: str) -> KeptCall:
        """What is kept under a key, as a trace's step `cache` shows it. Raises UsageError where nothing is.

        Only the whole key finds it: an entry is asked for by its key, and keys are not listed.
        """
        wanted = _key(key)
        for cache, users in _by_cache(await self._used()):
            for room in ROOMS:
                # What is still to be written is known to the first one, why nothing can be read to the second.
                for one in dict.fromkeys((cache, bare(cache))):
                    found = (await one.get(room, [wanted], context=Context())).get(wanted)
                    if found is not None:
                        return await self._explained(key, room, users, found)
        raise UsageError(
            "nothing is kept under this key",
            where=key,
            hint="Its time is over, it was removed, or its request was never kept. Run: ragstone trace show",
        )

    async def _explained(self, key: str, room: str, users: Sequence[PipelineCache], found: Found) -> KeptCall:
        now, told = time.time(), _told(found.value)
        facts = _tags(told.get("tags"))
        tenant = facts.get("tenant")
        passages = read_passages(told.get("rests"))
        rests = None
        if passages is not None and tenant is not None:
            rests = await asyncio.to_thread(self._rests, passages, tenant, {one.index for one in users if one.answers})
        return KeptCall(
            key=key.lower(),
            room=room,
            place=users[0].place,
            age=max(0.0, now - found.made),
            left=None if found.until is None else max(0.0, found.until - now),
            size=len(found.value),
            prompt=facts.get("prompt"),
            version=facts.get("prompt version"),
            model=facts.get("model"),
            fingerprint=facts.get("model version"),
            tenant=tenant,
            rests=rests,
            texts=_texts(told.get("completions")),
        )

    def _rests(self, passages: Sequence[Passage], tenant: str, indexes: Iterable[str]) -> tuple[RestsOn, ...]:
        return tuple(self._rest(one, tenant, sorted(indexes)) for one in passages)

    def _rest(self, passage: Passage, tenant: str, indexes: Sequence[str]) -> RestsOn:
        """Whether the document stands in an index as it did. The first one that has it counts."""
        place = {"document": passage.document, "start": passage.start, "end": passage.end}
        for name in indexes:
            index = self._parts.index(tenant=tenant, pipeline=name)
            document = index.state.document(index.key, passage.document, tenant=tenant)
            if document is not None:
                state = "unchanged" if passage.stands_in(document) else "changed"
                return RestsOn(**place, uri=document.uri, state=state)  # type: ignore[arg-type]
        return RestsOn(**place, uri=None, state="gone")  # type: ignore[arg-type]

    async def _used(self) -> list[PipelineCache]:
        """Who keeps where. Raises UsageError for a pipeline that keeps nothing, ConfigError for a wrong file."""
        places = self._parts.caches
        found = await asyncio.to_thread(places.of_pipelines, self._pipeline)
        if self._pipeline is not None and not found:
            names = [one.pipeline for one in await asyncio.to_thread(places.of_pipelines, lenient=True)]
            raise UsageError(
                f"the pipeline {self._pipeline!r} keeps nothing in a cache",
                expected="one of " + ", ".join(names) if names else "`cache: true` in its file",
                hint=nearest(self._pipeline, names),
            )
        return found


def _by_cache(used: Iterable[PipelineCache]) -> list[tuple[Cache, list[PipelineCache]]]:
    """Each cache once, with the pipelines that keep something in it."""
    found: dict[int, tuple[Cache, list[PipelineCache]]] = {}
    for one in used:
        found.setdefault(id(bare(one.cache)), (one.cache, []))[1].append(one)
    return list(found.values())


def _rooms(given: Iterable[str]) -> tuple[str, ...]:
    """Raises UsageError for a room that there is not."""
    rooms = tuple(given)
    for room in rooms:
        if room not in ROOMS:
            raise UsageError(
                f"there is no room {room!r}", expected="one of " + ", ".join(ROOMS), hint=nearest(room, ROOMS)
            )
    return rooms


async def _of_tenant(cache: Cache, room: str, tenant: str) -> Sequence[bytes]:
    return await bare(cache).tagged(room, f"tenant:{tenant}", context=Context())


def _key(given: str) -> bytes:
    """Raises UsageError for what is no whole key."""
    try:
        key = binascii.unhexlify(given)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in KEY_BYTES:
        raise UsageError(
            "this is no key",
            where=given[:80],
            expected="all 48 hex digits of it (32 of a vector's)",
            hint="The step `cache` of a trace shows it. Run: ragstone trace show",
        )
    return key


def _told(value: bytes) -> Mapping[str, Any]:
    """What an entry says of itself, where it is JSON that holds names."""
    try:
        told: object = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}


def _tags(told: object) -> dict[str, str]:
    """`tenant`, `prompt`, `prompt version`, `model`, `model version`, as far as the tags say so."""
    found: dict[str, str] = {}
    for tag in cast("list[object]", told) if isinstance(told, list) else ():
        kind, _, rest = str(tag).partition(":")
        if kind == "tenant":
            found[kind] = rest
        elif kind in ("prompt", "model"):
            found[kind], _, found[f"{kind} version"] = rest.rpartition("@")
    return found


def _texts(told: object) -> tuple[str, ...]:
    rows = cast("list[object]", told) if isinstance(told, list) else []
    return tuple(str(cast("dict[str, Any]", row).get("text", "")) for row in rows if isinstance(row, dict))
