"""What no request can reach any more is also removed: answers of an earlier prompt, of a model with other options.

A key is made from the version of the prompt and the fingerprint of the model, so an entry of another one is never
found. Here it is given back its room, in the background, once a cache meets the newer one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ragstone.caching.key import current_key
from ragstone.errors import RagstoneError
from ragstone.protocols import Cache
from ragstone.stored import Lease, Stored
from ragstone.types import Context
from ragstone.wrapped import WrappedCache

__all__ = ["FreshCache", "bare", "forget"]

log = logging.getLogger("ragstone")

ROOM = "current"
FORMAT = 1
STAYS = "%s: what rests on an earlier version stays in the cache for now: %s"
VERSIONED = ("prompt:", "model:")
"""How the tags begin that end in a version: `prompt:answer@5f0c…`."""

MET = 10_000  # versions that are known to have been met; one of the others is met again
EARLIER = 32  # versions of one name that are remembered
PORTION = 500  # tags in one call
REST = 60.0  # seconds that nothing new is met after a cache could not be asked
PATIENCE = 10.0  # seconds for one call: nobody waits for it, and an ingestion no longer than this


def bare(cache: Cache) -> Cache:
    """The cache itself, which has the time that it needs, and says what goes wrong with it."""
    while isinstance(cache, WrappedCache):
        cache = cache.cache
    return cache


async def forget(cache: Cache, tags: Sequence[str], *, context: Context) -> int:
    """Removes what has one of these tags, however many they are, and says how many entries that were.

    Raises CacheUnavailable, or TimeoutError where one portion takes too long.
    """
    itself, gone = bare(cache), 0
    for first in range(0, len(tags), PORTION):
        portion = tags[first : first + PORTION]
        async with asyncio.timeout(PATIENCE):
            gone += await cache.forget(portion, context=context)  # whatever is still to be written goes with it
            if itself is not cache:
                gone += await itself.forget(portion, context=context)  # raises where that went wrong
    return gone


@dataclass(frozen=True, slots=True)
class _Current:
    """The version of a name that counts, and those that counted before, the newest first."""

    version: str
    earlier: tuple[str, ...] = ()

    def followed_by(self, version: str) -> _Current:
        kept = (self.version, *(one for one in self.earlier if one not in (version, self.version)))
        return _Current(version, kept[:EARLIER])

    def dump(self) -> bytes:
        return json.dumps({"format": FORMAT, "version": self.version, "earlier": self.earlier}).encode()


class FreshCache(WrappedCache):
    """Has the wrapped cache forget what rests on an earlier version of a prompt or a model, once it meets another one.

    `place` is where these stand: files of one name in two project folders are two. A version that comes back (an edit
    that was undone; two processes with other settings; two files that give themselves one name) is in use beside the
    one that counted last, so nothing is forgotten for it: what it has no use for ends with its time.
    """

    def __init__(self, cache: Cache, *, place: str) -> None:
        super().__init__(cache)
        self._place = place
        self._met: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = -REST

    async def close(self) -> None:
        """Waits for what is being forgotten, then closes the wrapped cache."""
        await self.settled()
        await super().close()

    async def settled(self) -> None:
        """Returns once nothing is being forgotten any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        """Has the wrapped cache keep them, and looks at what they rest on."""
        await super().put(room, entries, lease=lease, context=context)
        if time.monotonic() - self._failed < REST:
            return
        for tag in {tag for entry in entries.values() for tag in entry.tags if tag.startswith(VERSIONED)}:
            if tag not in self._met:
                self._met = {tag} if len(self._met) >= MET else self._met | {tag}
                task = asyncio.create_task(self._meet(tag))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _meet(self, tag: str) -> None:
        """Lets a version count from now on, and has that forgotten which it follows."""
        name, _, version = tag.rpartition("@")
        cache, context = bare(self.cache), Context()
        key = current_key(self._place, name)
        try:
            async with asyncio.timeout(PATIENCE):
                found = (await cache.get(ROOM, [key], context=context)).get(key)
            current = _read(found.value) if found is not None else None
            if current is None:
                current = _Current(version)
            elif current.version != version:
                if version not in current.earlier:
                    await forget(self.cache, [f"{name}@{current.version}"], context=context)
                current = current.followed_by(version)
            async with asyncio.timeout(PATIENCE):
                await cache.put(ROOM, {key: Stored(value=current.dump())}, context=context)
        except (RagstoneError, TimeoutError) as error:
            self._failed = time.monotonic()
            self._met.discard(tag)  # it is met again, by a later entry
            log.info(STAYS, name, said(error))  # that the cache is down is said by what spares it
        except Exception as error:  # whatever a cache does wrong, nobody's answer fails for it
            log.warning(STAYS, name, said(error))


def said(error: Exception) -> str:
    """What went wrong, in words; a TimeoutError has none of its own."""
    return str(error) or f"it took more than {PATIENCE:g} s"


def _read(value: bytes) -> _Current | None:
    """What is kept, unless another format or something else wrote it."""
    try:
        told: Any = json.loads(value)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    given = cast("dict[str, Any]", told)
    version, earlier = given.get("version"), given.get("earlier")
    if given.get("format") != FORMAT or not isinstance(version, str) or not isinstance(earlier, list):
        return None
    return _Current(version, tuple(str(one) for one in cast("list[object]", earlier)))
