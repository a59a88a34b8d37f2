"""Entries of a cache in a real Redis: putting them, finding them, and looking at what Redis holds for them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ragstone.connectors.redis import RedisCache
from ragstone.stored import Stored
from ragstone.types import Context
from redis_server import RedisServer

CONTEXT = Context()
KEYS = [number.to_bytes(16, "big") for number in range(1_000)]


@asynccontextmanager
async def opened(server: RedisServer, settings: str = "", **given: int) -> AsyncIterator[RedisCache]:
    """A cache with keys of its own. The settings stand behind the address, `?socket_timeout=0.3`."""
    made = RedisCache(server.url() + settings, prefix=secrets.token_hex(4), **given)
    try:
        yield made
    finally:
        await made.close()


async def put(cache: RedisCache, *keys: bytes, tags: tuple[str, ...] = (), seconds: float | None = None) -> None:
    """Keeps the same under each key."""
    entries = {key: Stored(value=b"said", seconds=seconds, tags=tags) for key in keys}
    await cache.put("calls", entries, context=CONTEXT)


async def found(cache: RedisCache, *keys: bytes) -> list[bytes]:
    """Those of the keys that are there."""
    return list(await cache.get("calls", keys, context=CONTEXT))


def names(client: Any, cache: RedisCache) -> dict[str, int]:
    """The cache's keys in Redis without their prefix, with the seconds that each has to live."""
    begun = f"{cache._prefix}:".encode()
    return {key[len(begun) :].decode(errors="replace"): client.ttl(key) for key in client.scan_iter(begun + b"*")}


async def until(true: Callable[[], bool]) -> None:
    """Returns when it is so."""
    while not true():  # noqa: ASYNC110 - Redis tells nobody
        await asyncio.sleep(0.1)
