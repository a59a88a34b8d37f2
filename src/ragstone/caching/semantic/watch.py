"""Whether what is found is right: some hits are answered afresh, and too many false ones turn a pipeline's cache off.

What was observed lies in the cache, for all processes together, by project folder, pipeline and calibration: a new
calibration begins anew, and so does a cache that was cleared.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, cast

from ragstone.caching.freshness import bare
from ragstone.caching.key import watch_key
from ragstone.caching.semantic import quiet
from ragstone.caching.semantic.refreshing import EVERY, Refreshed
from ragstone.caching.semantic.remembering import ROOM
from ragstone.proportions import ONE_SIDED, wilson
from ragstone.protocols import Cache
from ragstone.stored import Lease, Stored
from ragstone.types import Context

__all__ = ["Observed", "Watch", "seen", "too_many"]

log = logging.getLogger("ragstone")

FORMAT = 1
TAG = "watch:semantic"
LEAST = 2  # false hits: one alone may be an odd answer of a model
HELD, TRIES, PAUSE = 5.0, 20, 0.05  # a lease in seconds; how often it is asked for, and seconds between
PATIENCE = 10.0  # seconds for one call: nobody waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen of a pipeline's hits with one calibration: of those `watched`, so many were `false`.

    `rate` is their share, and lies between `low` and `high` in nine cases of ten.
    """

    pipeline: str
    calibration: str
    bound: float
    watched: int = 0
    false: int = 0
    on: bool = True
    hits: int = 0

    @property
    def rate(self) -> float | None:
        """The share of false hits among those that were watched; None without any."""
        return self.false / self.watched if self.watched else None

    @property
    def low(self) -> float:
        """The lower end of its interval."""
        return wilson(self.false, self.watched, z=ONE_SIDED)[0]

    @property
    def high(self) -> float:
        """The upper end of its interval."""
        return wilson(self.false, self.watched, z=ONE_SIDED)[1]

    def as_dict(self) -> dict[str, Any]:
        """As `ragstone cache stats --json` prints it."""
        names = ("pipeline", "calibration", "hits", "watched", "false", "rate", "low", "high", "bound", "on")
        return {name: getattr(self, name) for name in names}


def too_many(false: int, watched: int, bound: float) -> bool:
    """Whether false hits are more than the bound allows, and more than chance explains (one-sided, 95 %)."""
    return false >= LEAST and wilson(false, watched, z=ONE_SIDED)[0] > bound


class Watch:
    """What was observed of one pipeline. `place` is its project folder, `share` that of the hits which are watched.

    Nobody waits for any of it, so it goes past what spares the cache: there a read that fails and one that finds
    nothing are two things. `random` draws which: a test gives one with a seed.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        place: str,
        pipeline: str,
        calibration: str,
        bound: float,
        share: float,
        random: Random | None = None,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cache, self.share = bare(cache), share
        self.observed = Observed(pipeline=pipeline, calibration=calibration, bound=bound)
        self._key = watch_key(place=place, pipeline=pipeline, calibration=calibration)
        self._random = random or Random()  # noqa: S311 - it draws samples, not secrets
        self._owner = secrets.token_hex(8)
        self._refreshed = Refreshed(self._refresh, every=every, clock=clock)
        self._said = False

    async def on(self) -> bool:
        """Whether questions may be answered by way of earlier ones, as far as is known now."""
        return await self._refreshed.current() and self.observed.on

    def draws(self) -> bool:
        """Whether this hit is one that is answered afresh."""
        return self._random.random() < self.share

    async def saw(self, *, false: bool) -> Observed:
        """Adds one observation to those of all processes, and says what there is now.

        It is lost where the cache cannot be asked, or others are busy there: that changes no share for long.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                lease = await self._claimed()
            if lease is not None:
                await self._add(false, lease)
        except Exception as error:  # a cache may fail in ways of its own, and the answer is remembered all the same
            quiet.warn("what was seen of a hit cannot be noted", error, instead="it is not counted")
        return self.observed

    async def settled(self) -> None:
        """Waits for what is under way."""
        await self._refreshed.settled()

    async def close(self) -> None:
        """Ends what is under way."""
        await self._refreshed.close()

    async def _claimed(self) -> Lease | None:
        for _ in range(TRIES):
            lease = await self.cache.claim(self._key, owner=self._owner, seconds=HELD, context=Context())
            if lease is not None:
                return lease
            await asyncio.sleep(PAUSE)
        return None

    async def _add(self, false: bool, lease: Lease) -> None:
        try:
            async with asyncio.timeout(HELD):  # later it is another's turn
                known = await self._read()
                watched, wrong = known.watched + 1, known.false + false
                on = known.on and not too_many(wrong, watched, self.observed.bound)
                now = replace(known, bound=self.observed.bound, watched=watched, false=wrong, on=on)
                entry = Stored(value=_written(now), tags=(TAG,))
                await self.cache.put(ROOM, {self._key: entry}, lease=lease, context=Context())
        finally:
            await self.cache.release(lease, context=Context())
        self._known(now)

    async def _refresh(self) -> None:
        async with asyncio.timeout(PATIENCE):
            self._known(await self._read())

    async def _read(self) -> Observed:
        """What there is, or that nothing was observed yet. Raises what the cache raises."""
        entry = (await self.cache.get(ROOM, [self._key], context=Context())).get(self._key)
        found = _read(entry.value) if entry is not None else None
        mine = (self.observed.pipeline, self.observed.calibration)
        if found is not None and (found.pipeline, found.calibration) == mine:
            return found
        return replace(self.observed, watched=0, false=0, on=True)

    def _known(self, now: Observed) -> None:
        if self.observed.on and not now.on and not self._said:
            self._said = True
            log.warning(
                "pipeline %s: its semantic cache has turned itself off: of %d hits that were answered afresh %d were "
                "false, which is above the bound of %g. Run: ragstone cache calibrate, or ragstone cache clear",
                now.pipeline,
                now.watched,
                now.false,
                now.bound,
            )
        self._said = self._said and not now.on
        self.observed = replace(now, bound=self.observed.bound)


async def seen(cache: Cache, *, context: Context) -> list[Observed]:
    """What was observed of every pipeline that was watched, by name, with the hits that were counted."""
    keys = await cache.tagged(ROOM, TAG, context=context)
    found = await cache.get(ROOM, keys, context=context)
    figures = (await cache.stats(context=context)).figures
    rows: Sequence[Observed | None] = [_read(entry.value) for entry in found.values()]
    named = ((row, f"semantic.hit.{row.pipeline}.{row.calibration}") for row in rows if row is not None)
    counted = [replace(row, hits=figures.get(name, 0)) for row, name in named]
    return sorted(counted, key=lambda row: (row.pipeline, row.calibration))


def _written(observed: Observed) -> bytes:
    names = ("pipeline", "calibration", "bound", "watched", "false", "on")
    return json.dumps({"format": FORMAT, **{name: getattr(observed, name) for name in names}}).encode()


def _read(value: bytes) -> Observed | None:
    """What `_written` made; None for anything else."""
    try:
        told = json.loads(value)
    except ValueError:
        return None
    facts = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    if facts.pop("format", None) != FORMAT or {name: type(fact) for name, fact in facts.items()} != _TYPES:
        return None
    return Observed(**facts) if 0 <= facts["false"] <= facts["watched"] else None


_TYPES = {"pipeline": str, "calibration": str, "bound": float, "watched": int, "false": int, "on": bool}
